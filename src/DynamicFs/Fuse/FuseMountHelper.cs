using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using DynamicFs.Interop;
using DynamicFs.Primitives;
using Microsoft.Win32.SafeHandles;

namespace DynamicFs.Fuse;

/// <summary>
/// Mounting through fusermount3 (setuid root): it opens /dev/fuse, mounts, and passes the descriptor back over a socket named in _FUSE_COMMFD.
/// </summary>
internal static class FuseMountHelper
{
    private const string Program = "fusermount3";

    public static SafeFileHandle Mount(FuseMountOptions options)
    {
        Errno errno = LibcFuse.SocketPair(out SafeFileHandle? ours, out SafeFileHandle? theirs);
        if (errno != Errno.None)
            throw new PoolException(ErrorId.Mount, $"{options.MountPoint}: cannot make a socket for {Program}: {errno}");

        using (ours)
        {
            Process process;
            using (theirs)
                process = Start(options.MountPoint, theirs!, ["-o", OptionList(options), "--", options.MountPoint]);
            using (process)
            {
                errno = LibcFuse.ReceiveDescriptor(ours!, out SafeFileHandle? device);
                string complaint = process.StandardError.ReadToEnd().Trim();
                process.WaitForExit();
                return errno == Errno.None ? device! : throw Refused(options.MountPoint, complaint);
            }
        }
    }

    /// <summary>Lazily, as <see cref="FuseMount.Unmount"/> does.</summary>
    public static void Unmount(string mountPoint)
    {
        using Process process = Start(mountPoint, null, ["-u", "-z", "--", mountPoint]);
        string complaint = process.StandardError.ReadToEnd().Trim();
        process.WaitForExit();
        if (process.ExitCode != 0 && MountInfo.At(mountPoint)?.Type == FuseMount.FileSystemType)
            throw new PoolException(ErrorId.Mount, $"{mountPoint}: {Program} -u failed: {complaint}");
    }

    internal static string OptionList(FuseMountOptions options)
    {
        List<string> list = [options.ReadOnly ? "ro" : "rw", options.AllowSuid ? "suid" : "nosuid", options.AllowDevices ? "dev" : "nodev"];
        if (options.NoExec)
            list.Add("noexec");
        if (options.NoAtime)
            list.Add("noatime");
        if (options.Synchronous)
            list.Add("sync");
        list.Add("default_permissions");
        if (options.AllowOther)
            list.Add("allow_other");
        list.Add(string.Create(CultureInfo.InvariantCulture, $"max_read={FuseBuffer.PayloadBytes}"));
        list.Add("subtype=dynfs");
        list.Add("fsname=" + options.Source.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(",", "\\,", StringComparison.Ordinal));
        return string.Join(',', list);
    }

    private static Process Start(string mountPoint, SafeFileHandle? socket, string[] arguments)
    {
        var start = new ProcessStartInfo(Program, arguments) { RedirectStandardError = true, WorkingDirectory = "/" };
        if (socket is not null)
            start.Environment["_FUSE_COMMFD"] = socket.DangerousGetHandle().ToString(CultureInfo.InvariantCulture);
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new PoolException(ErrorId.Mount, $"{mountPoint}: not root, and {Program} cannot be run ({e.Message}): mount as root, or install the package fuse3", e);
        }
    }

    private static PoolException Refused(string mountPoint, string complaint)
    {
        string hint = complaint switch
        {
            _ when complaint.Contains("user_allow_other", StringComparison.Ordinal) => "; the administrator must put 'user_allow_other' into /etc/fuse.conf, or mount without allow_other",
            _ when complaint.Contains("/dev/fuse", StringComparison.Ordinal) => $"; users need read and write on {FuseMount.DevicePath} (chmod 666, the usual mode), or mount as root",
            _ => "",
        };
        return new PoolException(ErrorId.Mount, $"{mountPoint}: {(complaint.Length > 0 ? complaint : Program + " refused the mount")}{hint}");
    }
}
