using DynamicFs.CrashTests.Simulation;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Maintenance;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Maintenance;

/// <summary>Orphans are collected without being asked, and never what somebody needs, whatever is born, moved or deleted between the pieces.</summary>
public sealed class OrphanSweepTests
{
    private static readonly RedundancyScheme s_scheme = RedundancyScheme.ReedSolomon(4, 2);

    /// <summary>Extents in several groups, and orphans on disk 1; copied by who changes it.</summary>
    private static readonly Lazy<HealingPool> s_large = new(() => WithOrphans(out _, extents: 600));

    [Fact]
    public void ADiskThatWasAwayIsSweptSomeTimeAfterTheMount()
    {
        using HealingPool pool = WithOrphans(out int orphans);
        pool.Open();
        Assert.Equal(StepOutcome.Idle, pool.Engine.Sweep.Step());
        pool.Clock.Advance(OrphanSweep.Settling - TimeSpan.FromSeconds(1));
        Assert.Equal(StepOutcome.Idle, pool.Engine.Sweep.Step());
        pool.Clock.Advance(TimeSpan.FromSeconds(1));
        Sweep(pool);
        Assert.Equal(orphans, pool.Engine.Orphans.Quarantined().Count);
        Assert.Empty(pool.Engine.Orphans.Detect());

        pool.Clock.Advance(OrphanSweep.Period);
        Sweep(pool);
        Assert.Empty(pool.Engine.Orphans.Quarantined());
        pool.AssertReads();
        pool.AssertWhole();
        Assert.All(pool.Engine.Audit.Verify(), copy => Assert.Equal((orphans * 2, null), ((int)copy.ValidLines, copy.Problem)));
    }

    [Fact]
    public void ADiskThatComesBackWhileThePoolIsOpenIsSwept()
    {
        using HealingPool pool = HealingPool.Create(8, s_scheme, 90_000, 100_000, 200_000);
        Assert.Equal(StepOutcome.Idle, pool.Engine.Sweep.Step());
        pool.Clock.Advance(OrphanSweep.Settling);
        Sweep(pool);
        MemberDisk away = pool.Engine.Members[1];
        int before = Names(pool.Disk(1)).Count;
        away.SetState(DiskState.Failed);
        pool.Engine.Rebuild();
        Age(pool);
        pool.Clock.Advance(OrphanSweep.Period * 2);
        Assert.Equal(StepOutcome.Idle, pool.Engine.Sweep.Step());

        away.SetState(DiskState.Healthy);
        Assert.Equal(StepOutcome.Idle, pool.Engine.Sweep.Step());
        pool.Clock.Advance(OrphanSweep.Settling);
        Sweep(pool);
        Assert.Equal(before, pool.Disk(1).List(DiskLayout.Quarantine).Count);
        pool.AssertReads();
    }

    [Fact]
    public void NothingIsTouchedWhileMetadataCannotBeReadAndLaterItIs()
    {
        using HealingPool pool = WithOrphans(out int orphans);
        pool.Open();
        Assert.Equal(StepOutcome.Idle, pool.Engine.Sweep.Step());
        for (long page = 1; page < 60; page++)
            pool.Disk(0).Corrupt("meta", (page * 16384) + 5000);
        pool.Clock.Advance(OrphanSweep.Settling);
        Sweep(pool);
        Assert.Empty(pool.Engine.Orphans.Quarantined());

        pool.Write("mends", 100);
        pool.Commit();
        pool.Engine.Scrub(repairs: true);
        pool.Write("mended", 100);
        pool.Commit();
        pool.Clock.Advance(OrphanSweep.RetryPeriod);
        Sweep(pool);
        Assert.Equal(orphans, pool.Engine.Orphans.Quarantined().Count);
    }

    [Fact]
    public void ADiskThatLeavesOnTheWayStopsIt()
    {
        using HealingPool pool = WithOrphans(out _);
        pool.Open();
        pool.Engine.Sweep.Step();
        pool.Clock.Advance(OrphanSweep.Settling);
        for (int i = 0; i < 3; i++)
            Assert.Equal(StepOutcome.Busy, pool.Engine.Sweep.Step());
        pool.Engine.Members[4].SetState(DiskState.Failed);
        pool.Clock.Advance(OrphanSweep.Period);
        Assert.Equal(StepOutcome.Idle, pool.Engine.Sweep.Step());
        Assert.Empty(pool.Engine.Orphans.Quarantined());
    }

