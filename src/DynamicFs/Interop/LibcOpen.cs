using System.Runtime.InteropServices;
using DynamicFs.Primitives;
using Microsoft.Win32.SafeHandles;

namespace DynamicFs.Interop;

internal static unsafe partial class Libc
{
    /// <summary>RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH (linux/openat2.h).</summary>
    private const ulong ResolveBeneath = 0x01 | 0x02 | 0x04 | 0x08;

    /// <summary>openat2 may answer EAGAIN while something else on the system renames or mounts; it says nothing about our path.</summary>
    private const int MaxResolveAttempts = 64;

    private static volatile bool s_hasOpenAt2 = true;

    /// <summary>For tests: false makes <see cref="OpenBeneath"/> walk the components itself, as on kernels before 5.6.</summary>
    internal static bool UseOpenAt2
    {
        get => s_hasOpenAt2;
        set => s_hasOpenAt2 = value;
    }

    /// <summary>open(2) of a path of the operator; links on the way are followed, the last component only without O_NOFOLLOW.</summary>
    public static Errno Open(string path, int flags, out SafeFileHandle? file)
    {
        int descriptor;
        Errno errno;
        do
        {
            descriptor = OpenNative(path, flags | OpenFlags.CloseOnExec, 0);
            errno = Result(descriptor);
        }
        while (errno == Errno.EINTR);
        file = errno == Errno.None ? new SafeFileHandle(descriptor, ownsHandle: true) : null;
        return errno;
    }

    /// <summary>
    /// Opens <paramref name="path"/> below <paramref name="directory"/> without following any link, leaving the directory or crossing into another
    /// mount: ELOOP for a link anywhere, EXDEV for a mount point or '..'. <paramref name="mode"/> counts with O_CREAT only.
    /// </summary>
    public static Errno OpenBeneath(SafeFileHandle directory, string path, int flags, uint mode, out SafeFileHandle? file)
    {
        if (!s_hasOpenAt2)
            return Walk(directory, path, flags, mode, out file);

        OpenHow how = new()
        {
            Flags = (ulong)(uint)(flags | OpenFlags.CloseOnExec),
            Mode = (flags & OpenFlags.Create) != 0 ? mode : 0,
            Resolve = ResolveBeneath,
        };
        Errno errno = Errno.EAGAIN;
        for (int attempt = 0; attempt < MaxResolveAttempts && errno is Errno.EINTR or Errno.EAGAIN; attempt++)
        {
            long descriptor = OpenAt2Native(Call.OpenAt2, directory, path, &how, (nuint)sizeof(OpenHow));
            if (descriptor >= 0)
            {
                file = new SafeFileHandle((nint)descriptor, ownsHandle: true);
                return Errno.None;
            }

            errno = LastErrno;
        }

        file = null;
        if (errno != Errno.ENOSYS)
            return errno;
        s_hasOpenAt2 = false;
        return Walk(directory, path, flags, mode, out file);
    }

    /// <summary>
    /// The same for kernels without openat2: one openat per component, none of them following a link, each checked to be on the directory's
    /// filesystem and no mount root (a bind mount of the same filesystem is seen from kernel 5.8 on only, by its mount-root attribute).
    /// </summary>
    private static Errno Walk(SafeFileHandle directory, string path, int flags, uint mode, out SafeFileHandle? file)
    {
        file = null;
        Errno errno = Status(directory, out FileStatus top);
        if (errno != Errno.None)
            return errno;

        string[] components = path.Split('/');
        SafeFileHandle current = directory;
        try
        {
            for (int i = 0; i < components.Length; i++)
            {
                bool isLast = i == components.Length - 1;
                int componentFlags = isLast ? flags : OpenFlags.Path | OpenFlags.Directory;
                errno = OpenComponent(current, components[i], componentFlags, mode, top.DeviceNumber, out SafeFileHandle? next);
                if (errno != Errno.None)
                    return errno;
                if (!ReferenceEquals(current, directory))
                    current.Dispose();
                current = next!;
            }

            file = current;
            return Errno.None;
        }
        finally
        {
            if (file is null && !ReferenceEquals(current, directory))
                current.Dispose();
        }
    }

    private static Errno OpenComponent(SafeFileHandle parent, string name, int flags, uint mode, ulong deviceNumber, out SafeFileHandle? file)
    {
        file = null;
        if (name is "" or "..")
            return name == "" ? Errno.ENOENT : Errno.EXDEV;

        int descriptor;
        Errno errno;
        do
        {
            descriptor = OpenAtNative(parent, name, flags | OpenFlags.NoFollow | OpenFlags.CloseOnExec, mode);
            errno = Result(descriptor);
        }
        while (errno == Errno.EINTR);

        // With O_DIRECTORY the kernel reports a link as ENOTDIR; say what it is, as openat2 does.
        if (errno == Errno.ENOTDIR && StatusAt(parent, name, out FileStatus found) == Errno.None && found.Kind == FileKind.SymbolicLink)
            return Errno.ELOOP;
        if (errno != Errno.None)
            return errno;

        var opened = new SafeFileHandle(descriptor, ownsHandle: true);
        errno = Status(opened, out FileStatus status);
        if (errno == Errno.None && status.Kind == FileKind.SymbolicLink)
            errno = Errno.ELOOP;
        if (errno == Errno.None && name != "." && (status.DeviceNumber != deviceNumber || status.IsMountRoot))
            errno = Errno.EXDEV;
        if (errno == Errno.None)
            file = opened;
        else
            opened.Dispose();
        return errno;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct OpenHow
    {
        public ulong Flags;
        public ulong Mode;
        public ulong Resolve;
    }

    [LibraryImport(Library, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenNative(string path, int flags, uint mode);

    [LibraryImport(Library, EntryPoint = "openat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenAtNative(SafeFileHandle directory, string path, int flags, uint mode);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial long OpenAt2Native(long number, SafeFileHandle directory, string path, OpenHow* how, nuint sizeBytes);
}
