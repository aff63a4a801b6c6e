using System.Globalization;
using DynamicFs.Interop;
using DynamicFs.Primitives;
using Microsoft.Win32.SafeHandles;

namespace DynamicFs.Fuse;

/// <summary>
/// Owns the descriptor of /dev/fuse and the mount that hangs on it. The connection lives as long as the descriptor is open somewhere, the mount until
/// <see cref="Unmount"/> or somebody's umount. Nothing here ever looks into the mounted tree: the daemon would wait for itself.
/// </summary>
internal sealed class FuseMount : IDisposable
{
    public const string FileSystemType = "fuse.dynfs";
    public const string DevicePath = "/dev/fuse";
    private const string ControlPath = "/sys/fs/fuse/connections";

    private readonly bool _throughHelper;

    private FuseMount(SafeFileHandle device, string mountPoint, bool throughHelper)
    {
        Device = device;
        MountPoint = mountPoint;
        _throughHelper = throughHelper;
        DeviceNumber = MountInfo.At(mountPoint) is { Type: FileSystemType } mount ? mount.Device : null;
    }

    public SafeFileHandle Device { get; }

    public string MountPoint { get; }

    /// <summary>major:minor of the mounted filesystem; null when it was gone before we could look.</summary>
    public string? DeviceNumber { get; }

    /// <summary>Mounts. As root with mount(2), else (or where the kernel forbids it, as in containers) with fusermount3.</summary>
    public static FuseMount Create(FuseMountOptions options)
    {
        CheckMountPoint(options.MountPoint, options.AllowNonEmpty);
        if (LibcFuse.EffectiveUserId != 0)
            return new FuseMount(FuseMountHelper.Mount(options), options.MountPoint, throughHelper: true);

        SafeFileHandle device = OpenDevice();
        Errno errno = LibcFuse.Mount(options.Source, options.MountPoint, FileSystemType, Flags(options), KernelOptions(options, device));
        if (errno == Errno.None)
            return new FuseMount(device, options.MountPoint, throughHelper: false);

        device.Dispose();
        if (errno == Errno.EPERM)
            return new FuseMount(FuseMountHelper.Mount(options), options.MountPoint, throughHelper: true);
        throw new PoolException(ErrorId.Mount, $"{options.MountPoint}: the kernel refused to mount {options.Source}: {errno}; dmesg may say more");
    }

    /// <summary>Changes ro, noatime and the like of a live mount (mount -o remount); reaches no daemon.</summary>
    public static void Remount(FuseMountOptions options)
    {
        if (MountInfo.At(options.MountPoint) is not { Type: FileSystemType })
            throw new PoolException(ErrorId.NotMounted, $"{options.MountPoint}: no dynfs is mounted there, so there is nothing to remount");
        Errno errno = LibcFuse.Remount(options.MountPoint, Flags(options));
        if (errno != Errno.None)
            throw new PoolException(ErrorId.Mount, $"{options.MountPoint}: the kernel refused to remount: {errno}");
    }

