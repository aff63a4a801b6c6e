using DynamicFs.Admin;
using DynamicFs.Primitives;
using DynamicFs.UnitTests.Cli;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace DynamicFs.UnitTests.Admin;

public sealed class ControlServerTests
{
    private static readonly MountReport Synced = new(1, "sync", "tank", Guid.Empty, "/data", false, 12, []);

    [Fact]
    public void AnswersAndFailuresCrossTheSocket()
    {
        using var scratch = new ScratchDirectory();
        string path = scratch.Sub("c.sock");
        string? asked = null;
        var actions = new ControlActions(
            () => throw new PoolException(ErrorId.Io, "a disk is gone"), () => Synced, () => throw new InvalidOperationException(),
            p => { asked = p; throw new PoolException(ErrorId.NotFound, "no such file"); });
        using ControlServer server = ControlServer.Start(path, actions, NullLoggerFactory.Instance);
        using var client = new ControlClient(path);

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Equal(12UL, client.Sync().Generation);
        PoolException failed = Assert.Throws<PoolException>(() => client.Status());
        Assert.Equal((ErrorId.Io, "a disk is gone"), (failed.Id, failed.Message));
        Assert.Equal(ErrorId.NotFound, Assert.Throws<PoolException>(() => client.Explain("/a b/ü?&")).Id);
        Assert.Equal("/a b/ü?&", asked);
    }

    [Fact]
    public void ADefectInAnActionFailsOnlyThatRequest()
    {
        using var scratch = new ScratchDirectory();
        string path = scratch.Sub("c.sock");
        var actions = new ControlActions(() => throw new InvalidOperationException(), () => Synced, () => throw new InvalidOperationException(), _ => throw new InvalidOperationException());
        using ControlServer server = ControlServer.Start(path, actions, NullLoggerFactory.Instance);
        using var client = new ControlClient(path);
        Assert.Throws<PoolException>(() => client.Status());
        Assert.Equal(Synced.Generation, client.Sync().Generation);
    }

    [Fact]
    public void WithoutADaemonTheClientSaysSo()
    {
        using var scratch = new ScratchDirectory();
        using var client = new ControlClient(scratch.Sub("none.sock"));
        Assert.Equal(ErrorId.NotMounted, Assert.Throws<PoolException>(() => client.Sync()).Id);
    }

    [Fact]
    public void ADeepStateDirectoryWorksToo()
    {
        using var scratch = new ScratchDirectory();
        string path = Path.Combine(scratch.Make(new string('d', 120)), "c.sock");
        File.WriteAllText(path, "left by a dead daemon");
        using (ControlServer.Start(path, new ControlActions(null!, () => Synced, null!, null!), NullLoggerFactory.Instance))
        {
            using var client = new ControlClient(path);
            Assert.Equal(12UL, client.Sync().Generation);
        }

        Assert.False(File.Exists(path));
    }
}
