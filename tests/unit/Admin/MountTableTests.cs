using DynamicFs.Admin;
using Xunit;

namespace DynamicFs.UnitTests.Admin;

public sealed class MountTableTests
{
    private static readonly MountTable Table = MountTable.Parse(
    [
        "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw",
        "40 22 0:50 / /data rw,nosuid,nodev,relatime shared:9 - fuse.dynfs tank rw,user_id=0,group_id=0,default_permissions",
        "41 22 0:51 / /my\\040data\\134x ro master:3 propagate_from:2 - fuse.dynfs /mnt/d1 rw",
        "42 40 0:52 / /data/inner rw - tmpfs none rw",
        "broken line",
    ]);

    [Fact]
    public void EntriesAreRead()
    {
        Assert.Equal(4, Table.Entries.Count);
        Assert.True(Table.At("/data") is { Source: "tank", Device: "0:50" } data && MountTable.IsDynamicFs(data));
        Assert.Equal("/mnt/d1", Table.At("/my data\\x")!.Source);
        Assert.False(MountTable.IsDynamicFs(Table.At("/")!));
        Assert.Null(Table.At("/dat"));
    }

    [Theory]
    [InlineData("/data/a/b", "/data")]
    [InlineData("/data", "/data")]
    [InlineData("/database", "/")]
    [InlineData("/data/inner/x", "/data/inner")]
    [InlineData("/data/inner2", "/data")]
    public void APathLiesInTheDeepestMount(string path, string mountPoint) => Assert.Equal(mountPoint, Table.Containing(path)!.MountPoint);

    [Fact]
    public void OfTwoMountsAtOnePlaceTheLaterIsSeen()
    {
        MountTable table = MountTable.Parse(["40 22 0:50 / /data rw - tmpfs under rw", "41 22 0:51 / /data rw - fuse.dynfs over rw"]);
        Assert.Equal("over", table.At("/data")!.Source);
        Assert.Equal("over", table.Containing("/data/x")!.Source);
    }

    [Fact]
    public void TheSystemsOwnTableHasARoot() => Assert.NotNull(MountTable.Read().At("/"));
}