    /// <summary>
    /// Sets the mount's read-ahead (sysfs; best effort, root only). To be called after INIT, whose reply lowers it to what it names.
    /// False where it could not be set.
    /// </summary>
    public bool TrySetReadAhead(int kib)
    {
        if (DeviceNumber is null || kib <= 0)
            return false;
        try
        {
            File.WriteAllText($"/sys/class/bdi/{DeviceNumber}/read_ahead_kb", kib.ToString(CultureInfo.InvariantCulture));
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>
    /// Takes the mount out of the tree (MNT_DETACH). Open files keep the connection alive until they are closed. Nothing happens when it is
    /// gone already or something else is mounted there now.
    /// </summary>
    public void Unmount()
    {
        if (MountInfo.At(MountPoint) is not { } mount || mount.Device != DeviceNumber)
            return;
        if (_throughHelper)
        {
            FuseMountHelper.Unmount(MountPoint);
            return;
        }

        Errno errno = LibcFuse.Detach(MountPoint);
        if (errno is not (Errno.None or Errno.EINVAL or Errno.ENOENT))
            throw new PoolException(ErrorId.Mount, $"{MountPoint}: cannot unmount: {errno}; try 'umount -l {MountPoint}'");
    }

    /// <summary>
    /// Cuts the connection: requests in flight end with ECONNABORTED, and so do the readers. The way out when somebody keeps files open on a detached
    /// mount. False where the kernel's control filesystem cannot be reached (not root); then the end of the process does it.
    /// </summary>
    public bool TryAbort()
    {
        if (DeviceNumber is null)
            return false;
        string minor = DeviceNumber[(DeviceNumber.IndexOf(':') + 1)..];
        string control = Path.Combine(ControlPath, minor, "abort");

        // Systems without systemd do not mount it.
        bool isMounted = !File.Exists(control) && LibcFuse.Mount("fusectl", ControlPath, "fusectl", MountFlags.None, "") == Errno.None;
        try
        {
            File.WriteAllText(control, "1");
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
        finally
        {
            if (isMounted)
                LibcFuse.Detach(ControlPath);
        }
    }

    /// <summary>
    /// Closes the descriptor. With the last one the kernel cuts the connection: who still has files open there gets ENOTCONN, and requests that were not
    /// answered end with ECONNABORTED.
    /// </summary>
    public void Dispose() => Device.Dispose();

    internal static MountFlags Flags(FuseMountOptions options) =>
        (options.ReadOnly ? MountFlags.ReadOnly : 0)
        | (options.AllowSuid ? 0 : MountFlags.NoSuid)
        | (options.AllowDevices ? 0 : MountFlags.NoDev)
        | (options.NoExec ? MountFlags.NoExec : 0)
        | (options.NoAtime ? MountFlags.NoAtime : 0)
        | (options.NoDirAtime ? MountFlags.NoDirAtime : 0)
        | (options.Synchronous ? MountFlags.Synchronous : 0);

    private static string KernelOptions(FuseMountOptions options, SafeFileHandle device) =>
        $"fd={device.DangerousGetHandle()},rootmode=40000,user_id={LibcFuse.EffectiveUserId},group_id={LibcFuse.EffectiveGroupId},"
        + $"default_permissions,{(options.AllowOther ? "allow_other," : "")}max_read={FuseBuffer.PayloadBytes}";

    private static SafeFileHandle OpenDevice()
    {
        Errno errno = LibcFuse.OpenDevice(DevicePath, out SafeFileHandle? device);
        return errno switch
        {
            Errno.None => device!,
            Errno.ENOENT or Errno.ENODEV or Errno.ENXIO => throw new PoolException(ErrorId.Mount, $"{DevicePath} is missing ({errno}): load the module with 'modprobe fuse'; in a container pass the device in"),
            _ => throw new PoolException(ErrorId.Mount, $"{DevicePath} cannot be opened ({errno}): mount as root, or let the administrator grant read and write on it"),
        };
    }

    /// <summary>
    /// Refuses what does not exist, is no directory, has a mount already, or is not empty (unless <paramref name="allowNonEmpty"/>). To be asked by the
    /// tool before anything else is done, and again right before mounting.
    /// </summary>
    public static void CheckMountPoint(string path, bool allowNonEmpty)
    {
        if (!allowNonEmpty && MountInfo.At(path) is { } there && there.Type != "autofs")
        {
            throw new PoolException(ErrorId.MountPointBusy, there.Type.StartsWith("fuse", StringComparison.Ordinal)
                ? $"{path}: {there.Source} ({there.Type}) is mounted there already; 'dynfs umount {path}' ends it, or if its daemon is dead, 'fusermount3 -u -z {path}'"
                : $"{path}: {there.Source} ({there.Type}) is mounted there already; choose another directory");
        }

        if (!Directory.Exists(path))
        {
            throw new PoolException(ErrorId.MountPoint, File.Exists(path)
                ? $"{path}: the mount point is no directory"
                : $"{path}: the mount point does not exist; make it with 'mkdir -p {path}'");
        }

        if (!allowNonEmpty && Directory.EnumerateFileSystemEntries(path).Any())
            throw new PoolException(ErrorId.MountPointNotEmpty, $"{path}: the mount point is not empty and a mount would hide what is in it; choose another one, or mount with -o nonempty");
    }
}
