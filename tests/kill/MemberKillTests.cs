using System.Text.Json;
using DynamicFs.Harness;
using DynamicFs.KillTests.Pool;
using Xunit;

namespace DynamicFs.KillTests;

/// <summary>The daemon dies while a disk joins or leaves: the disk is a member afterwards or it is none, the same command ends what was begun, and nothing is lost.</summary>
public sealed class MemberKillTests : IDisposable
{
    private const int Limit = 90;

    private readonly Scratch _scratch = new("members");
    private readonly PoolUnderTest _pool;

    public MemberKillTests() => _pool = new PoolUnderTest(_scratch, "pool", 4) { Program = KillBuild.Tool };

    public void Dispose()
    {
        try
        {
            _pool.Dispose();
        }
        finally
        {
            _scratch.Dispose();
        }
    }

    [Theory]
    [InlineData("join-after-label", false)]
    [InlineData("join-before-root", false)]
    [InlineData("join-after-root", true)]
    public void Killed_while_a_disk_joins(string point, bool isMember)
    {
        string added = $"{_pool.Home}/added";
        Directory.CreateDirectory(added);
        _pool.Create("--policy", "rs:2+1");
        KillAt(point, "disk", "add", _pool.Name, added, "--allow-same-device");

        _pool.Mount();
        Assert.Equal(isMember ? [0, 1, 2, 3, 4] : [0, 1, 2, 3], Members());
        Check();
        if (!isMember)
            _pool.Cli(Limit, "disk", "add", _pool.Name, added, "--allow-same-device").Succeeded();
        AssertWhole([0, 1, 2, 3, 4]);
    }

    [Theory]
    [InlineData("leave-before-root", true)]
    [InlineData("leave-after-root", false)]
    public void Killed_while_a_disk_leaves(string point, bool isMember)
    {
        _pool.Create("--policy", "rs:2+1");
        KillAt(point, "disk", "remove", _pool.Name, "1");

        _pool.Mount();
        Assert.Equal(isMember ? [0, 1, 2, 3] : [0, 2, 3], Members());
        Check();
        if (isMember)
            _pool.Cli(Limit, "disk", "remove", _pool.Name, "1").Succeeded();
        AssertWhole([0, 2, 3]);
    }

    /// <summary>One life with data in it, whose last order kills it.</summary>
    private void KillAt(string point, params string[] order)
    {
        using var daemon = Daemon.Start(_pool, new NamedPoint(point, 1), holds: false, new Dictionary<string, string>());
        Assert.True(daemon.WaitUntilServing());
        Shell.Run(["bash", "-c", $"seq 1 7 99999999 | head -c 9000000 >{_pool.MountPoint}/file && sync {_pool.MountPoint}/file"], Limit).Succeeded();
        if (order[1] == "remove")
            _pool.Cli(Limit, "disk", "drain", _pool.Name, order[^1], "--wait").Succeeded();
        Assert.NotEqual(0, _pool.Cli(Limit, order).ExitCode);
        Assert.True(daemon.IsBeingKilled, daemon.LogTail);
        daemon.Kill();
    }

    private void AssertWhole(int[] members)
    {
        Assert.Equal(members, Members());
        Check();
        _pool.Unmount(Limit);
        _pool.Cli(Limit, "fsck", _pool.Name).Succeeded();
        _pool.Mount();
        Assert.Equal(members, Members());
        Check();
        _pool.Unmount(Limit);
    }

    private int[] Members()
    {
        using var list = JsonDocument.Parse(_pool.Cli(Limit, "disk", "list", _pool.Name, "--json").Succeeded().Output);
        return [.. list.RootElement.GetProperty("disks").EnumerateArray().Select(disk => disk.GetProperty("index").GetInt32())];
    }

    private void Check() => Shell.Run(["bash", "-c", $"seq 1 7 99999999 | head -c 9000000 | cmp - {_pool.MountPoint}/file"], Limit).Succeeded();
}
