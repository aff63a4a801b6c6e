using System.Text;
using DynamicFs.Disks;
using DynamicFs.Interop;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Disks;

public sealed class DiskLabelTests
{
    private static readonly string s_golden = Path.Combine(Repository.Root, "tests", "unit", "Golden", "disk.json");

    internal static DiskLabel Sample { get; } = MakeSample();

    [Fact]
    public void The_file_is_the_golden_one_byte_for_byte()
    {
        byte[] bytes = DiskLabelFormat.Encode(Sample);
        if (Repository.IsGoldenUpdate)
            File.WriteAllBytes(s_golden, bytes);
        Assert.Equal(Encoding.UTF8.GetString(File.ReadAllBytes(s_golden)), Encoding.UTF8.GetString(bytes));
    }

    [Fact]
    public void What_is_encoded_decodes_to_the_same()
    {
        DiskLabel label = DiskLabelFormat.Decode("d", File.ReadAllBytes(s_golden));
        Assert.Equal(Sample.Members, label.Members);
        Assert.Equal(Sample with { Members = label.Members, Features = label.Features }, label);
        Assert.Equal(["a"], label.Features.Compatible);
        Assert.False(label.Features.NeedsReadOnly);
        Assert.Equal(DiskLabelFormat.Encode(Sample), DiskLabelFormat.Encode(label));
    }

    [Fact]
    public void Every_flipped_bit_and_every_missing_end_is_corruption()
    {
        byte[] good = DiskLabelFormat.Encode(Sample);
        for (int i = 0; i < good.Length; i++)
        {
            byte[] flipped = [.. good];
            flipped[i] ^= (byte)(1 << (i % 8));
            Assert.Throws<CorruptionException>(() => DiskLabelFormat.Decode("d", flipped));
            Assert.Throws<CorruptionException>(() => DiskLabelFormat.Decode("d", good.AsSpan(0, i)));
        }

        Assert.Throws<CorruptionException>(() => DiskLabelFormat.Decode("d", [.. good, (byte)'\n']));
    }

    [Theory]
    [InlineData("", "an empty file")]
    [InlineData("\0\0\0\0", "nothing but zeros")]
    [InlineData("{}\n", "truncated or damaged")]
    public void What_is_no_label_at_all_is_named(string text, string found)
    {
        CorruptionException corruption = Assert.Throws<CorruptionException>(() => DiskLabelFormat.Decode("/mnt/d1", Encoding.ASCII.GetBytes(text)));
        Assert.Contains("disk /mnt/d1: disk.json is corrupt", corruption.Message);
        Assert.Contains(found, corruption.Message);
    }

    [Fact]
    public void A_file_above_the_size_limit_is_refused() =>
        Assert.Contains("larger", Assert.Throws<CorruptionException>(() => DiskLabelFormat.Decode("d", new byte[DiskLabelFormat.MaxBytes + 1])).Found);

    [Theory]
    [InlineData("\"formatVersion\": 1", "\"formatVersion\": 2", "format version 2")]
    [InlineData("\"formatVersion\": 1", "\"formatVersion\": 2, \"new\": {}", "format version 2")]
    [InlineData("\"incompat\": []", "\"incompat\": [\"encrypted\"]", "encrypted")]
    public void An_unknown_format_is_told_from_damage(string old, string replacement, string named)
    {
        PoolException refusal = Assert.Throws<PoolException>(() => DecodeEdited(old, replacement));
        Assert.Equal(ErrorId.Format, refusal.Id);
        Assert.Contains(named, refusal.Message);
    }

    [Fact]
    public void An_unknown_ro_compat_feature_allows_reading() =>
        Assert.True(DecodeEdited("\"roCompat\": []", "\"roCompat\": [\"x\"]").Features.NeedsReadOnly);

