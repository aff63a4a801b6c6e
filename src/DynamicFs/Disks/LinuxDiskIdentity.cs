using DynamicFs.Interop;
using DynamicFs.Primitives;
using Microsoft.Win32.SafeHandles;

namespace DynamicFs.Disks;

/// <summary>Whether two paths lead to one and the same disk.</summary>
public sealed partial class LinuxDisk
{
    /// <summary>True when both are the same directory reached by two paths (a bind mount, a parent that is a link).</summary>
    public bool IsSameAs(LinuxDisk other)
    {
        ThrowOnFailure(Libc.Status(_directory, out FileStatus mine), "stat", "");
        other.ThrowOnFailure(Libc.Status(other._directory, out FileStatus theirs), "stat", "");
        return (mine.DeviceNumber, mine.Inode) == (theirs.DeviceNumber, theirs.Inode);
    }

    public void CheckPlace()
    {
        Errno errno = Libc.Open(Name, OpenFlags.Path | OpenFlags.NoFollow, out SafeFileHandle? parent);
        SafeFileHandle? directory = null;
        FileStatus found = default;
        using (parent)
        {
            if (errno == Errno.None)
                errno = Libc.OpenBeneath(parent!, DiskLayout.Directory, OpenFlags.Path | OpenFlags.Directory, 0, out directory);
        }

        using (directory)
        {
            if (errno == Errno.None)
                errno = Libc.Status(directory!, out found);
        }

        ThrowOnFailure(errno, "find", "");
        ThrowOnFailure(Libc.Status(_directory, out FileStatus mine), "stat", "");
        if (mine.DeviceNumber != found.DeviceNumber)
            throw new DiskException(Name, $"its place is on device {Device(found)} now, not on {Device(mine)}", Errno.ESTALE);
        if (mine.Inode != found.Inode)
            throw new DiskException(Name, $"another {DiskLayout.Directory} lies at its place", Errno.ESTALE);
    }

    private static string Device(in FileStatus status)
    {
        ulong number = status.DeviceNumber;
        return $"{number >> 8 & 0xfff}:{(number & 0xff) | (number >> 12 & 0xffffff00)}";
    }
}
