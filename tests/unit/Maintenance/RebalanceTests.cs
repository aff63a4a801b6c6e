using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Maintenance;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Maintenance;

/// <summary>A disk that joined gets its share: as much as the plan said, on distinct disks, with everything readable and the old places gone in the end.</summary>
public sealed class RebalanceTests
{
    private const long FreeBytes = 32 << 20;
    private const int NewDisk = 6;

    private static readonly RedundancyScheme s_scheme = RedundancyScheme.ReedSolomon(4, 2);

    [Fact]
    public void AnEmptyDiskGetsItsShareAndThePlanKnewIt()
    {
        using HealingPool pool = Uneven();
        Dictionary<int, long> before = BytesByDisk(pool);
        Assert.False(before.ContainsKey(NewDisk));
        RebalancePlan plan = pool.Engine.Rebalancer.Plan();
        Assert.Equal(before, BytesByDisk(pool));

        RebalanceStatus status = pool.Engine.Rebalance();
        Assert.Equal((RebalancePhase.Done, 0L), (status.Phase, status.FailedExtents));
        Assert.True(status.DoneBytes > 0 && status.DoneBytes == plan.MoveBytes && status.PlannedBytes == plan.MoveBytes, $"{status.DoneBytes} of {plan.MoveBytes} moved");
        foreach (DiskBalance disk in status.Disks)
            Assert.Equal(before.GetValueOrDefault(disk.Member.Index) - disk.LeavingBytes + disk.ArrivingBytes, BytesByDisk(pool)[disk.Member.Index]);
        Assert.InRange(status.Disks.Max(disk => disk.FillAfter) - status.Disks.Min(disk => disk.FillAfter), 0, RebalancePlan.Tolerance);
        pool.AssertWhole();
        pool.AssertReads();
        Assert.Equal(0, pool.Engine.Rebalancer.Plan().MoveBytes);
    }

    [Fact]
    public void ThePlacesThatWereLeftAreFreedWhenNoKeptRootNeedsThem()
    {
        using HealingPool pool = Uneven();
        pool.Engine.Rebalance();
        for (int i = 0; i < 40; i++)
        {
            pool.Write($"later{i}", 100);
            pool.Commit();
        }

        HashSet<string> named = [.. pool.Extents().SelectMany(record => record.Fragments.Select((place, i) => $"{place.DiskIndex} {HealingPool.PathOf(record, i)}"))];
        HashSet<string> live = [.. pool.Extents().Select(record => record.Id.ToString())];
        for (int disk = 0; disk < pool.World.DiskCount; disk++)
        {
            foreach (DiskEntry group in pool.Disk(disk).List("fragments"))
                Assert.All(pool.Disk(disk).List($"fragments/{group.Name}").Where(file => live.Contains(file.Name[..16])), file => Assert.Contains($"{disk} fragments/{group.Name}/{file.Name}", named));
        }

        Assert.Equal(0, pool.Engine.Rebalancer.Plan().MoveBytes);
    }

    [Fact]
    public void ItPausesGoesOnAndIsCancelled()
    {
        using HealingPool pool = Uneven();
        Rebalancer rebalancer = pool.Engine.Rebalancer;
        rebalancer.Request();
        Assert.Equal(ErrorId.Busy, Assert.Throws<PoolException>(rebalancer.Request).Id);
        Assert.Equal(StepOutcome.Busy, rebalancer.Step());
        long moved = rebalancer.Status.DoneBytes;
        Assert.InRange(moved, 1, rebalancer.Status.PlannedBytes - 1);
        rebalancer.Pause();
        Assert.Equal((StepOutcome.Idle, moved), (rebalancer.Step(), rebalancer.Status.DoneBytes));
        rebalancer.Resume();
        Assert.Equal(StepOutcome.Busy, rebalancer.Step());
        rebalancer.Cancel();
        Assert.Equal((StepOutcome.Idle, RebalancePhase.Cancelled), (rebalancer.Step(), rebalancer.Status.Phase));
        pool.Commit();
        pool.AssertWhole();
        Assert.Equal(RebalancePhase.Done, pool.Engine.Rebalance().Phase);
        pool.Open();
        pool.AssertWhole();
        pool.AssertReads();
    }

    [Fact]
    public void AnExtentThatCannotBeReadStaysAndStopsNothing()
    {
        using HealingPool pool = Uneven();
        ExtentRecord lost = pool.Extents().First(e => !e.Scheme.IsReplica);
        for (int i = 0; i < 3; i++)
            pool.DiskOf(lost, i).Unlink(HealingPool.PathOf(lost, i));
        RebalanceStatus status = pool.Engine.Rebalance();
        Assert.Equal(RebalancePhase.Done, status.Phase);
        Assert.Equal(lost.Id, Assert.Single(status.Failures).Extent);
        Assert.Equal(lost.Fragments, pool.Extents().Single(e => e.Id == lost.Id).Fragments);
        Assert.True(BytesByDisk(pool).ContainsKey(NewDisk), "the others are moved");
    }

    [Fact]
    public void DisksOnOneDeviceAreEquallyFull()
    {
        using var disk = new MemberDisk(0, default, "d1", null, DiskState.Healthy, new DiskQueue("d1", threads: 0));
        using var twin = new MemberDisk(1, default, "d2", null, DiskState.Healthy, new DiskQueue("d2", threads: 0));
        var plan = new RebalancePlan([new MemberRoom(disk, 10 << 20, 100 << 20, 7, 2), new MemberRoom(twin, 10 << 20, 100 << 20, 7, 2)], new Dictionary<int, long>());
        var record = new ExtentRecord(new ExtentId(1), new Generation(1), RedundancyScheme.Replica(1), 1 << 20, 1 << 20, 4096, [new FragmentPlace(0, default)]);
        Assert.Empty(plan.Choose(record));
    }

    /// <summary>Seven disks, of which the last was not written to.</summary>
    private static HealingPool Uneven()
    {
        HealingPool pool = HealingPool.Create(7, s_scheme);
        long most = Enumerable.Range(0, 7).Max(i => pool.Disk(i).Image.UsedBytes);
        for (int i = 0; i < 7; i++)
        {
            // As much on all of them, with the metadata and without.
            using (IDiskFile filler = pool.Disk(i).Open("filler", DiskOpenMode.CreateNew))
                filler.Allocate(0, most + 4096 - pool.Disk(i).Image.UsedBytes);
            pool.Disk(i).SetCapacity(pool.Disk(i).Image.UsedBytes + FreeBytes);
        }

        pool.Engine.Members[NewDisk].SetState(DiskState.Suspect);
        for (int i = 0; i < 24; i++)
            pool.Write($"f{i}", 1_000_000 + i);
        pool.Commit();
        pool.Engine.Members[NewDisk].SetState(DiskState.Healthy);
        pool.Clock.Advance(TimeSpan.FromSeconds(2));
        return pool;
    }

    private static Dictionary<int, long> BytesByDisk(HealingPool pool)
    {
        var bytes = new Dictionary<int, long>();
        foreach (ExtentRecord record in pool.Extents())
        {
            foreach (FragmentPlace place in record.Fragments)
                bytes[place.DiskIndex] = bytes.GetValueOrDefault(place.DiskIndex) + new ExtentLayout(record.Scheme, record.LengthBytes).FragmentBytes;
        }

        return bytes;
    }
}
