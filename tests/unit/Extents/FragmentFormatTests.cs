using DynamicFs.Extents;
using DynamicFs.Interop;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Extents;

public sealed class FragmentFormatTests
{
    private static readonly PoolId s_pool = new(Guid.Parse("00112233-4455-6677-8899-aabbccddeeff"));

    [Fact]
    public void Golden()
    {
        (byte[] bytes, FragmentHeader header, Checksum checksum) = Make(RedundancyScheme.ReedSolomon(4, 2), 300_000, index: 5);
        GoldenBytes.Check("fragment-header.bin", bytes);
        Assert.True(FragmentFormat.TryParse(File.ReadAllBytes(GoldenBytes.PathOf("fragment-header.bin")), out FragmentHeader parsed, out Checksum found, out _));
        Assert.Equal((header, checksum), (parsed, found));
    }

    [Theory]
    [InlineData(1, 0, 1)]
    [InlineData(1, 31, 8 << 20)]
    [InlineData(2, 1, 70_000)]
    [InlineData(17, 15, (8 << 20) - 1)]
    public void Round_trip(int dataCount, int parityCount, int lengthBytes)
    {
        var scheme = new RedundancyScheme((byte)dataCount, (byte)parityCount);
        (byte[] bytes, FragmentHeader header, Checksum checksum) = Make(scheme, lengthBytes, scheme.Width - 1);
        Assert.InRange(bytes.Length, 4096, FragmentFormat.MaxHeaderBytes);
        Assert.True(FragmentFormat.TryParse(bytes, out FragmentHeader parsed, out Checksum found, out string? problem), problem);
        Assert.Equal((header, checksum), (parsed, found));
    }

    [Fact]
    public void Any_flipped_bit_is_found()
    {
        (byte[] bytes, _, _) = Make(RedundancyScheme.ReedSolomon(2, 1), 40_000, index: 1);
        for (int bit = 0; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(FragmentFormat.TryParse(bytes, out _, out _, out _), $"bit {bit}");
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void Any_truncation_is_found()
    {
        (byte[] bytes, _, _) = Make(RedundancyScheme.Replica(3), 300_000, index: 2);
        for (int length = 0; length < bytes.Length; length++)
            Assert.False(FragmentFormat.TryParse(bytes.AsSpan(0, length), out _, out _, out _));
    }

    /// <summary>Mutations with a right checksum, so that the checks of meaning are reached, never throw and accept only what Write makes.</summary>
    [Fact]
    public void Fuzz()
    {
        var random = new Random(20_000);
        (byte[] bytes, _, _) = Make(RedundancyScheme.ReedSolomon(4, 2), 300_000, index: 3);
        int accepted = 0;
        for (int round = 0; round < 20_000; round++)
        {
            byte[] mutant = (byte[])bytes.Clone();
            for (int i = random.Next(1, 4); i > 0; i--)
            {
                int at = random.Next(random.Next(2) == 0 ? 128 : mutant.Length);
                mutant[at] = random.Next(3) switch { 0 => 0, 1 => 0xff, _ => (byte)random.Next(256) };
            }

            if (random.Next(4) == 0)
                mutant = mutant[..random.Next(mutant.Length)];
            else
                Resum(mutant);
            if (!FragmentFormat.TryParse(mutant, out FragmentHeader header, out Checksum checksum, out string? problem))
            {
                Assert.NotEmpty(problem);
                continue;
            }

            accepted++;
            byte[] again = mutant[..header.Layout.HeaderBytes];
            Assert.Equal(checksum, FragmentFormat.Write(header, again));
            Assert.Equal(mutant[..again.Length], again);
        }

        // Ids, the table and the directory offset may be anything; all else must be as it was.
        Assert.InRange(accepted, 100, 15_000);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(128)]
    [InlineData(5000)]
    public void Garbage_and_zeros_are_refused(int lengthBytes)
    {
        var bytes = new byte[lengthBytes];
        Assert.False(FragmentFormat.TryParse(bytes, out _, out _, out _));
        new Random(1).NextBytes(bytes);
        Assert.False(FragmentFormat.TryParse(bytes, out _, out _, out _));
    }

    [Theory]
    [InlineData(0x1234UL, 5, "fragments/00000000000012/0000000000001234.05", "tmp/0000000000001234.05")]
    [InlineData(ulong.MaxValue, 31, "fragments/ffffffffffffff/ffffffffffffffff.1f", "tmp/ffffffffffffffff.1f")]
    public void Names(ulong id, int index, string file, string temporary)
    {
        var extent = new ExtentId(id);
        Assert.Equal(file, FragmentName.File(extent, index));
        Assert.Equal(temporary, FragmentName.Temporary(extent, index));
        Assert.True(FragmentName.TryParse(Path.GetFileName(file), out ExtentId parsed, out int parsedIndex));
        Assert.Equal((extent, index), (parsed, parsedIndex));
        Assert.True(FragmentName.TryParseGroup(file.Split('/')[1], out ulong group));
        Assert.Equal(FragmentName.GroupOf(extent), group);
        Assert.Equal(file[..file.LastIndexOf('/')], FragmentName.GroupDirectory(group));
    }

    [Theory]
    [InlineData("0000000000001234")]
    [InlineData("0000000000001234.5")]
    [InlineData("0000000000001234.20")]
    [InlineData("000000000000123A.05")]
    [InlineData("+000000000001234.05")]
    [InlineData("0000000000001234.05x")]
    [InlineData("0000000000001234-05")]
    public void Foreign_names_are_not_ours(string name) => Assert.False(FragmentName.TryParse(name, out _, out _));

    private static (byte[] Bytes, FragmentHeader Header, Checksum Checksum) Make(RedundancyScheme scheme, int lengthBytes, int index)
    {
        var header = new FragmentHeader(s_pool, new ExtentId(0x1122334455667788), new Generation(77), scheme, index, lengthBytes, lengthBytes / 2);
        var bytes = new byte[header.Layout.HeaderBytes];
        for (int i = 0; i < bytes.Length; i++)
            bytes[i] = (byte)(i * 7);
        return (bytes, header, FragmentFormat.Write(header, bytes));
    }

    private static void Resum(byte[] header)
    {
        var hasher = new Blake3Hasher();
        hasher.Update(header.AsSpan(0, 96));
        hasher.Update(header.AsSpan(128));
        hasher.Finish().Write(header.AsSpan(96));
    }
}
