using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>A point in time with nanoseconds; negative seconds are before 1970.</summary>
public readonly record struct FileTime(long Seconds, uint Nanoseconds)
{
    public static FileTime From(DateTimeOffset time)
    {
        long ticks = time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks;
        long seconds = Math.DivRem(ticks, TimeSpan.TicksPerSecond, out long rest);
        if (rest < 0)
            (seconds, rest) = (seconds - 1, rest + TimeSpan.TicksPerSecond);
        return new FileTime(seconds, (uint)(rest * 100));
    }
}

/// <summary>File type bits of st_mode (inode(7)).</summary>
public static class FileType
{
    public const uint Mask = 0xF000;
    public const uint Fifo = 0x1000;
    public const uint CharDevice = 0x2000;
    public const uint Directory = 0x4000;
    public const uint BlockDevice = 0x6000;
    public const uint Regular = 0x8000;
    public const uint SymbolicLink = 0xA000;
    public const uint Socket = 0xC000;

    internal static bool IsKnown(uint type) => type is Fifo or CharDevice or Directory or BlockDevice or Regular or SymbolicLink or Socket;
}

/// <summary>Permission bits of st_mode (inode(7)).</summary>
internal static class ModeBits
{
    public const uint SetUserId = 0x800;
    public const uint SetGroupId = 0x400;
    public const uint Sticky = 0x200;
    public const uint GroupExecute = 0x8;
    public const uint Permissions = 0x1FF;
    public const uint All = 0xFFF;
}

/// <summary>What stat(2) tells of an inode. <see cref="Mode"/> includes the file type bits; <see cref="AllocatedBytes"/> is the sum of its slices.</summary>
public record struct Attributes
{
    public InodeNumber Inode;
    public uint Mode;
    public uint LinkCount;
    public uint UserId;
    public uint GroupId;
    public uint DeviceId;
    public long SizeBytes;
    public long AllocatedBytes;
    public FileTime AccessTime;
    public FileTime ModifyTime;
    public FileTime ChangeTime;
    public FileTime BirthTime;

    public readonly bool IsDirectory => (Mode & FileType.Mask) == FileType.Directory;
    public readonly bool IsRegular => (Mode & FileType.Mask) == FileType.Regular;
    public readonly bool IsSymbolicLink => (Mode & FileType.Mask) == FileType.SymbolicLink;
}

/// <summary>Who calls: the ids of the process behind a kernel request. <see cref="Umask"/> only where the kernel sends it.</summary>
public readonly record struct Caller(uint UserId, uint GroupId, uint ProcessId, uint Umask = 0);

/// <summary>Which attributes a setattr changes.</summary>
[Flags]
public enum AttributeMask
{
    None = 0,
    Mode = 1,
    UserId = 2,
    GroupId = 4,
    Size = 8,
    AccessTime = 16,
    ModifyTime = 32,
    AccessTimeNow = 64,
    ModifyTimeNow = 128,
    ChangeTime = 256,

    /// <summary>Clear setuid and setgid because somebody without privilege changes size or owner (FATTR_KILL_SUIDGID).</summary>
    KillPrivileges = 512,
}

public readonly record struct AttributeChange
{
    public AttributeMask Mask { get; init; }
    public uint Mode { get; init; }
    public uint UserId { get; init; }
    public uint GroupId { get; init; }
    public long SizeBytes { get; init; }
    public FileTime AccessTime { get; init; }
    public FileTime ModifyTime { get; init; }
    public FileTime ChangeTime { get; init; }
}

/// <summary>Whole-filesystem numbers for statfs(2): bytes writable under the default policy, and inodes.</summary>
public readonly record struct FileSystemSpace(long TotalBytes, long AvailableBytes, long TotalInodes, long FreeInodes);

[Flags]
public enum RenameFlags
{
    None = 0,
    NoReplace = 1,
    Exchange = 2,
}

[Flags]
public enum AllocateMode
{
    None = 0,
    KeepSize = 1,
    PunchHole = 2,
    ZeroRange = 0x10,
}

[Flags]
public enum XattrMode
{
    None = 0,
    Create = 1,
    Replace = 2,
}

public enum SeekKind
{
    Data = 3,
    Hole = 4,
}

/// <summary>Receives directory entries in order; false when its buffer is full and the entry was not taken.</summary>
public interface IDirectorySink
{
    /// <param name="cookie">The offset that resumes the listing after this entry.</param>
    /// <param name="type">File type bits (FileType).</param>
    bool Add(ReadOnlySpan<byte> name, InodeNumber inode, uint type, ulong cookie);
}
