using System.Diagnostics;
using DynamicFs.Admin;
using DynamicFs.Fuse;
using DynamicFs.Interop;
using DynamicFs.Primitives;

namespace DynamicFs.Cli;

/// <summary>Takes mounts out of the tree: by umount(2) as root, through fusermount3 otherwise. Never called by a mount's own daemon.</summary>
internal static class Unmounting
{
    /// <summary>Unmounts; refuses a mount that is in use unless <paramref name="lazy"/>.</summary>
    public static void Unmount(string mountPoint, bool lazy)
    {
        Errno errno = Libc.Unmount(mountPoint, lazy);
        switch (errno)
        {
            case Errno.None:
            case Errno.EINVAL when MountTable.Read().At(mountPoint) is null:
                return;
            case Errno.EBUSY:
                throw Busy(mountPoint);
            case Errno.EPERM:
                ThroughHelper(mountPoint, lazy);
                return;
            default:
                throw new PoolException(ErrorId.Mount, $"{mountPoint} cannot be unmounted: {errno}");
        }
    }

    /// <summary>
    /// What a daemon that was killed leaves: a mount point that answers "Transport endpoint is not connected". Takes it away; false when there is none.
    /// </summary>
    public static bool ClearStale(string path, Surroundings surroundings)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (MountTable.Read().At(full) is not { Type: FuseMount.FileSystemType } || surroundings.LiveMounts.FindByMountPoint(full) is not null || Libc.IsConnected(full))
            return false;
        surroundings.Error.WriteLine($"dynfs: {full}: taking away the mount of a daemon that is gone; what it had not committed in its last 5 seconds is lost");
        Unmount(full, lazy: true);
        return true;
    }

    private static void ThroughHelper(string mountPoint, bool lazy)
    {
        string[] arguments = lazy ? ["-u", "-z", "--", mountPoint] : ["-u", "--", mountPoint];
        using Process helper = Process.Start(new ProcessStartInfo("fusermount3", arguments) { WorkingDirectory = "/", RedirectStandardError = true })
            ?? throw new PoolException(ErrorId.Mount, "fusermount3 cannot be started: install the package fuse3");
        string message = helper.StandardError.ReadToEnd();
        helper.WaitForExit();
        if (helper.ExitCode == 0)
            return;
        throw message.Contains("busy", StringComparison.OrdinalIgnoreCase) ? Busy(mountPoint) : new PoolException(ErrorId.Mount, $"{mountPoint} cannot be unmounted: {message.Trim()}");
    }

    private static PoolException Busy(string mountPoint)
        => new(ErrorId.MountPointBusy, $"{mountPoint} is in use ('fuser -vm {mountPoint}' shows by whom); everything written is durable now. Close what is open, or unmount with --lazy");
}
