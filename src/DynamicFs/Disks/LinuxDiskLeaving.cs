using DynamicFs.Interop;
using DynamicFs.Primitives;
using Microsoft.Win32.SafeHandles;

namespace DynamicFs.Disks;

/// <summary>Directories of disks that are no members: one that left the pool, and one whose joining was cut off.</summary>
public sealed partial class LinuxDisk
{
    /// <summary>What the directory of a disk that left is called; counts as empty when the place becomes a disk again.</summary>
    internal const string RetiredPrefix = ".dynfs-removed-";

    /// <summary>Renames <c>.dynfs</c> of a disk that left, so that nothing takes it for a member and nothing of it is lost. The new path; null when that failed.</summary>
    public static string? Retire(string path, DiskId id)
    {
        try
        {
            using SafeFileHandle parent = OpenOperatorDirectory(path);
            string name = RetiredPrefix + id.ToString()[..8];
            return Libc.Rename(parent, DiskLayout.Directory, parent, name) == Errno.None ? $"{path}/{name}" : null;
        }
        catch (PoolException)
        {
            return null;
        }
    }

    /// <summary>
    /// Removes a disk of <paramref name="pool"/> that is no member and has never had a root: its joining was cut off before the pool knew it. Anything else is left as it is.
    /// </summary>
    public static void RemoveCutOff(string path, PoolId pool, IReadOnlySet<DiskId> members)
    {
        try
        {
            using SafeFileHandle parent = OpenOperatorDirectory(path);
            using LinuxDisk disk = Attach(path);
            DiskLabel label = DiskLabelFile.Read(disk);
            if (label.Pool != pool || members.Contains(label.Id) || disk.List("").Any(entry => entry.Name == "roots") || !disk.TryLock())
                return;
            disk.RemoveTree("");
            _ = Libc.RemoveDirectory(parent, DiskLayout.Directory);
        }
        catch (Exception e) when (e is PoolException or CorruptionException or DiskException)
        {
            // What it is, the check of a new disk says.
        }
    }
}
