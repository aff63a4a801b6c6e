using DynamicFs.Interop;

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
}
