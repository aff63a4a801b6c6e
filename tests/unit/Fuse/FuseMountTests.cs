using DynamicFs.Fuse;
using DynamicFs.Interop;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Fuse;

public sealed class FuseMountTests
{
    [Fact]
    public void By_default_set_user_id_and_devices_are_off() =>
        Assert.Equal(MountFlags.NoSuid | MountFlags.NoDev, FuseMount.Flags(Options("/data")));

    [Fact]
    public void Options_become_flags()
    {
        FuseMountOptions options = Options("/data") with { AllowSuid = true, AllowDevices = true, ReadOnly = true, NoExec = true, NoAtime = true, NoDirAtime = true, Synchronous = true };
        Assert.Equal(
            MountFlags.ReadOnly | MountFlags.NoExec | MountFlags.NoAtime | MountFlags.NoDirAtime | MountFlags.Synchronous, FuseMount.Flags(options));
    }

    [Fact]
    public void The_helper_gets_the_same_options_with_the_source_quoted() =>
        Assert.Equal(
            @"ro,nosuid,nodev,noexec,default_permissions,allow_other,max_read=1048576,subtype=dynfs,fsname=a\,b\\c",
            FuseMountHelper.OptionList(Options("/data") with { Source = @"a,b\c", ReadOnly = true, NoExec = true, AllowOther = true }));

    [Fact]
    public void A_missing_mount_point_is_refused() => Refused(ErrorId.MountPoint, Path.Combine(Path.GetTempPath(), "dynfs-not-there"));

    [Fact]
    public void A_file_is_no_mount_point()
    {
        string path = Path.GetTempFileName();
        try
        {
            Refused(ErrorId.MountPoint, path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_mount_point_with_entries_is_refused()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("dynfs-mount-");
        try
        {
            File.WriteAllText(Path.Combine(folder.FullName, "there"), "x");
            Refused(ErrorId.MountPointNotEmpty, folder.FullName);
            Assert.Single(folder.GetFiles());
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_mounted_directory_is_refused() => Refused(ErrorId.MountPointBusy, "/proc");

    [Fact]
    public void Nothing_is_remounted_that_is_not_ours() =>
        Assert.Equal(ErrorId.NotMounted, Assert.Throws<PoolException>(() => FuseMount.Remount(Options("/proc"))).Id);

    [Fact]
    public void Mount_lines_are_read_with_and_without_optional_fields()
    {
        const string Plain = @"36 35 0:39 / /mnt/with\040blank rw,nosuid - fuse.dynfs tank\134x rw,user_id=0";
        const string Optional = "37 35 0:40 / /mnt/b rw shared:1 master:2 - ext4 /dev/sda1 rw";
        Assert.Equal(new MountInfo("0:39", "/mnt/with blank", "fuse.dynfs", @"tank\x"), MountInfo.Parse(Plain));
        Assert.Equal(new MountInfo("0:40", "/mnt/b", "ext4", "/dev/sda1"), MountInfo.Parse(Optional));
        Assert.Null(MountInfo.Parse("nonsense"));
        Assert.Null(MountInfo.Parse("1 2 3 4 5 6 7 -"));
    }

    [Fact]
    public void The_last_mount_at_a_place_is_the_visible_one()
    {
        string[] lines = ["1 0 0:1 / /m rw - ext4 lower rw", "2 0 0:2 / /m rw - fuse.dynfs upper rw", "3 0 0:3 / /m/deeper rw - tmpfs other rw"];
        Assert.Equal("0:2", MountInfo.At("/m", lines)?.Device);
        Assert.Null(MountInfo.At("/", lines));
    }

    private static void Refused(ErrorId expected, string mountPoint)
    {
        PoolException refused = Assert.Throws<PoolException>(() => FuseMount.Create(Options(mountPoint)));
        Assert.Equal(expected, refused.Id);
        Assert.StartsWith(mountPoint, refused.Message, StringComparison.Ordinal);
    }

    private static FuseMountOptions Options(string mountPoint) => new() { Source = "tank", MountPoint = mountPoint };
}
