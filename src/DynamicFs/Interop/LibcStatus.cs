using System.Runtime.InteropServices;
using DynamicFs.Primitives;
using Microsoft.Win32.SafeHandles;

namespace DynamicFs.Interop;

/// <summary>Type bits of st_mode.</summary>
internal enum FileKind
{
    Fifo = 0x1000,
    CharacterDevice = 0x2000,
    Directory = 0x4000,
    BlockDevice = 0x6000,
    Regular = 0x8000,
    SymbolicLink = 0xA000,
    Socket = 0xC000,
}

/// <summary>What the engine needs of struct statx.</summary>
internal readonly record struct FileStatus(FileKind Kind, ushort Mode, uint UserId, long LengthBytes, ulong Inode, ulong DeviceNumber, bool IsMountRoot);

/// <summary>What the engine needs of struct statvfs, in bytes.</summary>
internal readonly record struct FileSystemStatus(long TotalBytes, long AvailableBytes, long TotalInodes, long FreeInodes, bool IsReadOnly);

internal static unsafe partial class Libc
{
    private const int AtEmptyPath = 0x1000;
    private const int AtSymlinkNoFollow = 0x100;
    private const uint StatxBasicStats = 0x7ff;
    private const ulong StatxAttributeMountRoot = 0x2000;
    private const ulong MountFlagReadOnly = 1;

    public static Errno Status(SafeFileHandle file, out FileStatus status) => Status(file, "", AtEmptyPath, out status);

    /// <summary>Status of an entry of <paramref name="directory"/>; a link is not followed.</summary>
    public static Errno StatusAt(SafeFileHandle directory, string name, out FileStatus status) => Status(directory, name, AtSymlinkNoFollow, out status);

    /// <summary>Space of the filesystem that holds the file or directory; works on O_PATH descriptors.</summary>
    public static Errno Space(SafeFileHandle file, out FileSystemStatus status)
    {
        StatVfs raw;
        Errno errno;
        do
        {
            errno = Result(StatVfsNative(file, &raw));
        }
        while (errno == Errno.EINTR);

        status = default;
        if (errno != Errno.None)
            return errno;
        ulong unitBytes = raw.FragmentBytes != 0 ? raw.FragmentBytes : raw.BlockBytes;
        status = new FileSystemStatus(
            ToBytes(raw.Blocks, unitBytes), ToBytes(raw.AvailableBlocks, unitBytes), ToBytes(raw.Inodes, 1), ToBytes(raw.AvailableInodes, 1),
            (raw.Flags & MountFlagReadOnly) != 0);
        return Errno.None;
    }

    /// <summary>Some network filesystems report absurdly large numbers; they saturate instead of overflowing.</summary>
    private static long ToBytes(ulong count, ulong unitBytes) => (long)ulong.Min(long.MaxValue, (ulong)UInt128.Min(ulong.MaxValue, (UInt128)count * unitBytes));

    private static Errno Status(SafeFileHandle directory, string name, int flags, out FileStatus status)
    {
        StatX raw;
        Errno errno;
        do
        {
            errno = Result(StatXNative(directory, name, flags, StatxBasicStats, &raw));
        }
        while (errno == Errno.EINTR);

        status = default;
        if (errno != Errno.None)
            return errno;
        status = new FileStatus(
            (FileKind)(raw.Mode & 0xF000), (ushort)(raw.Mode & 0xFFF), raw.UserId, (long)raw.SizeBytes, raw.Inode,
            DeviceNumber(raw.DeviceMajor, raw.DeviceMinor), (raw.Attributes & raw.AttributesMask & StatxAttributeMountRoot) != 0);
        return Errno.None;
    }

    /// <summary>makedev(3) of glibc: the 64-bit st_dev.</summary>
    private static ulong DeviceNumber(ulong major, ulong minor) =>
        ((major & 0xfffff000) << 32) | ((major & 0xfff) << 8) | ((minor & 0xffffff00) << 12) | (minor & 0xff);

    /// <summary>struct statx (linux/stat.h), the same on every architecture, 256 bytes.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct StatX
    {
        [FieldOffset(0x08)] public ulong Attributes;
        [FieldOffset(0x14)] public uint UserId;
        [FieldOffset(0x1c)] public ushort Mode;
        [FieldOffset(0x20)] public ulong Inode;
        [FieldOffset(0x28)] public ulong SizeBytes;
        [FieldOffset(0x38)] public ulong AttributesMask;
        [FieldOffset(0x88)] public uint DeviceMajor;
        [FieldOffset(0x8c)] public uint DeviceMinor;
    }

    /// <summary>struct statvfs of 64-bit Linux (bits/statvfs.h), 112 bytes.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 112)]
    private struct StatVfs
    {
        public ulong BlockBytes;
        public ulong FragmentBytes;
        public ulong Blocks;
        public ulong FreeBlocks;
        public ulong AvailableBlocks;
        public ulong Inodes;
        public ulong FreeInodes;
        public ulong AvailableInodes;
        public ulong FileSystemId;
        public ulong Flags;
        public ulong NameMaxBytes;
    }

    [LibraryImport(Library, EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatXNative(SafeFileHandle directory, string path, int flags, uint mask, StatX* status);

    [LibraryImport(Library, EntryPoint = "fstatvfs", SetLastError = true)]
    private static partial int StatVfsNative(SafeFileHandle file, StatVfs* status);
}