    [Fact]
    public void WhatIsBeingBornIsNeverTaken()
    {
        using HealingPool pool = WithOrphans(out int orphans);
        pool.Open();
        pool.Engine.Sweep.Step();
        pool.Clock.Advance(OrphanSweep.Settling);
        pool.Write("born", 400_000);
        ulong next = pool.Engine.Metadata.Root.Counters.NextExtent;
        int Unborn() => Enumerable.Range(0, 8).Sum(disk => Names(pool.Disk(disk)).Count(name => Convert.ToUInt64(name[..16], 16) >= next));
        int unborn = Unborn();
        Assert.True(unborn >= 6, "some fragments are there before the commit that names them");
        Assert.Equal(orphans, pool.Engine.Orphans.Detect().Count);
        Sweep(pool);
        Assert.Equal((unborn, orphans), (Unborn(), pool.Engine.Orphans.Quarantined().Count));
        pool.Commit();
        pool.Engine.Rebuild();
        pool.AssertReads();
        Assert.Equal(0, pool.Engine.Rebuilder.Status.RepairedExtents);
    }

    [Fact]
    public void WhatARebuildIsPuttingToUseAgainIsNeverTaken()
    {
        using HealingPool pool = WithOrphans(out int orphans);
        pool.Open();
        List<Orphan> detected = pool.Engine.Orphans.Detect();
        Assert.Equal(orphans, detected.Count);
        OrphanSuspect[] suspects = [.. detected.Select(orphan => new OrphanSuspect(orphan.File, orphan.Why))];
        ExtentId held = suspects[0].File.Extent;
        Assert.True(pool.Engine.Files.Moves.TryHold(held));
        Assert.Equal(orphans - suspects.Count(s => s.File.Extent == held), pool.Engine.Orphans.Quarantine(suspects));
        pool.Engine.Files.Moves.Release(held);

        // Back on disk 1 since, and away from it again: a kept root names that place.
        foreach (int from in (int[])[pool.Extents().First(e => e.Id == held).Fragments[suspects[0].File.Index].DiskIndex, 1])
        {
            HashSet<int> others = [.. Enumerable.Range(0, 8).Where(disk => disk != from && disk != 1 && !pool.Extents().First(e => e.Id == held).Fragments.Any(place => place.DiskIndex == disk))];
            foreach (int other in others.Where(_ => from != 1))
                pool.Engine.Members[other].SetState(DiskState.Suspect);
            pool.Engine.Members[from].SetState(DiskState.Draining);
            pool.Engine.Rebuild();
            pool.Commit();
            foreach (MemberDisk member in pool.Engine.Members)
                member.SetState(DiskState.Healthy);
        }

        Assert.Contains(pool.Engine.Files.Catalog.ParkedFragments(new Generation(ulong.MaxValue), 1000), parked => parked.Extent == held && parked.DiskIndex == 1);
        Assert.Equal(0, pool.Engine.Orphans.Quarantine(suspects));
        pool.AssertReads();
    }

    /// <summary>Everything that can happen to extents happens between the pieces of a walk over many groups: no good fragment is ever taken.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void WhatIsBornMovedOrDeletedBetweenThePiecesIsNeverTaken(int seed)
    {
        using HealingPool pool = s_large.Value.Copy();
        pool.Open();
        pool.Engine.Rebuild();
        pool.Engine.Sweep.Step();
        var random = new Random(seed);
        var names = new Queue<string>();
        int steps = 0;
        for (int sweep = 0; sweep < 4; sweep++)
        {
            pool.Clock.Advance(OrphanSweep.Period);
            for (; pool.Engine.Sweep.Step() == StepOutcome.Busy; steps++)
            {
                for (int i = random.Next(8); i >= 0; i--)
                    Happen(pool, random, names);
            }
        }

        Assert.True(steps >= 4 * 5, $"{steps} pieces");
        Assert.Contains(pool.Engine.Audit.Verify(), copy => copy.ValidLines > 0);
        pool.Commit();
        pool.Engine.Rebuild();
        pool.AssertReads();
        HashSet<(int, string)> there = [.. Enumerable.Range(0, 8).SelectMany(disk => Names(pool.Disk(disk)).Select(name => (disk, name)))];
        Assert.All(pool.Extents(), record => Assert.All(Enumerable.Range(0, record.Fragments.Length), i => Assert.Contains((record.Fragments[i].DiskIndex, Path.GetFileName(HealingPool.PathOf(record, i))), there)));
        Assert.DoesNotContain(pool.Engine.Orphans.Quarantined(), file => pool.Engine.Files.Catalog.Find(file.Extent) is { } record && record.Fragments[file.Index].DiskIndex == file.Disk.Index);

        Age(pool);
        pool.Clock.Advance(OrphanSweep.Period);
        Sweep(pool);
        Assert.Empty(pool.Engine.Orphans.Detect());
        pool.AssertReads();
        pool.AssertWhole();
    }

