using System.Text;
using DynamicFs.CrashTests.Simulation;
using DynamicFs.Files;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.CrashTests;

/// <summary>
/// A commit that only one disk has was never acknowledged. A mount without that disk goes back to the commit before; the next mount with it must not find the other
/// commit again, whose fragments are gone by then.
/// </summary>
public sealed class UnseenCommitTests
{
    private static readonly Caller s_caller = new(0, 0, 1);

    [Fact]
    public void A_commit_that_a_mount_did_not_see_stays_undone()
    {
        var world = new SimulatedWorld(3);
        var pool = new PoolId(new Guid(8, 8, 8, new byte[8]));
        InodeNumber file;
        using (EnginePool engine = EnginePool.Create(pool, RecordedRun.Disks(world), RedundancyScheme.ReedSolomon(2, 1)))
        {
            Assert.Equal(Errno.None, engine.Files.Create(s_caller, InodeNumber.Root, "file"u8, 0x81A4, out Attributes attributes));
            file = attributes.Inode;
            Assert.Equal(Errno.None, engine.Files.Write(file, 0, Encoding.ASCII.GetBytes(new string('1', 5000)), killPrivileges: false));
            Assert.Equal(Errno.None, engine.Files.SyncAll());

            Assert.Equal(Errno.None, engine.Files.Write(file, 0, Encoding.ASCII.GetBytes(new string('2', 5000)), killPrivileges: false));
            foreach (int disk in (int[])[1, 2])
                world.Inject(new Fault(FaultKind.Fail, DiskCalls.Write) { Disk = disk, PathPrefix = "roots" });
            Assert.Equal(Errno.EIO, engine.Files.SyncAll());
        }

        world.ClearFaults();
        using (EnginePool without = EnginePool.Open(pool, RecordedRun.Disks(world, [0])))
            Assert.Equal('1', FirstByte(without, file));
        using EnginePool all = EnginePool.Open(pool, RecordedRun.Disks(world));
        Assert.Equal('1', FirstByte(all, file));
    }

    private static char FirstByte(EnginePool engine, InodeNumber file)
    {
        byte[] bytes = new byte[5000];
        Assert.Equal(Errno.None, engine.Files.Read(file, 0, bytes, out int count));
        Assert.Equal(bytes.Length, count);
        Assert.All(bytes, b => Assert.Equal(bytes[0], b));
        return (char)bytes[0];
    }
}
