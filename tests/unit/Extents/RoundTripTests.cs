using DynamicFs.Extents;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Extents;

public sealed class RoundTripTests
{
    private static readonly int[] s_lengths =
    [
        1, 4095, 4096, 4097, 65535, 65536, 65537, 262143, 262144, 262145, 300_000, 1 << 20, (8 << 20) - 1, 8 << 20,
    ];

    [Theory]
    [InlineData("replica:1", 0)]
    [InlineData("replica:2", 0)]
    [InlineData("replica:3", 2)]
    [InlineData("replica:4", 0)]
    [InlineData("rs:2+1", 0)]
    [InlineData("rs:3+2", 0)]
    [InlineData("rs:4+2", 2)]
    [InlineData("rs:8+3", 1)]
    [InlineData("rs:17+15", 0)]
    public void What_was_written_is_read(string policy, int threads)
    {
        Assert.True(RedundancyScheme.TryParse(policy, out RedundancyScheme scheme, out _));
        using var pool = new ExtentPool(scheme.Width + 1, threads);
        var records = new List<(ExtentRecord Record, byte[] Data)>();
        foreach (int length in s_lengths)
        {
            byte[] data = ExtentPool.Bytes(length, length);
            ExtentRecord record = pool.Write(scheme, data);
            Assert.Equal((scheme, length), (record.Scheme, record.LengthBytes));
            Assert.All(record.Fragments, place => Assert.True(place.IsPlaced));
            records.Add((record, data));
        }

        Assert.Empty(pool.Store.SyncDirectories());
        Assert.Equal(ExtentPool.FilesOf(records.Select(r => r.Record)), pool.Files());
        pool.Reopen();
        foreach ((ExtentRecord record, byte[] data) in records)
        {
            pool.Store.Prefetch(record);
            pool.AssertReads(record, data, ranges: 12);
            Assert.All(pool.Store.Verify(record), verdict => Assert.Equal(FragmentVerdict.Good, verdict));
        }

        Assert.Empty(pool.Damages);
        Assert.Equal(0, pool.Store.Counters.DecodedBlocks);
    }

    [Fact]
    public void Every_offset_near_the_borders_is_read()
    {
        using var pool = new ExtentPool(3);
        byte[] data = ExtentPool.Bytes(300_001, 3);
        ExtentRecord record = pool.Write(RedundancyScheme.ReedSolomon(2, 1), data);
        int[] borders = [0, 16384, 65536, 131072, 262144, 262144 + 20480, data.Length];
        foreach (int from in borders)
        {
            foreach (int to in borders)
            {
                for (int i = -1; i <= 1; i++)
                {
                    for (int j = -1; j <= 1; j++)
                    {
                        int offset = Math.Clamp(from + i, 0, data.Length), end = Math.Clamp(to + j, 0, data.Length);
                        if (offset < end)
                            pool.AssertRange(record, data, offset, end - offset);
                    }
                }
            }
        }
    }

    [Fact]
    public void Same_bytes_are_in_the_files_as_the_format_says()
    {
        using var pool = new ExtentPool(3);
        byte[] data = ExtentPool.Bytes(200_000, 5);
        ExtentRecord record = pool.Write(RedundancyScheme.ReedSolomon(2, 1), data, new ExtentId(0xabcdef));
        byte[][] files = [.. Enumerable.Range(0, 3).Select(i => File.ReadAllBytes(pool.PathOf(record, i)))];
        var layout = new ExtentLayout(record.Scheme, record.LengthBytes);
        Assert.All(files, file => Assert.Equal(layout.FragmentBytes, file.Length));

        // One full row of two units, then a last row of ceil(68928 / 2) rounded up to 4096.
        byte[] padded = new byte[131072 + (2 * 36864)];
        data.CopyTo(padded, 0);
        byte[][] payloads = [.. files.Select(file => file[layout.HeaderBytes..])];
        Assert.Equal([.. padded[..65536], .. padded[131072..(131072 + 36864)]], payloads[0]);
        Assert.Equal([.. padded[65536..131072], .. padded[(131072 + 36864)..]], payloads[1]);
        for (int i = 0; i < 3; i++)
            GoldenBytes.Check($"fragment-rs2+1.{i}.head.bin", files[i].AsSpan(0, 4096 + 64));
    }

