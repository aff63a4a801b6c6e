using DynamicFs.Admin;
using DynamicFs.Primitives;

namespace DynamicFs.Cli;

/// <summary>The directory that a pool is to be mounted on, checked before anything else is done.</summary>
internal static class MountPoint
{
    /// <summary>
    /// The mount point's absolute path without links. Refuses what does not exist, is no directory, has a mount already, or is not empty (a mount would
    /// hide what is there) unless <paramref name="allowNonEmpty"/>.
    /// </summary>
    public static string Check(string path, bool allowNonEmpty, MountTable mounts)
    {
        string full = FullPath(path);
        if (mounts.At(full) is { } there)
        {
            throw new PoolException(ErrorId.MountPointBusy, there.IsDynamicFs
                ? $"{full}: pool {there.Source} is mounted there already; 'dynfs umount {full}' ends it"
                : $"{full}: something is mounted there already ({there.Source}, type {there.Type}); choose another directory");
        }

        if (!Directory.Exists(full))
        {
            throw new PoolException(ErrorId.MountPoint, File.Exists(full)
                ? $"{full}: the mount point is no directory; give an empty directory"
                : $"{full}: the mount point does not exist; make it with 'mkdir -p {full}'");
        }

        if (!allowNonEmpty && Directory.EnumerateFileSystemEntries(full).Any())
            throw new PoolException(ErrorId.MountPointNotEmpty, $"{full}: the mount point is not empty, a mount would hide what is in it; choose another one, or mount with -o nonempty");
        return full;
    }

    /// <summary>Absolute, every link resolved. A path that does not exist stays as it is, made absolute.</summary>
    public static string FullPath(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        return Interop.Libc.RealPath(full) ?? full;
    }
}