    [Theory]
    [InlineData("\"format\": \"dynamicfs-disk\"", "\"format\": \"other\"")]
    [InlineData("\"memberIndex\": 1", "\"memberIndex\": 0")]
    [InlineData("\"memberIndex\": 1", "\"memberIndex\": -1")]
    [InlineData("\"memberIndex\": 1", "\"memberIndex\": 3")]
    [InlineData("\"memberIndex\": 1", "\"memberIndex\": 1.5")]
    [InlineData("\"memberIndex\": 1", "\"memberIndex\": \"1\"")]
    [InlineData("\"memberIndex\": 1", "\"memberIndex\": 1, \"memberIndex\": 1")]
    [InlineData("\"memberIndex\": 1", "\"memberIndex\": 1, \"more\": 1")]
    [InlineData("\"memberIndex\": 1,", "")]
    [InlineData("\"memberCount\": 3", "\"memberCount\": 4")]
    [InlineData("\"policy\": \"replica:3\"", "\"policy\": \"replica:0\"")]
    [InlineData("\"state\": \"SUSPECT\"", "\"state\": \"suspect\"")]
    [InlineData("\"who\": \"engine\"", "\"who\": null")]
    [InlineData("\"poolName\": \"tank\"", "\"poolName\": \"\"")]
    [InlineData("\"poolName\": \"tank\"", "\"poolName\": \"a/b\"")]
    [InlineData("\"poolName\": \"tank\"", "\"poolName\": \"a\\u0000b\"")]
    [InlineData("\"poolName\": \"tank\"", "\"poolName\": \"\\ud800\"")]
    [InlineData("2026-01-02T03:04:05.0000000Z", "2026-01-02")]
    [InlineData("00000003-0000", "00000001-0000")]
    [InlineData("\"poolId\": \"00000000-0000-0000-0000-0000000000aa\"", "\"poolId\": \"00000000-0000-0000-0000-000000000000\"")]
    [InlineData("\"poolId\": \"00000000-0000-0000-0000-0000000000aa\"", "\"poolId\": \"tank\"")]
    public void Nonsense_under_a_right_checksum_is_corruption(string old, string replacement) =>
        Assert.Throws<CorruptionException>(() => DecodeEdited(old, replacement));

    [Fact]
    public void A_label_without_sense_is_never_written()
    {
        Assert.Throws<InvariantException>(() => DiskLabelFormat.Encode(Sample with { Index = 0 }));
        Assert.Throws<InvariantException>(() => DiskLabelFormat.Encode(Sample with { PoolName = "" }));
        Assert.Throws<InvariantException>(() => DiskLabelFormat.Encode(Sample with { Members = [] }));
    }

    [Fact]
    public void The_largest_pool_fits_the_size_limit()
    {
        DiskId[] members = [.. Enumerable.Range(0, DiskLabel.MaxMembers).Select(_ => DiskId.New())];
        DiskLabel label = Sample with { Id = members[7], Index = 7, Members = members, PoolName = new string('\u00e9', 255), Name = new string('\u00e9', 255) };
        Assert.Equal(members, DiskLabelFormat.Decode("d", DiskLabelFormat.Encode(label)).Members);
    }

    /// <summary>The golden label with one edit and its checksum made right again.</summary>
    private static DiskLabel DecodeEdited(string old, string replacement)
    {
        string text = Encoding.UTF8.GetString(DiskLabelFormat.Encode(Sample));
        Assert.Contains(old, text);
        return DiskLabelFormat.Decode("d", Seal(text.Replace(old, replacement, StringComparison.Ordinal)));
    }

    private static byte[] Seal(string text)
    {
        int digits = text.LastIndexOf("\"checksum\": \"", StringComparison.Ordinal) + "\"checksum\": \"".Length;
        string head = text[..digits], tail = text[(digits + 64)..];
        string checksum = Blake3.Hash(Encoding.UTF8.GetBytes(head + new string('0', 64) + tail)).ToString();
        return Encoding.UTF8.GetBytes(head + checksum + tail);
    }

    private static DiskLabel MakeSample()
    {
        DiskId[] members = [.. Enumerable.Range(1, 3).Select(i => new DiskId(new Guid(i, 0, 0, new byte[8])))];
        return new DiskLabel
        {
            Id = members[1],
            Pool = new PoolId(new Guid("00000000-0000-0000-0000-0000000000aa")),
            PoolName = "tank",
            Name = "shelf 2, \u00e9tage 1",
            Index = 1,
            Members = members,
            Scheme = RedundancyScheme.Replica(3),
            Created = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero),
            Health = new DiskHealth(
                DiskState.Suspect, "write failed", new DateTimeOffset(2026, 2, 3, 4, 5, 6, TimeSpan.Zero).AddTicks(7), "write tmp/1.0: EIO", "engine")
            {
                ErrorCount = 2,
                History = [new DiskEvent(new DateTimeOffset(2026, 2, 3, 4, 5, 6, TimeSpan.Zero), "write tmp/1.0: EIO"), new DiskEvent(new DateTimeOffset(2026, 2, 3, 4, 5, 7, TimeSpan.Zero), "HEALTHY to SUSPECT: a write failed")],
            },
            Features = new DiskFeatures(["a"], [], []),
        };
    }
}
