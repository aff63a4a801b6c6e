using DynamicFs.Interop;
using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Metadata;

public sealed class RootRingTests
{
    [Fact]
    public void EachSlotDamagedOnOneDiskHarmsNothing()
    {
        using TestPool pool = MirrorTests.Filled(3);
        for (int i = 0; i < 5; i++)
            pool.Commit();
        string content = PoolContent.Of(pool.Store);
        Generation newest = pool.Store.Root.Generation;
        for (int slot = 1; slot <= (int)newest.Value; slot++)
        {
            pool.Disks[slot % 3].Flip("roots", (slot * RootFormat.SlotBytes) + (slot * 701 % RootFormat.SlotBytes));
            pool.Reopen();
            Assert.Equal(newest, pool.Store.Root.Generation);
            Assert.Equal(content, PoolContent.Of(pool.Store));
            Assert.Single(pool.Store.Problems);
            Assert.All(pool.Store.ListRoots(), listing => Assert.Equal([0, 1, 2], listing.DiskIndexes));
        }
    }

    [Fact]
    public void TheNewestSlotDamagedEverywhereGoesBackOneRootUnlessTheRegistryHasSeenIt()
    {
        using TestPool pool = MirrorTests.Filled(3);
        pool.Tree.Put("x"u8, "1"u8);
        RootRecord root = pool.Commit();
        foreach (MemoryDisk disk in pool.Disks)
            disk.Flip("roots", (RootFormat.SlotOf(root.Generation) * RootFormat.SlotBytes) + 300);
        PoolException e = Assert.Throws<PoolException>(() => pool.Reopen(root.Generation, []));
        Assert.Equal(ErrorId.RollBack, e.Id);
        Assert.Contains("1 commits", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void NoValidRootIsNoRoot()
    {
        using TestPool pool = MirrorTests.Filled(2);
        pool.Disks[0].Truncate("roots", 0);
        pool.Disks[1].MakePipe("roots");
        PoolException e = Assert.Throws<PoolException>(() => pool.Reopen());
        Assert.Equal(ErrorId.NoRoot, e.Id);
        Assert.Contains("d0", e.Message, StringComparison.Ordinal);
        Assert.Contains("d1", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ARootOfAnUnknownVersionIsRefused()
    {
        using TestPool pool = MirrorTests.Filled(2);
        foreach (int offset in (int[])[RootFormat.VersionOffset, RootFormat.FeaturesOffset])
        {
            byte[] slot = pool.Disks[0].Read("roots", 2 * RootFormat.SlotBytes, RootFormat.SlotBytes);
            byte[] changed = (byte[])slot.Clone();
            changed[offset] ^= 0x40;
            Blake3.Hash(changed.AsSpan(0, RootFormat.ChecksumOffset)).Write(changed.AsSpan(RootFormat.ChecksumOffset));
            pool.Disks[0].Damage("roots", 2 * RootFormat.SlotBytes, changed);
            Assert.Equal(ErrorId.Format, Assert.Throws<PoolException>(() => pool.Reopen()).Id);
            pool.Disks[0].Damage("roots", 2 * RootFormat.SlotBytes, slot);
        }
    }

    [Fact]
    public void ARootWhoseMetadataDisksAreAwayIsNotReplacedByAnOlderOne()
    {
        using var pool = new TestPool(4, RedundancyScheme.Replica(2));
        pool.Tree.Put("a"u8, "1"u8);
        pool.Commit();
        Assert.Equal([0, 1], pool.Store.Root.Shape.MetadataDisks);
        pool.Options = pool.Options with { ReadOnly = true };
        PoolException e = Assert.Throws<PoolException>(() => pool.Reopen(0, 1));
        Assert.Equal(ErrorId.RollBack, e.Id);
        Assert.Contains("d0", e.Message, StringComparison.Ordinal);
        Assert.Contains("generation 2", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatTheRegistryHasSeenIsNotRolledBack()
    {
        using var pool = new TestPool(2);
        pool.Commit();
        pool.Reopen(1);
        for (int i = 0; i < 5; i++)
            pool.Commit();
        Generation newest = pool.Store.Root.Generation;
        PoolException e = Assert.Throws<PoolException>(() => pool.Reopen(newest, [0]));
        Assert.Equal(ErrorId.RollBack, e.Id);
        Assert.Contains("missing: d0", e.Message, StringComparison.Ordinal);
        Assert.Contains($"{newest.Value - 2} commits", e.Message, StringComparison.Ordinal);
        pool.Reopen(newest, []);
        Assert.Equal(newest, pool.Store.Root.Generation);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(90)]
    public void CommitsThatTheOperatorGaveUpNeverWinLater(int lostCommits)
    {
        using var pool = new TestPool(2);
        pool.Reopen(1);
        for (int i = 0; i < lostCommits; i++)
        {
            pool.Tree.Put("a"u8, "given up"u8);
            pool.Commit();
        }

        Generation seen = pool.Store.Root.Generation;
        pool.Options = pool.Options with { GivenUp = seen };
        pool.Reopen(0);
        pool.Tree.Put("a"u8, "kept"u8);
        Assert.True(pool.Commit().Generation > seen);
        Assert.True(pool.Commit().Generation > seen);
        Assert.Empty(Problems.Of(pool.Store));
        pool.Options = pool.Options with { GivenUp = Generation.None };
        Assert.Equal(ErrorId.RollBack, Assert.Throws<PoolException>(() => pool.Reopen()).Id);
        pool.Reopen(0);
        Assert.Equal("kept"u8.ToArray(), pool.Tree.Get("a"u8)!);
        Assert.Empty(Problems.Of(pool.Store));
    }

    [Fact]
    public void TooFewRingsAreRefusedUnlessReadOnly()
    {
        using TestPool pool = MirrorTests.Filled(6);
        Assert.Equal(ErrorId.MissingDisks, Assert.Throws<PoolException>(() => pool.Reopen(1, 2, 5)).Id);
        pool.Options = pool.Options with { ReadOnly = true };
        pool.Reopen(1, 2, 5);
        Assert.NotNull(pool.Tree.Get(TreeTests.Key(5)));
    }

    [Fact]
    public void DisksThatWereMissingGetTheNewestRootAtTheNextMount()
    {
        using TestPool pool = MirrorTests.Filled(6);
        pool.Reopen(4, 5);
        pool.Tree.Put("x"u8, "1"u8);
        pool.Commit();
        pool.Reopen();
        Assert.Equal([0, 1, 2, 3, 4, 5], pool.Store.ListRoots()[0].DiskIndexes);
        pool.Reopen(0, 1);
        Assert.Equal("1"u8.ToArray(), pool.Tree.Get("x"u8)!);
    }

    [Fact]
    public void AnUnacknowledgedRootOnADiskThatWasMissingIsGivenUp()
    {
        using TestPool pool = MirrorTests.Filled(6);
        Generation common = pool.Store.Root.Generation;
        for (int i = 0; i < 5; i++)
            pool.Disks[i].Before = (kind, path) => MirrorTests.Fail(path == "roots");
        pool.Tree.Put("x"u8, "lost"u8);
        Assert.Throws<PoolException>(() => pool.Commit());
        for (int i = 0; i < 5; i++)
            pool.Disks[i].Before = null;
        pool.Reopen(5);
        Assert.Equal(common, pool.Store.Root.Generation);
        pool.Tree.Put("y"u8, "kept"u8);
        Assert.Equal(common.Value + 3, pool.Commit().Generation.Value);
        pool.Reopen();
        Assert.Null(pool.Tree.Get("x"u8));
        Assert.Equal("kept"u8.ToArray(), pool.Tree.Get("y"u8)!);
        Assert.Contains(pool.Store.Problems, problem => problem.Contains("d5", StringComparison.Ordinal));
        Assert.Empty(Problems.Of(pool.Store));
    }

    /// <summary>Two mounts in a row that each miss a ring, and the first one's commit reached only the disk that the second one misses: their commits must not have one number.</summary>
    [Fact]
    public void CommitsOfTwoMountsThatMissedDifferentRingsCanBeToldApart()
    {
        using TestPool pool = MirrorTests.Filled(6);
        Generation common = pool.Store.Root.Generation;
        pool.Reopen(5);
        FailRings(pool, 1, 2, 3, 4);
        pool.Tree.Put("x"u8, "lost"u8);
        Assert.Throws<PoolException>(() => pool.Commit());
        FailRings(pool);
        pool.Reopen(0);
        Assert.Equal(common, pool.Store.Root.Generation);
        pool.Tree.Put("y"u8, "kept"u8);
        Assert.Equal(common.Value + 5, pool.Commit().Generation.Value);
        pool.Reopen();
        Assert.Null(pool.Tree.Get("x"u8));
        Assert.Equal("kept"u8.ToArray(), pool.Tree.Get("y"u8)!);
        Assert.Empty(Problems.Of(pool.Store));
    }

    [Fact]
    public void AMountThatCannotClaimIsRefused()
    {
        using TestPool pool = MirrorTests.Filled(6);
        FailRings(pool, 0, 1, 2);
        Assert.Equal(ErrorId.RootQuorum, Assert.Throws<PoolException>(() => pool.Reopen(5)).Id);
        FailRings(pool);
        pool.Reopen(5);
        Assert.Empty(Problems.Of(pool.Store));
    }

    [Fact]
    public void ARingThatIsMadeAnewHasTheClaim()
    {
        using TestPool pool = MirrorTests.Filled(3);
        Generation common = pool.Store.Root.Generation;
        pool.Disks[0].Damage("roots", 7, [1]);
        pool.Disks[2].Damage("roots", 7, [1]);
        pool.Reopen();
        pool.Reopen(1);
        Assert.Equal(common.Value + 5, pool.Commit().Generation.Value);
    }

    [Theory]
    [InlineData(10, 10, 0, 0, 13)]
    [InlineData(10, 10, 13, 0, 15)]
    [InlineData(10, 10, 14, 0, 15)]
    [InlineData(10, 10, 5, 0, 13)]
    [InlineData(10, 10, 0, 20, 29)]
    [InlineData(10, 10, 31, 20, 33)]
    [InlineData(70, 16, 75, 0, 77)]
    [InlineData(70, 60, 75, 0, 135)]
    public void AClaimIsAboveAllThatMayBeInUse(ulong newest, int kept, ulong claim, ulong givenUp, ulong expected)
    {
        var shape = new PoolShape([DiskId.New()], RedundancyScheme.Replica(1), [0]);
        Root[] roots = [.. Enumerable.Range(0, kept).Select(i => new RootRecord(new Generation(newest - (ulong)i), DateTimeOffset.UnixEpoch, default, shape, new Generation(1)))
            .Select(record => new Root(record, default, default, default, Generation.None, default, default))];
        Assert.Equal(expected, RootClaim.After(roots[0], roots, new Generation(claim), new Generation(givenUp)).Value);
    }

    private static void FailRings(TestPool pool, params int[] disks)
    {
        for (int i = 0; i < pool.Disks.Length; i++)
            pool.Disks[i].Before = disks.Contains(i) ? (kind, path) => MirrorTests.Fail(path.StartsWith("roots", StringComparison.Ordinal) && kind is not "read") : null;
    }

    [Fact]
    public void AnUnacknowledgedRootThatIsFoundIsTaken()
    {
        using TestPool pool = MirrorTests.Filled(6);
        for (int i = 0; i < 5; i++)
            pool.Disks[i].Before = (kind, path) => MirrorTests.Fail(path == "roots");
        pool.Tree.Put("x"u8, "found"u8);
        Assert.Throws<PoolException>(() => pool.Commit());
        for (int i = 0; i < 5; i++)
            pool.Disks[i].Before = null;
        pool.Reopen();
        Assert.Equal("found"u8.ToArray(), pool.Tree.Get("x"u8)!);
        pool.Reopen(5);
        Assert.Equal("found"u8.ToArray(), pool.Tree.Get("x"u8)!);
    }

    [Fact]
    public void DisksThatWentOnApartAreNotMountedTogether()
    {
        using var pool = new TestPool(2);
        pool.Reopen(1);
        pool.Tree.Put("a"u8, "left"u8);
        pool.Commit();
        pool.Reopen(0);
        pool.Tree.Put("a"u8, "right"u8);
        pool.Commit();
        PoolException e = Assert.Throws<PoolException>(() => pool.Reopen());
        Assert.Equal(ErrorId.RollBack, e.Id);
        pool.Reopen(1);
        pool.Commit();
        pool.Commit();
        pool.Reopen(0);
        pool.Commit();
        e = Assert.Throws<PoolException>(() => pool.Reopen());
        Assert.Contains("d1", e.Message, StringComparison.Ordinal);
        pool.Reopen(1);
        Assert.Equal("left"u8.ToArray(), pool.Tree.Get("a"u8)!);
    }

    [Fact]
    public void ADiskOfAnotherIdentityIsNotUsed()
    {
        using TestPool pool = MirrorTests.Filled(3);
        using TestPool other = new(3);
        foreach (string file in (string[])["roots", "meta"])
            pool.Disks[2].Damage(file, 0, other.Disks[2].Read(file, 0, (int)other.Disks[2].Length(file)));
        pool.Reopen();
        Assert.NotNull(pool.Tree.Get(TreeTests.Key(5)));
        Assert.Contains(pool.Store.Problems, problem => problem.Contains("another pool", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(1, 0, 1)]
    [InlineData(2, 1, 1)]
    [InlineData(3, 2, 1)]
    [InlineData(4, 2, 2)]
    [InlineData(5, 2, 3)]
    [InlineData(6, 2, 3)]
    [InlineData(20, 3, 4)]
    public void TheQuorumMeetsEveryMount(int members, int tolerance, int required)
    {
        var shape = new PoolShape([.. Enumerable.Range(0, members).Select(_ => DiskId.New())], RedundancyScheme.Replica(tolerance + 1), [0]);
        Assert.Equal(required, RootQuorum.Required(shape));
        Assert.True(RootQuorum.Required(shape) + RootQuorum.RingsToMount(shape) > members || members < (2 * tolerance) + 1);
    }
}
