using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Metadata;

public sealed class MetadataStoreTests
{
    [Fact]
    public void ANewPoolHasGenerationOneAndTwoEmptyTrees()
    {
        using var pool = new TestPool();
        Assert.Equal(new Generation(1), pool.Store.Root.Generation);
        Assert.Equal(new Generation(2), pool.Store.CurrentTransaction);
        pool.Reopen();
        Assert.Equal("|", PoolContent.Of(pool.Store));
        Assert.Equal(new Generation(1), pool.Store.Root.Generation);
        Assert.Equal([0, 1, 2], pool.Store.Root.Shape.MetadataDisks);
        Assert.Empty(pool.Store.Problems);
        Assert.Empty(Problems.Of(pool.Store));
    }

    [Fact]
    public void ACommitIsThereAfterReopenAndWhatCameAfterItIsNot()
    {
        using var pool = new TestPool();
        pool.Tree.Put("a"u8, "1"u8);
        pool.Store.Pool.Put("p"u8, "2"u8);
        RootRecord committed = pool.Commit();
        pool.Tree.Put("b"u8, "1"u8);
        pool.Reopen();
        Assert.Equal(committed, pool.Store.Root with { Shape = committed.Shape });
        Assert.Equal(committed.Shape.Members, pool.Store.Root.Shape.Members);
        Assert.Equal(TestPool.Counters, pool.Store.Root.Counters);
        Assert.Equal("1"u8.ToArray(), pool.Tree.Get("a"u8)!);
        Assert.Null(pool.Tree.Get("b"u8));
        Assert.Equal("2"u8.ToArray(), pool.Store.Pool.Get("p"u8)!);
    }

