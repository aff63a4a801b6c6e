using Xunit;

namespace DynamicFs.CrashTests.Simulation;

public sealed class BlockMapTests
{
    private const int MaxBytes = 600_000;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Any_changes_equal_those_of_an_array_and_leave_older_maps_alone(int seed)
    {
        var random = new Random(seed);
        byte[] model = [];
        BlockMap map = BlockMap.Empty;
        List<(BlockMap Map, byte[] Model)> kept = [];
        for (int step = 0; step < 400; step++)
        {
            if (random.Next(4) == 0)
            {
                int length = random.Next(MaxBytes);
                Array.Resize(ref model, length);
                map = map.WithLength(length);
            }
            else
            {
                int offset = random.Next(MaxBytes / 2);
                byte[] data = new byte[random.Next(1, 20_000)];
                random.NextBytes(data);
                byte[] changed = new byte[Math.Max(model.Length, offset + data.Length)];
                model.CopyTo(changed, 0);
                data.CopyTo(changed, offset);
                model = changed;
                map = map.Write(offset, data);
            }

            if (step % 20 == 0)
                kept.Add((map, [.. model]));
        }

        kept.Add((map, model));
        Assert.All(kept, pair => Assert.Equal(pair.Model, Content(pair.Map)));
    }

    [Fact]
    public void A_copy_takes_the_bytes_at_any_alignment_and_shares_whole_blocks()
    {
        byte[] bytes = new byte[40_000];
        new Random(1).NextBytes(bytes);
        BlockMap source = BlockMap.Empty.Write(0, bytes);
        foreach ((int from, int to, int count) in new[] { (0, 0, 40_000), (512, 512, 9_000), (512, 4_608, 9_000), (0, 300_000, 40_000), (30_000, 0, 20_000) })
        {
            var builder = new BlockMap.Builder(BlockMap.Empty) { LengthBytes = to + count };
            builder.Copy(source, from, to, count);
            byte[] expected = new byte[to + count];
            bytes.AsSpan(from, Math.Min(count, bytes.Length - from)).CopyTo(expected.AsSpan(to));
            Assert.Equal(expected, Content(builder.Build()));
        }

        Assert.Equal(bytes, Content(source));
    }

    [Fact]
    public void What_was_cut_off_or_written_behind_the_end_reads_as_zeros_when_the_file_grows()
    {
        var builder = new BlockMap.Builder(BlockMap.Empty.Write(0, new byte[10_000].Select(_ => (byte)1).ToArray())) { LengthBytes = 5_000 };
        builder.Write(20_000, [1, 2, 3]);
        BlockMap map = builder.Build();
        Assert.Equal(5_000, map.LengthBytes);
        byte[] grown = Content(map.WithLength(30_000));
        Assert.Equal(1, grown[4_999]);
        Assert.False(grown.AsSpan(5_000).ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void The_hash_is_of_the_content_alone()
    {
        BlockMap a = BlockMap.Empty.Write(0, "abc"u8).Write(100_000, "xyz"u8);
        BlockMap b = BlockMap.Empty.WithLength(100_003).Write(100_000, "xyz"u8).Write(0, "zzz"u8).Write(0, "abc"u8).Write(50_000, new byte[20_000]);
        Assert.Equal(a.Hash(), b.Hash());
        BlockMap[] others =
        [
            BlockMap.Empty, a.WithLength(100_004), a.Write(0, "abd"u8), a.Write(4_096, "a"u8), a.Write(1, "a"u8).Write(0, "b"u8), a.Write(300_000, "\0"u8),
            BlockMap.Empty.Write(4_096, "abc"u8).Write(100_000, "xyz"u8),
        ];
        Assert.Equal(others.Length + 1, others.Append(a).Select(map => map.Hash()).Distinct().Count());
    }

    private static byte[] Content(BlockMap map)
    {
        byte[] content = new byte[map.LengthBytes];
        Assert.Equal(content.Length, map.Read(0, content));
        return content;
    }
}
