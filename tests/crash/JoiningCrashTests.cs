using DynamicFs.CrashTests.Simulation;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.CrashTests;

/// <summary>
/// The power goes while a disk joins, and one of the others does not come back: the pool is mounted all the same. It is not when the records that name the new disk come before
/// its own ring, because that ring is then missed like one that is lost.
/// </summary>
public sealed class JoiningCrashTests
{
    private const int Founders = 3;

    [Fact]
    public void A_joining_that_is_cut_off_takes_no_tolerance_away()
    {
        (SimulatedWorld world, PoolId pool, long first) = MakeJoining();
        int count = 0;
        for (long sequence = first; sequence <= world.Sequence; sequence++)
        {
            CrashPoint point = world.CrashPointAt(sequence);
            foreach ((_, SimulatedWorld after) in point.States([]))
            {
                for (int lost = 0; lost <= Founders; lost++)
                {
                    using EnginePool engine = Open(pool, after.Restart(), [lost]);
                    Assert.False(engine.Files.IsReadOnly, $"at {sequence} without disk {lost}: {engine.Files.Failure}");
                    count++;
                }
            }
        }

        Assert.True(count > 100, $"{count}: {string.Join(", ", world.Log.Skip((int)first))}");
    }

    [Fact]
    public void A_joining_that_the_others_went_on_without_is_given_up()
    {
        (SimulatedWorld world, PoolId pool, long first) = MakeJoining();
        int count = 0;
        for (long sequence = first; sequence <= world.Sequence; sequence++)
        {
            CrashPoint point = world.CrashPointAt(sequence);
            SimulatedWorld after = point.Build(CrashSelection.Random(point, (int)sequence));
            for (int commits = 1; commits <= 3; commits++)
            {
                SimulatedWorld later = after.Restart();
                using (EnginePool without = Open(pool, later, [Founders]))
                {
                    for (int i = 0; i < commits; i++)
                        Assert.Equal(Errno.None, Commit(without));
                }

                using EnginePool again = Open(pool, later, []);
                Assert.False(again.Files.IsReadOnly, $"at {sequence}, {commits} commits without the new disk");
                count++;
            }
        }

        Assert.True(count > 50, $"{count}");
    }

    private static (SimulatedWorld World, PoolId Pool, long First) MakeJoining()
    {
        var world = new SimulatedWorld(Founders + 1) { KeepsHistory = true };
        var pool = new PoolId(new Guid(7, 7, 7, new byte[8]));
        using EnginePool engine = EnginePool.Create(pool, [.. RecordedRun.Disks(world).Take(Founders)], RedundancyScheme.ReedSolomon(2, 1));
        Assert.Equal(Errno.None, Commit(engine));
        long first = world.Sequence;
        Assert.Equal(Errno.None, engine.Join(world.Open(Founders)));
        return (world, pool, first);
    }

    private static EnginePool Open(PoolId pool, SimulatedWorld world, IReadOnlyCollection<int> missing) => EnginePool.Open(pool, RecordedRun.Disks(world, missing), founders: Founders);

    private static Errno Commit(EnginePool engine)
    {
        engine.Files.MakeDirectory(new Files.Caller(0, 0, 1), InodeNumber.Root, Guid.NewGuid().ToByteArray()[..8].Select(b => (byte)('a' + (b % 26))).ToArray(), 0x1ED, out _);
        return engine.Files.SyncAll();
    }
}
