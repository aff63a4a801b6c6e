using DynamicFs.CrashTests.Simulation;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Maintenance;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Maintenance;

/// <summary>Fragments that are missing or bad come back, on distinct disks, and nothing that was good is lost on the way.</summary>
public sealed class RebuildTests
{
    private static readonly RedundancyScheme s_scheme = RedundancyScheme.ReedSolomon(4, 2);
    private static readonly int[] s_lengths = [100, 5_000, 700_000, 3_000_000];

    [Fact]
    public void FragmentsOfAMissingDiskGoToOthersAfterTheGrace()
    {
        using HealingPool pool = HealingPool.Create(8, s_scheme, s_lengths);
        pool.Open(1);
        pool.Engine.Rebuild();
        Assert.True(pool.Engine.Rebuilder.Status.WaitingExtents > 0, "a disk that is only late is waited for");
        Assert.Equal(0, pool.Engine.Rebuilder.Status.RepairedExtents);

        pool.Clock.Advance(Rebuilder.Grace);
        Assert.True(pool.Engine.Rebuild());
        Assert.Equal(0, pool.Engine.Rebuilder.Status.LostExtents);
        Assert.All(pool.Extents(), record => Assert.DoesNotContain(record.Fragments, place => place.DiskIndex == 1));
        pool.AssertWhole();
        pool.AssertReads();
    }

    [Fact]
    public void AfterARebuildOtherDisksMayBeLost()
    {
        using HealingPool pool = HealingPool.Create(9, s_scheme, s_lengths);
        pool.Open(0, 1);
        pool.Engine.Rebuilder.Request();
        pool.Engine.Rebuild();
        pool.AssertWhole();
        pool.Commit();
        pool.Open(0, 1);
        pool.AssertReads();
        using HealingPool later = pool.Copy();
        later.Open(5, 6);
        later.AssertReads();
    }

    [Fact]
    public void WithoutSpareNothingWaits()
    {
        using HealingPool pool = HealingPool.Create(8, s_scheme, 3_000_000);
        pool.Open(0, 1);
        pool.Engine.Rebuild();
        Assert.All(pool.Extents().Where(e => e.Fragments.Length == 6), record => Assert.True(Spare(pool, record) > 0));
    }

    /// <summary>Nobody looked in between: the state is what it was at the last pass, but the disk got new fragments meanwhile.</summary>
    [Fact]
    public void ADiskThatIsDrainedTwiceInARowIsEmptiedTwice()
    {
        using HealingPool pool = EmptiedOnce(out MemberDisk leaving);
        for (int i = 0; i < 8; i++)
            pool.Write($"later{i}", 1_500_000 + i);
        pool.Commit();
        Assert.Contains(pool.Extents(), record => IsOn(record, leaving));
        leaving.SetState(DiskState.Draining);
        Assert.True(pool.Engine.Rebuild());
        Assert.All(pool.Extents(), record => Assert.False(IsOn(record, leaving)));
        pool.AssertWhole();
    }

    /// <summary>The places were chosen before the drain, the commit that publishes them comes after its pass.</summary>
    [Fact]
    public void WhatWasOnItsWayToADrainedDiskLeavesItToo()
    {
        using HealingPool pool = EmptiedOnce(out MemberDisk leaving);
        ulong group = FragmentName.GroupOf(pool.Extents()[^1].Id);
        int before = pool.Engine.Extents.List(2, group)!.Count;
        pool.Write("large", 60_000_000);
        Assert.True(SpinWait.SpinUntil(() => pool.Engine.Extents.List(2, group)!.Count > before, TimeSpan.FromMinutes(1)), "nothing was written ahead of the commit");
        leaving.SetState(DiskState.Draining);
        Assert.True(pool.Engine.Rebuild());
        pool.Commit();
        Assert.Contains(pool.Extents(), record => IsOn(record, leaving));
        Assert.True(pool.Engine.Rebuild());
        Assert.All(pool.Extents(), record => Assert.False(IsOn(record, leaving)));
        pool.AssertWhole();
    }

    /// <summary>A disk was drained and is taken back, and nobody has looked since.</summary>
    private static HealingPool EmptiedOnce(out MemberDisk emptied)
    {
        HealingPool pool = HealingPool.Create(7, s_scheme, s_lengths);
        emptied = pool.Engine.Members[2];
        emptied.SetState(DiskState.Draining);
        Assert.True(pool.Engine.Rebuild());
        emptied.SetState(DiskState.Healthy);
        return pool;
    }

