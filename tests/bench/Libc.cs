using System.Runtime.InteropServices;

namespace DynamicFs.Bench;

/// <summary>The system calls of the client; a failing one ends the measurement.</summary>
internal static unsafe partial class Libc
{
    public const int ReadOnly = 0;
    public const int WriteOnly = 1;
    public const int Create = 0x40;
    public const int Exclusive = 0x80;
    public const int Truncate = 0x200;
    public const int Directory = 0x10000;
    private const int SeekEnd = 2;
    private const int WorkingDirectory = -100;
    private const int NoFollow = 0x100;
    private const uint BasicStatistics = 0x7ff;
    private const int Self = 0;
    private const int Children = -1;

    public static int Open(string path, int flags) => Checked(OpenCall(path, flags, 0x1a4), path);

    public static void Close(int file) => Checked(CloseCall(file), "close");

    public static void Write(int file, ReadOnlySpan<byte> data)
    {
        fixed (byte* bytes = data)
            Full(WriteCall(file, bytes, (nuint)data.Length), data.Length);
    }

    public static void WriteAt(int file, ReadOnlySpan<byte> data, long offset)
    {
        fixed (byte* bytes = data)
            Full(WriteAtCall(file, bytes, (nuint)data.Length, offset), data.Length);
    }

    public static int Read(int file, Span<byte> data)
    {
        fixed (byte* bytes = data)
            return (int)Checked(ReadCall(file, bytes, (nuint)data.Length), "read");
    }

    public static void ReadAt(int file, Span<byte> data, long offset)
    {
        fixed (byte* bytes = data)
            Full(ReadAtCall(file, bytes, (nuint)data.Length, offset), data.Length);
    }

    public static void Sync(int file) => Checked(SyncCall(file), "fsync");

    public static void SyncFileSystem(int file) => Checked(SyncFileSystemCall(file), "syncfs");

    public static long Size(int file) => Checked(SeekCall(file, 0, SeekEnd), "lseek");

    public static void Unlink(string path) => Checked(UnlinkCall(path), path);

    public static void MakeDirectory(string path) => Checked(MakeDirectoryCall(path, 0x1ed), path);

    public static void Stat(string path)
    {
        byte* buffer = stackalloc byte[256];
        Checked(StatCall(WorkingDirectory, path, NoFollow, BasicStatistics, buffer), path);
    }

    /// <summary>User and system time of this process and of the children it has waited for.</summary>
    public static double CpuSeconds()
    {
        double total = 0;
        long* usage = stackalloc long[18];
        foreach (int who in (ReadOnlySpan<int>)[Self, Children])
        {
            Checked(UsageCall(who, usage), "getrusage");
            total += usage[0] + usage[2] + ((usage[1] + usage[3]) / 1e6);
        }

        return total;
    }

    private static int Checked(int result, string what) => (int)Checked((nint)result, what);

    private static nint Checked(nint result, string what)
        => result >= 0 ? result : throw new IOException($"{what}: errno {Marshal.GetLastPInvokeError()}");

    private static void Full(nint count, int wanted)
    {
        if (Checked(count, "read or write") != wanted)
            throw new IOException($"{count} bytes instead of {wanted}");
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenCall(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int CloseCall(int file);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteCall(int file, byte* data, nuint length);

    [LibraryImport("libc", EntryPoint = "pwrite", SetLastError = true)]
    private static partial nint WriteAtCall(int file, byte* data, nuint length, long offset);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint ReadCall(int file, byte* data, nuint length);

    [LibraryImport("libc", EntryPoint = "pread", SetLastError = true)]
    private static partial nint ReadAtCall(int file, byte* data, nuint length, long offset);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int SyncCall(int file);

    [LibraryImport("libc", EntryPoint = "syncfs", SetLastError = true)]
    private static partial int SyncFileSystemCall(int file);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial nint SeekCall(int file, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "unlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UnlinkCall(string path);

    [LibraryImport("libc", EntryPoint = "mkdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MakeDirectoryCall(string path, int mode);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatCall(int directory, string path, int flags, uint mask, byte* buffer);

    [LibraryImport("libc", EntryPoint = "getrusage", SetLastError = true)]
    private static partial int UsageCall(int who, long* usage);
}