    [Fact]
    public void A_read_outside_of_the_extent_is_a_defect()
    {
        using var pool = new ExtentPool(1);
        ExtentRecord record = pool.Write(RedundancyScheme.Replica(1), ExtentPool.Bytes(100, 1));
        Assert.Throws<InvariantException>(() => pool.Store.Read(record, 50, new byte[51]));
        Assert.Throws<InvariantException>(() => pool.Store.Read(record, -1, new byte[1]));
        pool.Store.Read(record, 100, []);
    }

    [Fact]
    public void Direct_read_back_goes_to_the_medium_and_is_counted()
    {
        using var pool = new ExtentPool(6, options: new ExtentStoreOptions(DirectReadBack: true));
        byte[] data = ExtentPool.Bytes(1 << 20, 9);
        ExtentRecord record = pool.Write(RedundancyScheme.ReedSolomon(4, 2), data);
        pool.AssertReads(record, data);
        long written = 6 * new ExtentLayout(record.Scheme, record.LengthBytes).FragmentBytes;
        Assert.Equal(written, pool.Store.Counters.ReadBackDirectBytes + pool.Store.Counters.ReadBackCachedBytes);
    }

    [Fact]
    public void Prefetch_of_a_damaged_extent_does_no_harm()
    {
        using var pool = new ExtentPool(3);
        byte[] data = ExtentPool.Bytes(100_000, 9);
        ExtentRecord record = pool.Write(RedundancyScheme.Replica(3), data);
        File.Delete(pool.PathOf(record, 0));
        pool.Reopen();
        pool.Store.Prefetch(record);
        pool.AssertReads(record, data);
    }

    [Fact]
    public void Disks_are_told_before_a_read_that_touches_several_unless_it_is_sequential()
    {
        using var pool = new ExtentPool(6);
        byte[] data = ExtentPool.Bytes(2 << 20, 11);
        ExtentRecord record = pool.Write(RedundancyScheme.ReedSolomon(4, 2), data);
        var layout = new ExtentLayout(record.Scheme, record.LengthBytes);
        Assert.Empty(Told(0, 200_000));
        Assert.Empty(Told(200_000, 200_000));
        Assert.Empty(Told(700_000, 1000));
        Assert.Equal(
            [$"WillNeed {FragmentName.File(record.Id, 0)} {layout.HeaderBytes + 65536}+65536", $"WillNeed {FragmentName.File(record.Id, 1)} {layout.HeaderBytes + 65536}+16384"],
            Told(4 * 65536, 65537));

        string[] Told(int offset, int lengthBytes)
        {
            pool.Disks.ForEach(disk => disk.Log.Clear());
            pool.AssertRange(record, data, offset, lengthBytes);
            return [.. pool.Disks.SelectMany(disk => disk.Log).Where(line => line.StartsWith("WillNeed", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        }
    }

    [Fact]
    public void A_small_read_allocates_nothing()
    {
        using var pool = new ExtentPool(6);
        byte[] data = ExtentPool.Bytes(2 << 20, 11);
        ExtentRecord striped = pool.Write(RedundancyScheme.ReedSolomon(4, 2), data), copies = pool.Write(RedundancyScheme.Replica(3), data);
        var destination = new byte[128 << 10];
        void ReadAll()
        {
            for (int i = 0; i < 50; i++)
            {
                pool.Store.Read(striped, i * 4096, destination.AsSpan(0, 4096));
                pool.Store.Read(copies, i * 4096, destination.AsSpan(0, 4096));
                pool.Store.Read(striped, i * 4096, destination);
            }
        }

        for (int i = 0; i < 50; i++)
        {
            ReadAll();
            pool.Disks.ForEach(disk => disk.Log.Clear());
        }

        pool.Disks.ForEach(disk => disk.IsLogging = false);
        ReadAll();
        long before = GC.GetAllocatedBytesForCurrentThread();
        ReadAll();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