    [Fact]
    public void ChangesAfterFreezeBelongToTheNextTransaction()
    {
        using var pool = new TestPool();
        pool.Tree.Put("a"u8, "1"u8);
        FrozenTransaction frozen = pool.Store.Freeze(TestPool.Counters);
        Assert.Equal(frozen.Generation.Next, pool.Store.CurrentTransaction);
        pool.Tree.Put("a"u8, "2"u8);
        pool.Tree.Put("b"u8, "2"u8);
        pool.Store.Pool.Put("p"u8, "1"u8);
        RootRecord root = pool.Store.Commit(frozen, 16);
        Assert.Equal(frozen.Generation, root.Generation);
        Assert.Equal("61=32 62=32 |70=31 ", PoolContent.Of(pool.Store));
        pool.Reopen();
        Assert.Equal("61=31 |70=31 ", PoolContent.Of(pool.Store));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void EveryKeptRootStaysWholeAndTheSpaceMapIsExact(int seed)
    {
        using var pool = new TestPool();
        var random = new Random(seed);
        var contents = new Dictionary<Generation, string>();
        int keptRoots = 16;
        for (int round = 0; round < 60; round++)
        {
            RandomChanges.Make(pool.Store, random, random.Next(60));
            FrozenTransaction frozen = pool.Store.Freeze(TestPool.Counters);
            string content = PoolContent.Of(pool.Store);
            RandomNamespaceChanges(pool.Tree, random, random.Next(20));
            RootRecord root = pool.Store.Commit(frozen, keptRoots);
            contents[root.Generation] = content;
            CheckKeptRoots(pool.Store, contents, keptRoots);
            if (random.Next(8) == 0)
                pool.Reopen();
            if (random.Next(10) == 0)
                keptRoots = random.Next(2, 17);
        }

        Assert.InRange(pool.Disks[0].Length("meta"), 0, 32 << 20);
    }

    [Fact]
    public void ChangesInTheMiddleOfACommitDoNotReachIt()
    {
        using var pool = new TestPool();
        var random = new Random(5);
        for (int round = 0; round < 30; round++)
        {
            RandomChanges.Make(pool.Store, random, 40);
            FrozenTransaction frozen = pool.Store.Freeze(TestPool.Counters);
            string content = PoolContent.Of(pool.Store);
            pool.Disks[0].Before = (_, _) => RandomNamespaceChanges(pool.Tree, random, 5);
            RandomNamespaceChanges(pool.Tree, random, random.Next(30));
            pool.Store.Commit(frozen, 16);
            pool.Disks[0].Before = null;
            Assert.Equal(content, PoolContent.Of(pool.Store, pool.Store.KeptRoots[0]));
            Assert.Empty(Problems.Of(pool.Store));
        }
    }

    /// <summary>
    /// A parent that is copied into the next transaction before its children were sealed must get their checksums all the same. The tree is large and the
    /// changes few, so that most children of one transaction are not written again in the next.
    /// </summary>
    [Fact]
    public void ParentsCopiedBeforeTheirChildrenWereSealedGetTheChecksums()
    {
        using var pool = new TestPool(1);
        var random = new Random(6);
        for (uint i = 0; i < 4000; i++)
            pool.Tree.Put(TreeTests.Key(i), new byte[200]);
        pool.Commit();
        for (int round = 0; round < 20; round++)
        {
            RandomNamespaceChanges(pool.Tree, random, 4, 4000);
            FrozenTransaction frozen = pool.Store.Freeze(TestPool.Counters);
            RandomNamespaceChanges(pool.Tree, random, 2, 4000);
            pool.Store.Commit(frozen, 4);
            Assert.Empty(Problems.Of(pool.Store));
        }

        pool.Commit();
        string content = PoolContent.Of(pool.Store);
        pool.Reopen();
        Assert.Equal(content, PoolContent.Of(pool.Store));
    }

    [Fact]
    public void ThreadsChangeAndReadWhileCommitsGoOn()
    {
        using var pool = new TestPool(3, options: new MetadataOptions(CacheBytes: 24 * 16384));
        var gate = new ReaderWriterLockSlim();
        var contents = new Dictionary<Generation, string>();
        Exception? failure = null;
        bool isDone = false;
        var threads = Enumerable.Range(0, 3).Select(seed => new Thread(() =>
        {
            try
            {
                var random = new Random(seed);
                while (!Volatile.Read(ref isDone))
                {
                    gate.EnterReadLock();
                    RandomNamespaceChanges(pool.Tree, random, 3, 5000);
                    gate.ExitReadLock();
                    pool.Tree.Get(TreeTests.Key((uint)random.Next(5000)));
                    pool.Store.Pool.Get(TreeTests.Key((uint)random.Next(100)));
                }
            }
            catch (Exception e)
            {
                failure = e;
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        for (int round = 0; round < 40; round++)
        {
            Thread.Sleep(5);
            gate.EnterWriteLock();
            FrozenTransaction frozen = pool.Store.Freeze(TestPool.Counters);
            string content = PoolContent.Of(pool.Store).Split('|')[0];
            gate.ExitWriteLock();
            pool.Store.Pool.Put(TreeTests.Key((uint)round), TreeTests.Key((uint)round));
            contents[pool.Store.Commit(frozen, 4).Generation] = content;
        }

        Volatile.Write(ref isDone, true);
        threads.ForEach(thread => thread.Join());
        Assert.Null(failure);
        foreach (Root root in pool.Store.KeptRoots)
            Assert.Equal(contents[root.Generation], PoolContent.Of(pool.Store, root).Split('|')[0]);
        Assert.Empty(Problems.Of(pool.Store));
        pool.Reopen();
        Assert.Equal(contents[pool.Store.Root.Generation], PoolContent.Of(pool.Store).Split('|')[0]);
    }

    [Fact]
    public void RootsAreListedNewestFirstWithTheirDisks()
    {
        using var pool = new TestPool(6);
        for (int i = 0; i < 20; i++)
        {
            pool.Tree.Put("a"u8, [(byte)i]);
            pool.Commit(5);
        }

        IReadOnlyList<RootListing> roots = pool.Store.ListRoots();
        Assert.Equal([21, 20, 19, 18, 17], roots.Select(listing => (int)listing.Root.Generation.Value));
        Assert.All(roots, listing => Assert.Equal("ok", listing.Verdict));
        Assert.All(roots, listing => Assert.Equal([0, 1, 2, 3, 4, 5], listing.DiskIndexes));
        Assert.Equal(new Generation(17), pool.Store.Root.OldestKept);
    }

    [Fact]
    public void ManyGenerationsGoRoundTheRing()
    {
        using var pool = new TestPool(1);
        for (int i = 0; i < 150; i++)
        {
            pool.Tree.Put("a"u8, BitConverter.GetBytes(i));
            pool.Commit(100);
        }

        Assert.Equal(RootFormat.SlotCount, pool.Store.ListRoots().Count);
        pool.Reopen();
        Assert.Equal(RootFormat.SlotCount, pool.Store.ListRoots().Count);
        Assert.All(pool.Store.ListRoots(), listing => Assert.Equal("ok", listing.Verdict));
        Assert.Equal(BitConverter.GetBytes(149), pool.Tree.Get("a"u8)!);
        Assert.Empty(Problems.Of(pool.Store));
    }

    [Fact]
    public void ReadOnlyNeverWritesButTakesChangesInMemory()
    {
        using var pool = new TestPool();
        pool.Tree.Put("a"u8, "1"u8);
        pool.Commit();
        pool.Options = new MetadataOptions(ReadOnly: true);
        foreach (MemoryDisk disk in pool.Disks)
            disk.Before = (kind, path) => Assert.True(kind == "read", $"{kind} {path}");
        pool.Reopen();
        pool.Tree.Put("b"u8, "1"u8);
        Assert.Equal("1"u8.ToArray(), pool.Tree.Get("b"u8)!);
        Assert.Equal(ErrorId.ReadOnly, Assert.Throws<PoolException>(() => pool.Store.Freeze(default)).Id);
        Assert.Equal(ErrorId.ReadOnly, Assert.Throws<PoolException>(() => pool.Store.AppendJournal([1])).Id);
        Assert.Empty(Problems.Of(pool.Store));
    }

    [Fact]
    public void WithoutFsyncNothingIsSynced()
    {
        using var pool = new TestPool(options: new MetadataOptions(NoFsync: true));
        foreach (MemoryDisk disk in pool.Disks)
            disk.Before = (kind, path) => Assert.DoesNotContain("sync", kind, StringComparison.Ordinal);
        pool.Tree.Put("b"u8, "1"u8);
        pool.Commit();
        Assert.True(pool.Store.AppendJournal([1]));
        pool.Reopen();
        Assert.Single(pool.Store.JournalBatches);
    }

    [Fact]
    public void APoolOfTooManyDisksIsRefused() =>
        Assert.Equal(ErrorId.Usage, Assert.Throws<PoolException>(() => new TestPool(RootFormat.MaxMembers + 1)).Id);

    private static void RandomNamespaceChanges(Tree tree, Random random, int count, int keySpace = 400)
    {
        for (int i = 0; i < count; i++)
            RandomChanges.Change(tree, random, keySpace);
    }

    private static void CheckKeptRoots(MetadataStore store, Dictionary<Generation, string> contents, int keptRoots)
    {
        Assert.InRange(store.KeptRoots.Count, 1, keptRoots);
        foreach (Root root in store.KeptRoots.Where(root => contents.ContainsKey(root.Generation)))
            Assert.Equal(contents[root.Generation], PoolContent.Of(store, root));
        Assert.Empty(Problems.Of(store));
        Assert.Empty(store.Problems);
    }
}
