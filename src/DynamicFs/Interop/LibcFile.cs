using System.Runtime.InteropServices;
using DynamicFs.Primitives;
using Microsoft.Win32.SafeHandles;

namespace DynamicFs.Interop;

internal static unsafe partial class Libc
{
    private const int LockExclusive = 2;
    private const int LockNonBlocking = 4;
    private const int AdviceWillNeed = 3;
    private const int AdviceDoNotNeed = 4;

    /// <summary>
    /// fsync(2). EINTR is not retried: a filesystem may have consumed a write error on the way, so an interrupted sync is a failed one.
    /// </summary>
    public static Errno Sync(SafeFileHandle file) => Result(SyncNative(file));

    /// <summary>fdatasync(2). EINTR is not retried, as in <see cref="Sync"/>.</summary>
    public static Errno SyncData(SafeFileHandle file) => Result(SyncDataNative(file));

    public static Errno SetLength(SafeFileHandle file, long lengthBytes)
    {
        Errno errno;
        do
        {
            errno = Result(SetLengthNative(file, lengthBytes));
        }
        while (errno == Errno.EINTR);
        return errno;
    }

    /// <summary>fallocate(2) with mode 0: reserves blocks, the size grows. EOPNOTSUPP where the filesystem cannot.</summary>
    public static Errno Allocate(SafeFileHandle file, long offset, long lengthBytes)
    {
        Errno errno;
        do
        {
            errno = Result(AllocateNative(file, 0, offset, lengthBytes));
        }
        while (errno == Errno.EINTR);
        return errno;
    }

    /// <summary>flock(2), exclusive, without waiting: EAGAIN when another open file has it.</summary>
    public static Errno TryLock(SafeFileHandle file)
    {
        Errno errno;
        do
        {
            errno = Result(LockNative(file, LockExclusive | LockNonBlocking));
        }
        while (errno == Errno.EINTR);
        return errno;
    }

    /// <summary>posix_fadvise(2): fetch soon (<paramref name="willNeed"/>) or drop from the cache. A hint: its answer means nothing.</summary>
    public static void Advise(SafeFileHandle file, long offset, long lengthBytes, bool willNeed) =>
        _ = AdviseNative(file, offset, lengthBytes, willNeed ? AdviceWillNeed : AdviceDoNotNeed);

    [LibraryImport(Library, EntryPoint = "fsync", SetLastError = true)]
    private static partial int SyncNative(SafeFileHandle file);

    [LibraryImport(Library, EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int SyncDataNative(SafeFileHandle file);

    [LibraryImport(Library, EntryPoint = "ftruncate", SetLastError = true)]
    private static partial int SetLengthNative(SafeFileHandle file, long lengthBytes);

    [LibraryImport(Library, EntryPoint = "fallocate", SetLastError = true)]
    private static partial int AllocateNative(SafeFileHandle file, int mode, long offset, long lengthBytes);

    [LibraryImport(Library, EntryPoint = "flock", SetLastError = true)]
    private static partial int LockNative(SafeFileHandle file, int operation);

    [LibraryImport(Library, EntryPoint = "posix_fadvise")]
    private static partial int AdviseNative(SafeFileHandle file, long offset, long lengthBytes, int advice);
}
