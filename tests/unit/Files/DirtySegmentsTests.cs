using DynamicFs.Files;
using Xunit;

namespace DynamicFs.UnitTests.Files;

/// <summary>Dirty segments against a plain byte array with a flag per byte: same bytes, same gaps, after any sequence of writes and drops.</summary>
public sealed class DirtySegmentsTests : IDisposable
{
    private const int Length = 300_000;

    private readonly SegmentPool _pool = new();

    public void Dispose() => _pool.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void RandomWritesAndDropsMatchAByteArray(int seed)
    {
        var random = new Random(seed);
        var segments = new DirtySegments(_pool);
        byte[] bytes = new byte[Length];
        bool[] isDirty = new bool[Length];
        bool[] isFresh = new bool[Length];
        for (int step = 0; step < 600; step++)
        {
            int from = random.Next(Length - 1);
            int length = random.Next(1, Math.Min(Length - from, random.Next(4) == 0 ? 100_000 : 9_000));
            switch (random.Next(5))
            {
                case 0:
                    segments.Drop(from, from + length);
                    isDirty.AsSpan(from, length).Clear();
                    isFresh.AsSpan(from, length).Clear();
                    break;
                case 1:
                    Assert.All(segments.Segments, s => Assert.True(s.FreshFrom >= 0 && s.FreshTo <= s.LengthBytes));
                    foreach (Segment segment in segments.Segments)
                        (segment.FreshFrom, segment.FreshTo) = (0, 0);
                    isFresh.AsSpan().Clear();
                    break;
                default:
                    byte[] source = new byte[length];
                    random.NextBytes(source);
                    segments.Write(from, source);
                    source.CopyTo(bytes, from);
                    isDirty.AsSpan(from, length).Fill(true);
                    isFresh.AsSpan(from, length).Fill(true);
                    break;
            }

            Check(segments, bytes, isDirty, isFresh);
        }

        segments.Clear();
        Assert.True(segments.IsEmpty);
        Assert.Equal(0, _pool.UsedBytes);
    }

    [Fact]
    public void AStreamUsesFewLargeBlocks()
    {
        var segments = new DirtySegments(_pool);
        byte[] source = new byte[4096];
        for (int i = 0; i < 2048; i++)
            segments.Write(i * 4096L, source);
        Assert.Equal(8 << 20, segments.LengthBytes);
        Assert.InRange(segments.Segments.Count, 1, 14);
        Assert.InRange(_pool.UsedBytes, 8 << 20, 10 << 20);
        segments.Clear();
    }

    [Fact]
    public void AnOverwriteInPlaceMakesOnlyItsBytesFresh()
    {
        var segments = new DirtySegments(_pool);
        segments.Write(0, new byte[100_000]);
        Segment segment = segments.Segments[0];
        (segment.FreshFrom, segment.FreshTo) = (0, 0);
        segments.Write(5000, new byte[100]);
        Assert.Equal((5000, 5100), (segment.FreshFrom, segment.FreshTo));
        segments.Clear();
    }

    private static void Check(DirtySegments segments, byte[] bytes, bool[] isDirty, bool[] isFresh)
    {
        long end = 0;
        long sum = 0;
        foreach (Segment segment in segments.Segments)
        {
            Assert.True(segment.Offset >= end && segment.LengthBytes > 0);
            for (int i = 0; i < segment.LengthBytes; i += 101)
                Assert.True(isDirty[segment.Offset + i]);
            (end, sum) = (segment.End, sum + segment.LengthBytes);
        }

        Assert.Equal(isDirty.Count(d => d), sum);
        Assert.Equal(sum, segments.LengthBytes);
        byte[] read = new byte[Length];
        var gaps = new List<(long Offset, int LengthBytes)>();
        segments.Read(0, read, gaps);
        bool[] isGap = new bool[Length];
        foreach ((long offset, int length) in gaps)
            isGap.AsSpan((int)offset, length).Fill(true);
        bool[] inFresh = new bool[Length];
        foreach (Segment segment in segments.Segments.Where(s => s.IsFresh))
            inFresh.AsSpan((int)segment.FreshOffset, segment.FreshBytes.Length).Fill(true);
        for (int i = 0; i < Length; i++)
        {
            if (isDirty[i] ? isGap[i] || read[i] != bytes[i] : !isGap[i])
                Assert.Fail($"byte {i}: dirty {isDirty[i]}, gap {isGap[i]}, read {read[i]}, expected {bytes[i]}");
            if (isFresh[i] && !inFresh[i])
                Assert.Fail($"byte {i} is not in the journal and would not get there");
        }
    }
}
