using DynamicFs.Disks;
using DynamicFs.Interop;
using DynamicFs.Primitives;
using DynamicFs.UnitTests.Disks;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace DynamicFs.UnitTests.Interop;

/// <summary>The calls under the disk seam, where the contract of the seam does not show them. Uses the mounts that every Linux has.</summary>
[Collection(nameof(WithoutOpenAt2))]
public sealed class LibcTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose()
    {
        Libc.UseOpenAt2 = true;
        _directory.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_path_below_never_enters_another_mount_or_leaves_the_directory(bool useOpenAt2)
    {
        Libc.UseOpenAt2 = useOpenAt2;
        using SafeFileHandle root = Open("/", OpenFlags.Path | OpenFlags.Directory);
        Assert.Equal(Errno.EXDEV, Beneath(root, "proc"));
        Assert.Equal(Errno.EXDEV, Beneath(root, "proc/version"));
        Assert.Equal(Errno.None, Beneath(root, "etc/passwd"));

        using SafeFileHandle directory = Open(_directory.Path, OpenFlags.Path | OpenFlags.Directory);
        Assert.Equal(Errno.EXDEV, Beneath(directory, ".."));
        Assert.Equal(Errno.EXDEV, Beneath(directory, "../etc"));
        Assert.Equal(useOpenAt2, Libc.UseOpenAt2);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Descriptors_are_closed_on_exec(bool useOpenAt2)
    {
        Libc.UseOpenAt2 = useOpenAt2;
        using SafeFileHandle directory = Open(_directory.Path, OpenFlags.Path | OpenFlags.Directory);
        Assert.Equal(Errno.None, Libc.OpenBeneath(directory, "a", OpenFlags.ReadWrite | OpenFlags.Create, 0x180, out SafeFileHandle? file));
        using (file)
        {
            Assert.All([directory, file!], handle => Assert.NotEqual(0, FlagsOf(handle) & OpenFlags.CloseOnExec));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(_directory.Path, "a")));
        }
    }

    [Fact]
    public void Status_and_space_are_the_system_s()
    {
        string path = Path.Combine(_directory.Path, "a");
        File.WriteAllBytes(path, new byte[12_345]);
        using SafeFileHandle file = Open(path, OpenFlags.ReadOnly);
        Assert.Equal(Errno.None, Libc.Status(file, out FileStatus status));
        Assert.Equal((FileKind.Regular, 12_345L), (status.Kind, status.LengthBytes));
        Assert.Equal((int)File.GetUnixFileMode(path), status.Mode);
        using SafeFileHandle directory = Open(_directory.Path, OpenFlags.Path | OpenFlags.Directory);
        Assert.Equal(Errno.None, Libc.StatusAt(directory, "a", out FileStatus named));
        Assert.Equal(status, named);

        Assert.Equal(Errno.None, Libc.Space(directory, out FileSystemStatus space));
        Assert.Equal(new DriveInfo(_directory.Path).TotalSize, space.TotalBytes);
        Assert.InRange(space.AvailableBytes, 1, space.TotalBytes);
    }

    [Fact]
    public void A_rename_without_replacing_finds_the_name_taken()
    {
        using SafeFileHandle directory = Open(_directory.Path, OpenFlags.Path | OpenFlags.Directory);
        File.WriteAllText(Path.Combine(_directory.Path, "a"), "1");
        File.WriteAllText(Path.Combine(_directory.Path, "b"), "2");
        Assert.Equal(Errno.EEXIST, Libc.Rename(directory, "a", directory, "b", noReplace: true));
        Assert.Equal(Errno.None, Libc.Rename(directory, "a", directory, "c", noReplace: true));
        Assert.Equal(Errno.None, Libc.Rename(directory, "c", directory, "b"));
        Assert.Equal("1", File.ReadAllText(Path.Combine(_directory.Path, "b")));
    }

    [Fact]
    public void A_file_whose_sync_failed_is_given_up()
    {
        using LinuxDisk disk = LinuxDisk.Format(_directory.Path);
        // A fifo cannot be synced: the nearest thing to a failing disk that needs no device.
        string fifo = Path.Combine(_directory.Path, "fifo");
        Shell.Run("mkfifo", fifo);
        using var file = new LinuxDiskFile(disk, "x", Open(fifo, OpenFlags.ReadWrite), isDirect: false);
        Assert.Equal(Errno.EINVAL, Assert.Throws<DiskException>(file.Sync).Errno);
        DiskException second = Assert.Throws<DiskException>(file.Sync);
        Assert.Equal(Errno.EIO, second.Errno);
        Assert.Contains("after a failed one", second.Operation);
    }

    private static SafeFileHandle Open(string path, int flags)
    {
        Assert.Equal(Errno.None, Libc.Open(path, flags, out SafeFileHandle? file));
        return file!;
    }

    private static Errno Beneath(SafeFileHandle directory, string path)
    {
        Errno errno = Libc.OpenBeneath(directory, path, OpenFlags.Path, 0, out SafeFileHandle? file);
        file?.Dispose();
        return errno;
    }

    private static int FlagsOf(SafeFileHandle file)
    {
        string line = File.ReadLines($"/proc/self/fdinfo/{file.DangerousGetHandle()}").First(text => text.StartsWith("flags:", StringComparison.Ordinal));
        return Convert.ToInt32(line["flags:".Length..].Trim(), 8);
    }
}
