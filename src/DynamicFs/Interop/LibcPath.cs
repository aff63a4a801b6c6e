using System.Runtime.InteropServices;
using DynamicFs.Primitives;

namespace DynamicFs.Interop;

internal static unsafe partial class Libc
{
    private const int PathMaxBytes = 4096;
    private const int DetachFlag = 2;
    private const int UmountNoFollow = 8;

    /// <summary>realpath(3): absolute, without links, '.' and '..'; null when the path cannot be resolved.</summary>
    public static string? RealPath(string path)
    {
        byte* resolved = stackalloc byte[PathMaxBytes];
        return RealPathNative(path, resolved) == 0 ? null : Marshal.PtrToStringUTF8((nint)resolved);
    }

    /// <summary>False when the path is a FUSE mount whose daemon is gone. Asks the mount; a caller must not be its daemon.</summary>
    public static bool IsConnected(string path) => AccessNative(path, 0) == 0 || LastErrno != Errno.ENOTCONN;

    /// <summary>
    /// umount2: EBUSY while something is open in it; with <paramref name="lazy"/> (MNT_DETACH) the mount leaves the tree at once and what is open
    /// goes on until it is closed.
    /// </summary>
    public static Errno Unmount(string path, bool lazy) => Result(UmountNative(path, UmountNoFollow | (lazy ? DetachFlag : 0)));

    [LibraryImport(Library, EntryPoint = "access", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int AccessNative(string path, int mode);

    [LibraryImport(Library, EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UmountNative(string path, int flags);

    [LibraryImport(Library, EntryPoint = "realpath", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint RealPathNative(string path, byte* resolved);
}