    [Fact]
    public void EveryExtentThatLivesFromBeginningToEndIsVisitedWhateverHappensBetweenThePieces()
    {
        using HealingPool pool = HealingPool.Create(6, s_scheme, [.. Enumerable.Repeat(30_000, 700)]);
        ExtentId[] before = Known();
        Assert.True(before.Length >= 700, $"{before.Length} extents");
        var seen = new List<ExtentId>();
        pool.Engine.Files.Catalog.ForEach(ExtentId.None, (record, _) =>
        {
            seen.Add(record.Id);
            if (seen.Count % 100 == 1)
            {
                int number = seen.Count / 100;
                pool.Delete($"f{number}");
                pool.Delete($"f{650 + number}");
                pool.Write($"later{number}", 20_000);
                for (int i = 0; i < 20; i++)
                    pool.Engine.Files.Commits.Commit(force: true);
            }

            return true;
        });
        Assert.Equal(seen.Order(), seen);
        Assert.Empty(before.Intersect(Known()).Except(seen));

        // Not by a walk: that is what is tested.
        ExtentId[] Known() => [.. Enumerable.Range(1, (int)pool.Engine.Metadata.Root.Counters.NextExtent).Select(id => new ExtentId((ulong)id)).Where(id => pool.Engine.Files.Catalog.Find(id) is not null)];
    }

    private static void Happen(HealingPool pool, Random random, Queue<string> names)
    {
        switch (random.Next(8))
        {
            case 0 when names.Count > 0:
                pool.Delete(names.Dequeue());
                break;
            case 1:
                pool.Commit();
                break;
            case 2:
                pool.Engine.Files.Commits.Commit(force: true);
                break;
            case 3:
                // Away and back in one piece: the sweep does not see it, the rebuild does.
                pool.Engine.Members[random.Next(3, 8)].SetState(DiskState.Degraded);
                for (int i = 0; i < 6; i++)
                    pool.Engine.Rebuilder.Step();
                break;
            case 4:
                for (int i = 0; i < 3; i++)
                    pool.Engine.Rebuilder.Step();
                break;
            case 5:
                pool.Engine.Files.Compactor.Step();
                break;
            default:
                string name = $"born{random.Next()}";
                pool.Write(name, random.Next(10, 150_000));
                names.Enqueue(name);
                break;
        }

        foreach (MemberDisk member in pool.Engine.Members)
            member.SetState(DiskState.Healthy);
    }

    private static void Sweep(HealingPool pool)
    {
        Assert.Equal(StepOutcome.Busy, pool.Engine.Sweep.Step());
        while (pool.Engine.Sweep.Step() == StepOutcome.Busy)
        {
        }
    }

    /// <summary>Disk 1 was away while its fragments were rebuilt on others, and no kept root is older.</summary>
    private static HealingPool WithOrphans(out int count, int extents = 3)
    {
        HealingPool pool = HealingPool.Create(8, s_scheme, [.. Enumerable.Repeat(100_000, extents)]);
        count = Names(pool.Disk(1)).Count;
        pool.Open(1);
        pool.Engine.Rebuilder.Request();
        pool.Engine.Rebuild();
        Age(pool);
        Assert.True(count > 0, "disk 1 had fragments");
        return pool;
    }

    private static void Age(HealingPool pool)
    {
        for (int i = 0; i < 20; i++)
            pool.Engine.Files.Commits.Commit(force: true);
    }

    private static List<string> Names(SimulatedDisk disk) => [.. disk.List(DiskLayout.Fragments).SelectMany(group => disk.List($"{DiskLayout.Fragments}/{group.Name}")).Select(entry => entry.Name)];
}
