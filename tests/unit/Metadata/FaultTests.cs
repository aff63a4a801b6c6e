using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Metadata;

/// <summary>The n-th call fails, for every n: once, and from then on; on one disk and on all.</summary>
public sealed class FaultTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void OneDiskFailingAtAnyCallLosesNothing(bool isForGood)
    {
        int n = 0;
        for (bool hasFired = true; hasFired; n++)
        {
            using var pool = new TestPool(3, options: new MetadataOptions(CacheBytes: 16 * 16384));
            int calls = 0;
            int fireAt = n;
            pool.Disks[1].Before = (_, _) =>
            {
                int call = calls++;
                MirrorTests.Fail(call == fireAt || (isForGood && call > fireAt));
            };
            string content = Work(pool, new Random(1), 5);
            hasFired = calls > fireAt;
            pool.Disks[1].Before = null;
            Assert.Empty(Problems.Of(pool.Store));
            foreach (int[] missing in (int[][])[[], [1], [0, 2]])
            {
                if (missing.Length == 2 && !pool.Store.Root.Shape.MetadataDisks.Contains(1))
                    continue; // the survivor is behind, and only the registry could know
                pool.Reopen(missing);
                Assert.Equal(content, PoolContent.Of(pool.Store));
            }
        }

        Assert.InRange(n, 20, 2000);
    }

    [Theory]
    [InlineData(Errno.EIO)]
    [InlineData(Errno.ENOSPC)]
    public void AllDisksFailingAtAnyCallStopTheStoreAtAWholeState(Errno errno)
    {
        int n = 0;
        for (bool hasFired = true; hasFired; n++)
        {
            using var pool = new TestPool(3, options: new MetadataOptions(CacheBytes: 16 * 16384));
            int calls = 0;
            int fireAt = n;
            var contents = new List<string> { "|" };
            foreach (MemoryDisk disk in pool.Disks)
                disk.Before = (kind, _) => MirrorTests.Fail(kind != "read" && calls++ >= fireAt, errno);
            try
            {
                Work(pool, new Random(1), 4, contents);
            }
            catch (PoolException e)
            {
                Assert.Contains(e.Id, (ErrorId[])[ErrorId.Io, ErrorId.RootQuorum]);
                Assert.Equal(e.Id, Assert.Throws<PoolException>(() => pool.Tree.Put("x"u8, "x"u8)).Id);
            }

            hasFired = calls > fireAt;
            foreach (MemoryDisk disk in pool.Disks)
                disk.Before = null;
            pool.Reopen();
            Assert.Contains(PoolContent.Of(pool.Store), contents.TakeLast(2));
            Assert.Empty(Problems.Of(pool.Store));
        }

        Assert.InRange(n, 20, 2000);
    }

    private static string Work(TestPool pool, Random random, int commits, List<string>? contents = null)
    {
        string content = "";
        for (int i = 0; i < commits; i++)
        {
            RandomChanges.Make(pool.Store, random, 25, 120);
            FrozenTransaction frozen = pool.Store.Freeze(TestPool.Counters);
            content = PoolContent.Of(pool.Store);
            contents?.Add(content);
            pool.Store.Commit(frozen, 3);
            pool.Store.AppendJournal(new byte[100]);
        }

        return content;
    }
}
