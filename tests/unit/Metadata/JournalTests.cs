using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Metadata;

public sealed class JournalTests
{
    [Fact]
    public void BatchesComeBackInOrderUntilTheNextCommit()
    {
        using TestPool pool = MirrorTests.Filled(3);
        byte[][] batches = Batches(20);
        foreach (byte[] batch in batches)
            Assert.True(pool.Store.AppendJournal(batch));
        pool.Reopen();
        Assert.Equal(batches, pool.Store.JournalBatches);
        pool.Reopen();
        Assert.Equal(batches, pool.Store.JournalBatches);
        pool.Commit();
        Assert.Empty(pool.Store.JournalBatches);
        pool.Reopen();
        Assert.Empty(pool.Store.JournalBatches);
    }

    [Fact]
    public void NothingIsAppendedBeforeTheFirstCommitOfAMount()
    {
        using TestPool pool = MirrorTests.Filled(2);
        pool.Reopen();
        Assert.False(pool.Store.JournalHasRoom(1));
        Assert.False(pool.Store.AppendJournal([1]));
        pool.Commit();
        Assert.True(pool.Store.JournalHasRoom(1));
        Assert.True(pool.Store.AppendJournal([1]));
    }

    [Fact]
    public void TheJournalTakesAsMuchAsItSaysAndNoMore()
    {
        using TestPool pool = MirrorTests.Filled(1);
        Assert.True(pool.Store.JournalHasRoom(JournalFormat.MaxPayloadBytes));
        Assert.False(pool.Store.JournalHasRoom(JournalFormat.MaxPayloadBytes + 1));
        int count = 0;
        var payload = new byte[(1 << 20) - JournalFormat.HeaderBytes];
        while (pool.Store.JournalHasRoom(payload.Length))
        {
            Assert.True(pool.Store.AppendJournal(payload));
            count++;
        }

        Assert.Equal(8, count);
        Assert.False(pool.Store.AppendJournal(payload));
        Assert.False(pool.Store.AppendJournal([]));
        pool.Reopen();
        Assert.Equal(8, pool.Store.JournalBatches.Count);
    }

    [Fact]
    public void AFailingDiskMakesTheBatchUnacknowledgedAndTheNextCommitHelps()
    {
        using TestPool pool = MirrorTests.Filled(3);
        Assert.True(pool.Store.AppendJournal([1]));
        pool.Disks[1].Before = (kind, path) => MirrorTests.Fail(kind == "sync" && path == "journal");
        Assert.False(pool.Store.AppendJournal([2]));
        pool.Disks[1].Before = null;
        Assert.False(pool.Store.JournalHasRoom(1));
        Assert.False(pool.Store.AppendJournal([3]));
        Assert.Equal([0, 2], pool.Commit().Shape.MetadataDisks);
        Assert.True(pool.Store.AppendJournal([4]));
        pool.Reopen(0);
        Assert.Equal([[4]], pool.Store.JournalBatches);
    }

    [Fact]
    public void EachBatchDamagedOnOneDiskIsTakenFromAnother()
    {
        using TestPool pool = MirrorTests.Filled(3);
        byte[][] batches = Batches(9);
        var offsets = new List<long>();
        long offset = JournalFormat.StartOf(pool.Store.Root.Generation);
        foreach (byte[] batch in batches)
        {
            offsets.Add(offset);
            offset += JournalFormat.SpanOf(batch.Length);
            Assert.True(pool.Store.AppendJournal(batch));
        }

        for (int i = 0; i < batches.Length; i++)
            pool.Disks[i % 3].Flip("journal", offsets[i] + (i * 13 % 128));
        pool.Reopen();
        Assert.Equal(batches, pool.Store.JournalBatches);
    }

    [Fact]
    public void CutAtEverySectorItGivesAPrefix()
    {
        using TestPool pool = MirrorTests.Filled(1);
        byte[][] batches = Batches(5);
        long start = JournalFormat.StartOf(pool.Store.Root.Generation);
        long end = start + batches.Sum(batch => JournalFormat.SpanOf(batch.Length));
        byte[] before = pool.Disks[0].Read("journal", start, (int)(end - start));
        foreach (byte[] batch in batches)
            Assert.True(pool.Store.AppendJournal(batch));
        byte[] after = pool.Disks[0].Read("journal", start, (int)(end - start));
        for (int cut = 0; cut <= after.Length; cut += 512)
        {
            pool.Disks[0].Damage("journal", start, [.. after.AsSpan(0, cut), .. before.AsSpan(cut)]);
            pool.Reopen();
            Assert.Equal(batches.Take(Complete(batches, cut)), pool.Store.JournalBatches);
        }
    }

    [Fact]
    public void AFlippedByteOnTheOnlyDiskIsNeverReplayed()
    {
        using TestPool pool = MirrorTests.Filled(1);
        byte[][] batches = Batches(3);
        long start = JournalFormat.StartOf(pool.Store.Root.Generation);
        foreach (byte[] batch in batches)
            Assert.True(pool.Store.AppendJournal(batch));
        int lastStart = JournalFormat.SpanOf(batches[0].Length) + JournalFormat.SpanOf(batches[1].Length);
        int end = lastStart + JournalFormat.SpanOf(batches[2].Length);
        for (int at = 0; at < end; at += at % 4096 < 128 ? 3 : 509)
        {
            pool.Disks[0].Flip("journal", start + at, 0x10);
            if (at >= lastStart)
            {
                pool.Reopen();
                Assert.Equal(batches.Take(2), pool.Store.JournalBatches); // as if it had been torn
            }
            else
            {
                Assert.Equal(ErrorId.Corrupt, Assert.Throws<PoolException>(() => pool.Reopen()).Id); // a later batch proves it was acknowledged
            }

            pool.Disks[0].Flip("journal", start + at, 0x10);
        }

        pool.Reopen();
        Assert.Equal(batches, pool.Store.JournalBatches);
    }

    [Fact]
    public void BatchesOfAnotherRootOrPoolAreNotTaken()
    {
        using TestPool pool = MirrorTests.Filled(1);
        Assert.True(pool.Store.AppendJournal([1]));
        byte[] journal = pool.Disks[0].Read("journal", 0, JournalFormat.FileBytes);
        pool.Commit();
        pool.Commit();
        pool.Reopen();
        Assert.Empty(pool.Store.JournalBatches); // the same half, but an older base
        using TestPool other = MirrorTests.Filled(1);
        other.Disks[0].Damage("journal", 0, journal);
        other.Reopen();
        Assert.Empty(other.Store.JournalBatches);
    }

    private static byte[][] Batches(int count)
    {
        var random = new Random(3);
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            var batch = new byte[i % 3 == 0 ? random.Next(100) : random.Next(14000)];
            random.NextBytes(batch);
            return batch;
        })];
    }

    private static int Complete(byte[][] batches, int bytes)
    {
        int count = 0;
        foreach (byte[] batch in batches)
        {
            // Zeros of the padding may be missing without harm.
            int needed = JournalFormat.HeaderBytes + batch.Length;
            if (bytes < needed)
                break;
            bytes -= JournalFormat.SpanOf(batch.Length);
            count++;
        }

        return count;
    }
}
