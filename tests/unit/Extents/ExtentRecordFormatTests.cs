using DynamicFs.Extents;
using DynamicFs.Interop;
using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Extents;

public sealed class ExtentRecordFormatTests
{
    [Fact]
    public void Golden()
    {
        ExtentRecord record = Make(RedundancyScheme.ReedSolomon(4, 2), 300_000);
        record.Fragments[2] = FragmentPlace.None;
        byte[] bytes = Encode(record);
        GoldenBytes.Check("extent-record.bin", bytes);
        AssertSame(record, ExtentRecordFormat.Read(File.ReadAllBytes(GoldenBytes.PathOf("extent-record.bin"))));
    }

    [Theory]
    [InlineData(1, 0, 1)]
    [InlineData(1, 31, 8 << 20)]
    [InlineData(17, 15, 5_000_000)]
    [InlineData(2, 1, 4096)]
    public void Round_trip_within_a_tree_value(int dataCount, int parityCount, int lengthBytes)
    {
        ExtentRecord record = Make(new RedundancyScheme((byte)dataCount, (byte)parityCount), lengthBytes);
        byte[] bytes = Encode(record);
        Assert.Equal(ExtentRecordFormat.SizeOf(record.Scheme), bytes.Length);
        Assert.InRange(bytes.Length, 1, Tree.MaxValueBytes);
        AssertSame(record, ExtentRecordFormat.Read(bytes));
    }

    [Fact]
    public void Fuzz_gives_a_record_that_encodes_to_the_same_bytes_or_corruption()
    {
        var random = new Random(7);
        byte[] bytes = Encode(Make(RedundancyScheme.ReedSolomon(4, 2), 300_000));
        for (int round = 0; round < 20_000; round++)
        {
            byte[] mutant = (byte[])bytes.Clone();
            for (int i = random.Next(1, 4); i > 0; i--)
                mutant[random.Next(random.Next(2) == 0 ? 32 : mutant.Length)] = random.Next(2) == 0 ? (byte)0 : (byte)random.Next(256);
            if (random.Next(8) == 0)
                mutant = mutant[..random.Next(mutant.Length)];
            try
            {
                Assert.Equal(mutant, Encode(ExtentRecordFormat.Read(mutant)));
            }
            catch (CorruptionException)
            {
            }
        }
    }

    [Fact]
    public void Two_fragments_on_one_disk_are_refused()
    {
        ExtentRecord record = Make(RedundancyScheme.Replica(3), 100);
        byte[] bytes = Encode(record);
        bytes[32 + 34] = bytes[32];
        Assert.Throws<CorruptionException>(() => ExtentRecordFormat.Read(bytes));
    }

    private static byte[] Encode(ExtentRecord record)
    {
        var bytes = new byte[Tree.MaxValueBytes];
        return bytes[..ExtentRecordFormat.Write(bytes, record)];
    }

    private static ExtentRecord Make(RedundancyScheme scheme, int lengthBytes)
    {
        var fragments = new FragmentPlace[scheme.Width];
        for (int i = 0; i < fragments.Length; i++)
            fragments[i] = new FragmentPlace((short)(i + 1), Blake3.Hash([(byte)i]));
        return new ExtentRecord(new ExtentId(0x1122334455667788), new Generation(99), scheme, lengthBytes, lengthBytes / 2, new ExtentLayout(scheme, lengthBytes).UnitBytes, fragments);
    }

    private static void AssertSame(ExtentRecord expected, ExtentRecord actual)
    {
        Assert.Equal(expected with { Fragments = [] }, actual with { Fragments = actual.Fragments[..0] }, EqualityComparer<ExtentRecord>.Create((a, b) =>
            (a!.Id, a.Birth, a.Scheme, a.LengthBytes, a.DirectoryOffset, a.UnitBytes) == (b!.Id, b.Birth, b.Scheme, b.LengthBytes, b.DirectoryOffset, b.UnitBytes)));
        Assert.Equal(expected.Fragments, actual.Fragments);
    }
}
