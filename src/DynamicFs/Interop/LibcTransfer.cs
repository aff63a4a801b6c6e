using System.Runtime.InteropServices;
using DynamicFs.Primitives;
using Microsoft.Win32.SafeHandles;

namespace DynamicFs.Interop;

internal static unsafe partial class Libc
{
    /// <summary>IOV_MAX: most pieces of one vectored call.</summary>
    public const int MaxVectors = 1024;

    /// <summary>RWF_NOWAIT (linux/fs.h).</summary>
    private const int NoWait = 0x8;

    /// <summary>pread(2), once; <paramref name="count"/> may be short, 0 is the end of the file.</summary>
    public static Errno Read(SafeFileHandle file, byte* destination, int lengthBytes, long offset, out long count)
    {
        do
        {
            count = ReadNative(file, destination, (nuint)lengthBytes, offset);
        }
        while (count < 0 && LastErrno == Errno.EINTR);
        return Transferred(ref count);
    }

    /// <summary>pwrite(2), once; <paramref name="count"/> may be short.</summary>
    public static Errno Write(SafeFileHandle file, byte* source, int lengthBytes, long offset, out long count)
    {
        do
        {
            count = WriteNative(file, source, (nuint)lengthBytes, offset);
        }
        while (count < 0 && LastErrno == Errno.EINTR);
        return Transferred(ref count);
    }

    /// <summary>preadv(2), once, of at most <see cref="MaxVectors"/> pieces.</summary>
    public static Errno ReadVector(SafeFileHandle file, IoVector* pieces, int pieceCount, long offset, out long count)
    {
        do
        {
            count = ReadVectorNative(file, pieces, pieceCount, offset);
        }
        while (count < 0 && LastErrno == Errno.EINTR);
        return Transferred(ref count);
    }

    /// <summary>preadv2(2) with RWF_NOWAIT: EAGAIN instead of waiting for the medium, EOPNOTSUPP where a filesystem cannot tell.</summary>
    public static Errno ReadVectorCached(SafeFileHandle file, IoVector* pieces, int pieceCount, long offset, out long count)
    {
        count = ReadVectorFlagsNative(file, pieces, pieceCount, offset, NoWait);
        return Transferred(ref count);
    }

    /// <summary>pwritev(2), once, of at most <see cref="MaxVectors"/> pieces.</summary>
    public static Errno WriteVector(SafeFileHandle file, IoVector* pieces, int pieceCount, long offset, out long count)
    {
        do
        {
            count = WriteVectorNative(file, pieces, pieceCount, offset);
        }
        while (count < 0 && LastErrno == Errno.EINTR);
        return Transferred(ref count);
    }

    private static Errno Transferred(ref long count)
    {
        if (count >= 0)
            return Errno.None;
        count = 0;
        return LastErrno;
    }

    [LibraryImport(Library, EntryPoint = "pread", SetLastError = true)]
    private static partial nint ReadNative(SafeFileHandle file, byte* destination, nuint lengthBytes, long offset);

    [LibraryImport(Library, EntryPoint = "pwrite", SetLastError = true)]
    private static partial nint WriteNative(SafeFileHandle file, byte* source, nuint lengthBytes, long offset);

    [LibraryImport(Library, EntryPoint = "preadv", SetLastError = true)]
    private static partial nint ReadVectorNative(SafeFileHandle file, IoVector* pieces, int pieceCount, long offset);

    [LibraryImport(Library, EntryPoint = "preadv2", SetLastError = true)]
    private static partial nint ReadVectorFlagsNative(SafeFileHandle file, IoVector* pieces, int pieceCount, long offset, int flags);

    [LibraryImport(Library, EntryPoint = "pwritev", SetLastError = true)]
    private static partial nint WriteVectorNative(SafeFileHandle file, IoVector* pieces, int pieceCount, long offset);
}