    private static bool IsOn(ExtentRecord record, MemberDisk disk) => Array.Exists(record.Fragments, place => place.DiskIndex == disk.Index);

    [Fact]
    public void MissingFilesComeBackInTheirPlace()
    {
        using HealingPool pool = HealingPool.Create(6, s_scheme, s_lengths);
        List<ExtentRecord> before = pool.Extents();
        foreach (ExtentRecord record in before)
            pool.DiskOf(record, 1).Unlink(HealingPool.PathOf(record, 1));
        pool.Open();
        pool.Engine.Rebuild();
        pool.AssertWhole();
        Assert.Equal(before.Select(e => e.Fragments[1]), pool.Extents().Select(e => e.Fragments[1]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ADirectoryInThePlaceOfAFragmentMakesRoomForIt(bool byScrub)
    {
        using HealingPool pool = HealingPool.Create(6, s_scheme, s_lengths);
        ExtentRecord record = pool.Extents().Last(e => !e.Scheme.IsReplica);
        SimulatedDisk disk = pool.DiskOf(record, 1);
        string place = HealingPool.PathOf(record, 1);
        disk.Unlink(place);
        disk.MakeDirectory(place);
        disk.Open($"{place}/inside", DiskOpenMode.CreateNew).Dispose();
        pool.Open();
        if (byScrub)
            Assert.Equal((1L, ExitCode.Done), (pool.Engine.Scrub(repairs: true).Repaired, pool.Engine.Scrubber.Status.ExitCode));
        else
            pool.Engine.Rebuild();
        pool.AssertWhole();
        Assert.Equal(DiskState.Healthy, pool.Engine.Members[disk.Index].State);
        Assert.Equal(["inside"], disk.List($"{DiskLayout.Quarantine}/{Assert.Single(disk.List(DiskLayout.Quarantine)).Name}").Select(entry => entry.Name));
    }

    [Fact]
    public void ABadBlockThatAReadMetIsRepaired()
    {
        using HealingPool pool = HealingPool.Create(6, s_scheme, s_lengths);
        ExtentRecord record = pool.Extents().Last(e => !e.Scheme.IsReplica);
        pool.DiskOf(record, 0).Corrupt(HealingPool.PathOf(record, 0), new ExtentLayout(record.Scheme, record.LengthBytes).HeaderBytes + 20_000);
        pool.Open();
        pool.Engine.Rebuild();
        Assert.Contains(FragmentVerdict.Corrupt, pool.Engine.Extents.Verify(record));
        pool.AssertReads();
        pool.Engine.Rebuild();
        pool.AssertWhole();
    }

    [Fact]
    public void GoodFragmentsAreNotTouched()
    {
        using HealingPool pool = HealingPool.Create(6, s_scheme, s_lengths);
        ExtentRecord record = pool.Extents().Last(e => !e.Scheme.IsReplica);
        pool.DiskOf(record, 2).Unlink(HealingPool.PathOf(record, 2));
        pool.Open();
        pool.World.KeepsHistory = true;
        int from = pool.World.Log.Count;
        pool.Engine.Rebuild();
        string[] renamed = [.. pool.World.Log.Skip(from).Where(call => call.Call == DiskCalls.Rename).Select(call => $"{call.Disk} {call.To}")];
        Assert.Equal([$"{record.Fragments[2].DiskIndex} {HealingPool.PathOf(record, 2)}"], renamed.Where(name => name.Contains("fragments/", StringComparison.Ordinal)));
    }

    [Fact]
    public void FragmentsLeaveADrainingDisk()
    {
        using HealingPool pool = HealingPool.Create(7, s_scheme, s_lengths);
        pool.Open();
        pool.Engine.Rebuild();
        pool.Engine.Members[3].SetState(DiskState.Draining);
        Assert.True(pool.Engine.Rebuild());
        Assert.All(pool.Extents(), record => Assert.DoesNotContain(record.Fragments, place => place.DiskIndex == 3));
        pool.AssertWhole();
        Assert.NotEmpty(pool.Disk(3).List("fragments").SelectMany(group => pool.Disk(3).List($"fragments/{group.Name}")));

        for (int i = 0; i < 40; i++)
        {
            pool.Write($"later{i}", 100);
            pool.Commit();
        }

        HashSet<string> named = [.. pool.Extents().Select(e => e.Id.ToString())];
        Assert.DoesNotContain(pool.Disk(3).List("fragments").SelectMany(group => pool.Disk(3).List($"fragments/{group.Name}")), file => named.Contains(file.Name[..16]));
        pool.AssertReads();
    }

    [Fact]
    public void AnExtentThatDiesDuringItsRebuildLeavesNothing()
    {
        using HealingPool pool = HealingPool.Create(7, s_scheme, 3_000_000);
        pool.Open(1);
        pool.Engine.Rebuilder.Request();
        while (pool.Engine.Files.Moves.ProposedCount == 0)
            pool.Engine.Rebuilder.Step();
        string extent = pool.Extents().First(e => !e.Scheme.IsReplica).Id.ToString();
        pool.Delete("f0");
        for (int i = 0; i < 40; i++)
        {
            pool.Write($"later{i}", 100);
            pool.Commit();
        }

        pool.Engine.Rebuild();
        for (int disk = 0; disk < 7; disk++)
        {
            if (disk != 1)
                Assert.DoesNotContain(pool.Disk(disk).List("fragments").SelectMany(group => pool.Disk(disk).List($"fragments/{group.Name}")), file => file.Name.StartsWith(extent, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void ALostExtentStopsNothing()
    {
        using HealingPool pool = HealingPool.Create(7, s_scheme, 3_000_000, 2_900_000);
        ExtentRecord lost = pool.Extents().First(e => !e.Scheme.IsReplica);
        for (int i = 0; i < 3; i++)
            pool.DiskOf(lost, i).Unlink(HealingPool.PathOf(lost, i));
        ExtentRecord other = pool.Extents().Last(e => !e.Scheme.IsReplica);
        pool.DiskOf(other, 4).Unlink(HealingPool.PathOf(other, 4));
        pool.Open();
        pool.Engine.Rebuild();
        RebuildStatus status = pool.Engine.Rebuilder.Status;
        Assert.Equal((1, 1), (status.RepairedExtents, status.LostExtents));
        Assert.Equal(lost.Id, status.Exceptions.Single().Extent);
        Assert.Single(pool.UnreadableFiles());
    }

    [Fact]
    public void WithoutADiskToTakeThemExtentsStayDegraded()
    {
        using HealingPool pool = HealingPool.Create(6, s_scheme, 3_000_000);
        pool.Open(2);
        pool.Engine.Rebuilder.Request();
        pool.Engine.Rebuild();
        Assert.True(pool.Engine.Rebuilder.Status.DegradedExtents > 0);
        Assert.All(pool.Engine.Rebuilder.Status.Exceptions, result => Assert.Equal(HealOutcome.StillDegraded, result.Outcome));
        pool.AssertReads();
    }

    /// <summary>More than one batch full of extents of which nothing can be written.</summary>
    [Fact]
    public void OnFullDisksARebuildEndsAndSaysWhatStaysDegraded()
    {
        using HealingPool pool = HealingPool.Create(7, s_scheme, 40_000_000);
        pool.Open();
        pool.Engine.Rebuild();
        pool.Engine.Members[2].SetState(DiskState.Failed);
        long degraded = pool.Extents().Count(e => Array.Exists(e.Fragments, place => place.DiskIndex == 2));
        for (int i = 0; i < 7; i++)
            pool.Disk(i).SetCapacity(pool.Disk(i).Image.UsedBytes);
        pool.Clock.Advance(TimeSpan.FromSeconds(2));
        for (int steps = 0; pool.Engine.Rebuilder.Step() != StepOutcome.Idle; steps++)
            Assert.True(steps < 1000, "the rebuild does not end");
        Assert.Equal((0L, degraded), (pool.Engine.Rebuilder.Status.RepairedExtents, pool.Engine.Rebuilder.Status.DegradedExtents));
    }

    [Fact]
    public void ADiskThatComesBackWithOldContentIsFilledAgain()
    {
        using HealingPool pool = HealingPool.Create(6, s_scheme, 700_000);
        DiskImage old = pool.World.Image(4);
        pool.Write("new", 900_000);
        pool.Write("gone", 50_000);
        pool.Commit();
        pool.Delete("gone");
        pool.Commit();
        pool.Engine.Dispose();
        pool.World.Replace(4, old);
        pool.Open();
        Assert.Equal(Errno.ENOENT, pool.Engine.Files.Lookup(InodeNumber.Root, "gone"u8, out _));
        pool.Engine.Rebuild();
        pool.AssertWhole();
        pool.AssertReads();
    }

    private static int Spare(HealingPool pool, ExtentRecord record) =>
        record.Fragments.Count(place => place.IsPlaced && pool.Engine.Members[place.DiskIndex].IsReadable) - record.Scheme.DataCount;
}
