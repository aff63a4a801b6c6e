using DynamicFs.Extents;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Extents;

public sealed class ExtentLayoutTests
{
    public static TheoryData<int, int, int> Shapes()
    {
        var shapes = new TheoryData<int, int, int>();
        (int K, int M)[] schemes = [(1, 0), (1, 2), (2, 1), (3, 1), (4, 2), (8, 3), (17, 15), (31, 1)];
        int[] lengths = [1, 4095, 4096, 4097, 65535, 65536, 65537, 262143, 262144, 262145, 300_000, 1 << 20, (1 << 20) + 1, 3_333_333, (8 << 20) - 1, 8 << 20];
        foreach ((int k, int m) in schemes)
        {
            foreach (int length in lengths)
                shapes.Add(k, m, length);
        }

        return shapes;
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Every_byte_has_one_place_and_finds_back(int dataCount, int parityCount, int lengthBytes)
    {
        var layout = new ExtentLayout(new RedundancyScheme((byte)dataCount, (byte)parityCount), lengthBytes);
        var used = new HashSet<(int, int)>();
        foreach (int offset in Samples(lengthBytes))
        {
            (int fragment, int payloadOffset) = layout.Locate(offset);
            Assert.InRange(fragment, 0, dataCount - 1);
            Assert.InRange(payloadOffset, 0, layout.PayloadBytes - 1);
            Assert.Equal(offset, layout.ExtentOffset(fragment, payloadOffset));
            Assert.True(used.Add((fragment, payloadOffset)));
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Blocks_are_contiguous_and_little_is_padded(int dataCount, int parityCount, int lengthBytes)
    {
        var layout = new ExtentLayout(new RedundancyScheme((byte)dataCount, (byte)parityCount), lengthBytes);
        Assert.Equal(0, layout.PayloadBytes % 4096);
        Assert.Equal(0, layout.UnitBytes % 4096);
        Assert.InRange(layout.PaddedBytes - lengthBytes, 0, (dataCount * 4096) - 1);
        Assert.Equal(layout.PaddedBytes, dataCount * layout.PayloadBytes);
        int covered = 0;
        for (int fragment = 0; fragment < dataCount; fragment++)
        {
            for (int block = 0; block < layout.BlockCount; block++)
            {
                int start = block * ExtentLayout.BlockBytes, length = layout.BlockLength(block);
                covered += length;
                Assert.Equal(layout.ExtentOffset(fragment, start) + length - 1, layout.ExtentOffset(fragment, start + length - 1));
            }
        }

        Assert.Equal(layout.PaddedBytes, covered);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Block_ranges_are_those_of_a_walk_over_the_bytes(int dataCount, int parityCount, int lengthBytes)
    {
        var layout = new ExtentLayout(new RedundancyScheme((byte)dataCount, (byte)parityCount), lengthBytes);
        var random = new Random(lengthBytes + dataCount);
        for (int round = 0; round < 20; round++)
        {
            int offset = random.Next(lengthBytes);
            int end = offset + 1 + random.Next(Math.Min(lengthBytes - offset, round % 2 == 0 ? 5000 : 2_000_000));
            var expected = new (int First, int End)[dataCount];
            Array.Fill(expected, (int.MaxValue, 0));
            for (int at = offset; at < end; at = Math.Min(end, at + 1024 - (at % 1024)))
            {
                (int fragment, int payloadOffset) = layout.Locate(at);
                int block = payloadOffset / ExtentLayout.BlockBytes;
                expected[fragment] = (Math.Min(expected[fragment].First, block), Math.Max(expected[fragment].End, block + 1));
            }

            for (int fragment = 0; fragment < dataCount; fragment++)
            {
                bool any = layout.TryBlocks(fragment, offset, end, out int first, out int endBlock);
                Assert.Equal(expected[fragment].End > 0, any);
                if (any)
                    Assert.Equal(expected[fragment], (first, endBlock));
            }
        }
    }

    [Fact]
    public void A_full_extent_of_four_plus_two_has_fragments_of_two_mebibytes()
    {
        var layout = new ExtentLayout(RedundancyScheme.ReedSolomon(4, 2), 8 << 20);
        Assert.Equal((2 << 20, 128, 8192, 65536), (layout.PayloadBytes, layout.BlockCount, layout.HeaderBytes, layout.UnitBytes));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData((8 << 20) + 1)]
    public void Lengths_out_of_range_are_a_defect(int lengthBytes) =>
        Assert.Throws<InvariantException>(() => new ExtentLayout(RedundancyScheme.Replica(1), lengthBytes));

    private static IEnumerable<int> Samples(int lengthBytes)
    {
        for (int offset = 0; offset < lengthBytes; offset += 1021)
            yield return offset;
        if ((lengthBytes - 1) % 1021 != 0)
            yield return lengthBytes - 1;
    }
}
