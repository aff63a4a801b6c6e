using DynamicFs.Admin;
using DynamicFs.Primitives;
using DynamicFs.UnitTests.Cli;
using Xunit;

namespace DynamicFs.UnitTests.Admin;

public sealed class PoolRegistryTests
{
    private static readonly RegisteredPool Tank = new(1, Guid.Parse("00000000-0000-0000-0000-000000000001"), "tank",
        [new RegisteredDisk(Guid.Parse("00000000-0000-0000-0000-0000000000d1"), "/mnt/d1")], 7);

    [Fact]
    public void WhatIsSavedIsFoundByNameAndId()
    {
        using var scratch = new ScratchDirectory();
        PoolRegistry registry = In(scratch);
        Assert.Empty(registry.List());
        registry.Save(Tank);
        Assert.Equal("tank", Assert.Single(registry.FindByName("tank")).Name);
        Assert.Equal("/mnt/d1", Assert.Single(registry.Find(new PoolId(Tank.Id))!.Disks).Path);
        Assert.Empty(registry.FindByName("tan"));
        registry.Remove(new PoolId(Tank.Id));
        Assert.Empty(registry.List());
    }

    [Fact]
    public void TheNewestGenerationSeenNeverGoesBack()
    {
        using var scratch = new ScratchDirectory();
        PoolRegistry registry = In(scratch);
        registry.Save(Tank);
        registry.Save(Tank with { NewestGeneration = 3, Name = "renamed" });
        Assert.Equal(new Generation(7), registry.NewestSeen(new PoolId(Tank.Id)));
        Assert.Equal("renamed", Assert.Single(registry.List()).Name);
        registry.Save(Tank with { NewestGeneration = 9 });
        Assert.Equal(new Generation(9), registry.NewestSeen(new PoolId(Tank.Id)));
        Assert.Equal(Generation.None, registry.NewestSeen(PoolId.New()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData("{\"schemaVersion\":2,\"id\":\"00000000-0000-0000-0000-000000000001\",\"name\":\"tank\",\"disks\":[],\"newestGeneration\":1}")]
    [InlineData("{\"schemaVersion\":1,\"id\":\"00000000-0000-0000-0000-000000000001\",\"name\":\"tank\",\"newestGeneration\":1}")]
    public void ABrokenEntryCountsAsNone(string content)
    {
        using var scratch = new ScratchDirectory();
        PoolRegistry registry = In(scratch);
        registry.Save(Tank);
        File.WriteAllText(Path.Combine(registry.State.PoolsPath, $"{Tank.Id:D}.json"), content);
        Assert.Empty(registry.List());
        Assert.Null(registry.Find(new PoolId(Tank.Id)));
        registry.Save(Tank);
        Assert.Single(registry.List());
    }

    [Fact]
    public void FilesAreForTheirOwnerOnly()
    {
        using var scratch = new ScratchDirectory();
        PoolRegistry registry = In(scratch);
        registry.Save(Tank);
        string file = Assert.Single(Directory.GetFiles(registry.State.PoolsPath));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(registry.State.PoolsPath));
    }

    [Theory]
    [InlineData("/srv/state", null, true, "/srv/state", "/srv/state/run")]
    [InlineData(null, null, true, "/var/lib/dynfs", "/run/dynfs")]
    [InlineData("", null, true, "/var/lib/dynfs", "/run/dynfs")]
    [InlineData(null, null, false, "/home/u/.local/state/dynfs", "/home/u/.local/state/dynfs/run")]
    [InlineData(null, "/home/u/.state", false, "/home/u/.state/dynfs", "/home/u/.state/dynfs/run")]
    public void TheStateDirectoryIsTheUsualOne(string? chosen, string? xdg, bool isRoot, string path, string run)
    {
        string? Variable(string name) => name switch { "DYNFS_STATE_DIR" => chosen, "XDG_STATE_HOME" => xdg, "HOME" => "/home/u", _ => null };
        Assert.Equal(new StateDirectory(path, run), StateDirectory.Find(Variable, isRoot));
    }

    [Fact]
    public void AMountOfAnEndedProcessCountsAsNone()
    {
        using var scratch = new ScratchDirectory();
        var mounts = new LiveMounts(new StateDirectory(scratch.Path, scratch.Sub("run")));
        var mine = new LiveMount(1, Tank.Id, "tank", "/data", Environment.ProcessId, LiveMount.ProcessStartOf(Environment.ProcessId), false);
        mounts.Save(mine);
        Assert.Equal(mine, mounts.FindByMountPoint("/data"));
        Assert.Equal(mine, mounts.Find(new PoolId(Tank.Id)));
        mounts.Save(mine with { ProcessStart = mine.ProcessStart + 1 });
        Assert.Null(mounts.FindByMountPoint("/data"));
        mounts.Remove(new PoolId(Tank.Id), mine.ProcessId + 1);
        Assert.Single(Directory.GetFiles(scratch.Sub("run")));
        mounts.Remove(new PoolId(Tank.Id), mine.ProcessId);
        Assert.Empty(Directory.GetFiles(scratch.Sub("run")));
    }

    private static PoolRegistry In(ScratchDirectory scratch) => new(new StateDirectory(scratch.Sub("state"), scratch.Sub("run")));
}
