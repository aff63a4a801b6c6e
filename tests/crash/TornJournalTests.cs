using DynamicFs.CrashTests.Simulation;
using DynamicFs.Files;
using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.CrashTests;

/// <summary>The batch that was being written when the power went may be unreadable on every disk; the acknowledged ones before it must not go with it.</summary>
public sealed class TornJournalTests
{
    [Fact]
    public void An_unreadable_batch_hides_no_other()
    {
        var caller = new Caller(0, 0, 1);
        var world = new SimulatedWorld(3);
        var pool = new PoolId(new Guid(9, 9, 9, new byte[8]));
        long start;
        using (EnginePool engine = EnginePool.Create(pool, RecordedRun.Disks(world), RedundancyScheme.Replica(3)))
        {
            engine.Files.SyncAll();
            start = JournalFormat.StartOf(engine.Metadata.Root.Generation);
            for (int i = 0; i < 3; i++)
            {
                Assert.Equal(Errno.None, engine.Files.MakeDirectory(caller, InodeNumber.Root, new[] { (byte)('a' + i) }, 0x1ED, out _));
                Assert.Equal(Errno.None, engine.Files.Sync(InodeNumber.Root));
            }

            Assert.Equal(3, engine.Files.Commits.JournalBatchCount);
        }

        long last = BatchAt(world, start, 2);
        for (int disk = 0; disk < 3; disk++)
            world.Open(disk).MakeUnreadable("journal", last);

        using EnginePool again = EnginePool.Open(pool, RecordedRun.Disks(world));
        Assert.Equal(Errno.None, again.Files.Lookup(InodeNumber.Root, "a"u8, out _));
        Assert.Equal(Errno.None, again.Files.Lookup(InodeNumber.Root, "b"u8, out _));
        Assert.Equal(Errno.ENOENT, again.Files.Lookup(InodeNumber.Root, "c"u8, out _));
    }

    private static long BatchAt(SimulatedWorld world, long start, int index)
    {
        byte[] bytes = world.Open(0).Bytes("journal");
        for (; index > 0; index--)
            start += JournalFormat.LengthOf(bytes.AsSpan((int)start));
        return start;
    }
}
