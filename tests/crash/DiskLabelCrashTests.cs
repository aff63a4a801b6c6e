using DynamicFs.CrashTests.Simulation;
using DynamicFs.Disks;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.CrashTests;

/// <summary>Replacing the label of a disk: whatever fails and whenever the power goes, the old label or the new one is there, and after success the new one.</summary>
public sealed class DiskLabelCrashTests
{
    private static readonly DiskLabel s_old = MakeLabel("old");
    private static readonly DiskLabel s_new = MakeLabel("new");

    [Fact]
    public void A_power_cut_leaves_the_old_or_the_new_label_and_after_success_the_new_one()
    {
        SimulatedWorld world = Start();
        long before = world.Sequence;
        DiskLabelFile.Write(world.Open(0), s_new);
        int stateCount = 0;
        for (long sequence = before; sequence <= world.Sequence; sequence++)
        {
            HashSet<string> names = Names(world.CrashPointAt(sequence), ref stateCount);
            Assert.Subset(new HashSet<string> { "old", "new" }, names);
            if (sequence == world.Sequence)
                Assert.Equal(["new"], names);
        }

        Assert.True(stateCount >= 20, $"{stateCount} states");
    }

    [Theory]
    [InlineData(FaultKind.Fail, 1)]
    [InlineData(FaultKind.Fail, long.MaxValue)]
    [InlineData(FaultKind.FailAfter, 1)]
    [InlineData(FaultKind.PartialWrite, 1)]
    [InlineData(FaultKind.LostSync, 1)]
    public void A_failure_at_any_call_leaves_the_old_or_the_new_label(FaultKind kind, long times)
    {
        int failedCount = 0;
        for (long nth = 1; ; nth++)
        {
            SimulatedWorld world = Start();
            Fault fault = world.Inject(new Fault(kind) { Nth = nth, Times = times });
            Exception? failure = Record.Exception(() => DiskLabelFile.Write(world.Open(0), s_new));
            world.ClearFaults();
            if (fault.HitCount == 0)
                break;
            int stateCount = 0;
            HashSet<string> names = Names(world.CrashPointNow(), ref stateCount);
            names.Add(DiskLabelFile.Read(world.Open(0)).Name);
            Assert.Subset(new HashSet<string> { "old", "new" }, names);
            if (failure is null)
                Assert.Equal(["new"], names);
            else
                Assert.IsType<DiskException>(failure);
            failedCount += failure is null ? 0 : 1;

            // A second try, after whatever the first one left, succeeds.
            DiskLabelFile.Write(world.Open(0), s_new);
            Assert.Equal("new", DiskLabelFile.Read(world.Open(0)).Name);
        }

        Assert.InRange(failedCount, 6, 20);
    }

    /// <summary>The proof that these tests can fail: without either sync some power cut breaks the promise.</summary>
    [Theory]
    [InlineData(DiskCalls.Sync)]
    [InlineData(DiskCalls.SyncDirectory)]
    public void Without_a_sync_a_power_cut_is_noticed(DiskCalls skipped)
    {
        SimulatedWorld world = Start();
        Fault fault = world.Inject(new Fault(FaultKind.SkippedSync, skipped));
        DiskLabelFile.Write(world.Open(0), s_new);
        Assert.Equal(1, fault.HitCount);
        int stateCount = 0;
        Assert.NotEqual(["new"], Names(world.CrashPointNow(), ref stateCount));
    }

    private static SimulatedWorld Start()
    {
        var world = new SimulatedWorld(1) { KeepsHistory = true };
        DiskLabelFile.Write(world.Open(0), s_old);
        return world;
    }

    private static HashSet<string> Names(CrashPoint point, ref int stateCount)
    {
        HashSet<string> names = [];
        foreach ((_, SimulatedWorld after) in point.States([]))
        {
            stateCount++;
            try
            {
                names.Add(DiskLabelFile.Read(after.Open(0)).Name);
            }
            catch (Exception e) when (e is CorruptionException or DiskException)
            {
                names.Add(e.Message);
            }
        }

        return names;
    }

    private static DiskLabel MakeLabel(string name)
    {
        var id = new DiskId(new Guid(1, 2, 3, new byte[8]));
        return new DiskLabel
        {
            Id = id,
            Pool = new PoolId(new Guid(4, 5, 6, new byte[8])),
            PoolName = "tank",
            Name = name,
            Index = 0,
            Members = [id],
            Scheme = RedundancyScheme.Replica(1),
            Created = DateTimeOffset.UnixEpoch,
            Health = new DiskHealth(DiskState.Healthy, "new", DateTimeOffset.UnixEpoch, "", "create"),
        };
    }
}
