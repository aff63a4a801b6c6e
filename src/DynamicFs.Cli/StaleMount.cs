using System.Diagnostics;
using DynamicFs.Admin;

namespace DynamicFs.Cli;

/// <summary>
/// What a daemon that was killed leaves: a mount point that answers "Transport endpoint is not connected". A new mount there takes it away first.
/// </summary>
internal static class StaleMount
{
    public static void Clear(string path, Surroundings surroundings)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        MountEntry? entry = MountTable.Read().At(full);
        if (entry is not { IsDynamicFs: true } || surroundings.LiveMounts.FindByMountPoint(full) is not null || Interop.Libc.IsConnected(full))
            return;
        surroundings.Error.WriteLine($"dynfs: {full}: removing the mount of a daemon that is gone");
        Detach(full);
    }

    /// <summary>Takes a mount out of the tree: as root by umount(2), else through fusermount3.</summary>
    public static void Detach(string mountPoint)
    {
        if (Interop.Libc.DetachMount(mountPoint) == Primitives.Errno.None)
            return;
        using Process? process = Process.Start(new ProcessStartInfo("fusermount3", ["-u", "-z", "--", mountPoint]) { WorkingDirectory = "/" });
        process?.WaitForExit();
    }
}
