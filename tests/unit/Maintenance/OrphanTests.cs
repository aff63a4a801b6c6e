using DynamicFs.CrashTests.Simulation;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Maintenance;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Maintenance;

/// <summary>Only what nothing needs is an orphan, and nothing is judged while something cannot be seen.</summary>
public sealed class OrphanTests
{
    private static readonly RedundancyScheme s_scheme = RedundancyScheme.ReedSolomon(4, 2);

    [Fact]
    public void AHealthyPoolHasNone()
    {
        using HealingPool pool = HealingPool.Create(6, s_scheme, 100, 90_000);
        pool.Write("open", 50_000);
        Assert.Empty(pool.Engine.Orphans.Detect());
    }

    [Fact]
    public void AFragmentThatMovedElsewhereIsAnOrphanWhenItsDiskComesBack()
    {
        using HealingPool pool = HealingPool.Create(8, s_scheme, 90_000, 100_000);
        long before = FragmentsOn(pool, 1);
        Assert.True(before > 0, "disk 1 has fragments");
        pool.Open(1);
        pool.Engine.Rebuilder.Request();
        pool.Engine.Rebuild();
        Assert.Equal(ErrorId.OrphansUnknown, Assert.Throws<PoolException>(() => pool.Engine.Orphans.Detect()).Id);
        for (int i = 0; i < 20; i++)
        {
            pool.Write($"later{i}", 100);
            pool.Commit();
        }

        pool.Open();
        List<Orphan> orphans = pool.Engine.Orphans.Detect();
        Assert.Equal(before, orphans.Count);
        Assert.All(orphans, orphan => Assert.Contains(" now", orphan.Why, StringComparison.Ordinal));
        Assert.Equal((before, 0L), pool.Engine.Orphans.Collect(orphans, TimeSpan.FromHours(24)));
        Assert.Empty(pool.Engine.Orphans.Detect());
        pool.Clock.Advance(TimeSpan.FromHours(23));
        Assert.Equal((0L, 0L), pool.Engine.Orphans.Collect([], TimeSpan.FromHours(24)));
        pool.Clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal((0L, before), pool.Engine.Orphans.Collect([], TimeSpan.FromHours(24)));
        Assert.Empty(pool.Engine.Orphans.Quarantined());
        pool.AssertReads();
        pool.AssertWhole();
    }

    [Fact]
    public void FilesOfDeletedExtentsAndStrangersAreTold()
    {
        using HealingPool pool = HealingPool.Create(6, s_scheme, 90_000);
        ExtentRecord record = pool.Extents().Last(e => !e.Scheme.IsReplica);
        SimulatedDisk disk = pool.DiskOf(record, 0);
        using (disk.Open($"fragments/{HealingPool.PathOf(record, 0).Split('/')[1]}/stranger", DiskOpenMode.CreateNew))
        {
        }

        var gone = new ExtentId(record.Id.Value - 1);
        using (disk.Open(FragmentName.File(gone, 3), DiskOpenMode.CreateNew))
        {
        }

        List<Orphan> orphans = pool.Engine.Orphans.Detect();
        Assert.Contains(orphans, orphan => orphan.File.Extent == ExtentId.None);
        Assert.Equal(2, orphans.Count);
        Assert.Equal((1L, 0L), pool.Engine.Orphans.Collect(orphans, TimeSpan.FromHours(24)));
        Assert.Contains(disk.List($"fragments/{HealingPool.PathOf(record, 0).Split('/')[1]}"), entry => entry.Name == "stranger");
        pool.AssertReads();
    }

    [Fact]
    public void WithUnreadableMetadataNothingIsJudged()
    {
        using HealingPool pool = HealingPool.Create(6, s_scheme, 90_000);
        for (long page = 1; page < 60; page++)
            pool.Disk(1).Corrupt("meta", (page * 16384) + 5000);
        Assert.Equal(ErrorId.OrphansUnknown, Assert.Throws<PoolException>(() => pool.Engine.Orphans.Detect()).Id);
    }

    private static long FragmentsOn(HealingPool pool, int disk) => pool.Extents().Sum(e => e.Fragments.Count(place => place.DiskIndex == disk));
}
