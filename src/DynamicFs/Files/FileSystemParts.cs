using DynamicFs.Extents;
using DynamicFs.Metadata;
using Microsoft.Extensions.Logging;

namespace DynamicFs.Files;

/// <summary>What a <see cref="FileSystem"/> is built from. Pool.cs makes and owns all of it.</summary>
internal sealed record FileSystemParts(MetadataStore Metadata, ExtentStore Extents, TimeProvider Time, ILogger Log)
{
    public bool IsReadOnly { get; init; }
    public FileSystemLimits Limits { get; init; } = new();
    public AccessTimePolicy AccessTimes { get; init; } = AccessTimePolicy.Relative;

    /// <summary>Who owns the root directory of a new pool: whoever mounts it first.</summary>
    public (uint UserId, uint GroupId) RootOwner { get; init; }

    public NameHash NameHash { get; init; } = FileName.Hash;

    /// <summary>With too few disks for data it starts all the same: nobody will write any. Only when the journal holds none either.</summary>
    public bool MayLackDisks { get; init; }

    /// <summary>Called by each commit, on its thread, while the pool tree may still be changed: what is put there now becomes durable with it.</summary>
    public Action? BeforePublish { get; init; }
}

/// <summary>What reading does to the access time. The kernel leaves it to a FUSE filesystem.</summary>
internal enum AccessTimePolicy
{
    /// <summary>
    /// As relatime and lazytime together: set when it is not after the last change, or a day old; kept in memory and stored with the next change of the
    /// inode, when it leaves memory, or at the end. A crash may lose it.
    /// </summary>
    Relative,

    /// <summary>noatime.</summary>
    None,
}

/// <summary>Bounds of memory. With the defaults below the daemon stays under 600 MiB; docs/architecture.md adds them up.</summary>
/// <param name="CachedInodes">Clean idle inodes kept in memory, about 250 bytes each.</param>
/// <param name="DirtyDataBytes">Memory for bytes that were written but are not in an extent yet.</param>
/// <param name="ExtentBuffers">Extents that may be filled or in flight, 8 MiB each; writers wait for one.</param>
/// <param name="ExtentWriters">Threads that encode and write extents; 0 does everything on the calling thread and starts no background thread (simulation).</param>
/// <param name="DirtyPageBytes">Changed metadata pages in memory at which a commit starts early.</param>
/// <param name="DirtyInodes">Changed inodes at which a commit starts early.</param>
internal sealed record FileSystemLimits(
    int CachedInodes = 65_536,
    long DirtyDataBytes = 64 << 20,
    int ExtentBuffers = 10,
    int ExtentWriters = 3,
    long DirtyPageBytes = 48 << 20,
    int DirtyInodes = 3_000)
{
    /// <summary>Size of an extent buffer, and so the longest extent that is made; at most <see cref="ExtentStore.MaxExtentBytes"/>.</summary>
    public int ExtentBytes { get; init; } = ExtentStore.MaxExtentBytes;

    /// <summary>Below this many bytes an extent is stored as copies: fewer files and syncs than six fragments.</summary>
    public int SmallExtentBytes { get; init; } = 512 << 10;

    /// <summary>Small extents are merged when together they have so many live bytes,</summary>
    public long MergeBytes { get; init; } = 4 << 20;

    /// <summary>or when there are this many.</summary>
    public int MergeCount { get; init; } = 64;

    /// <summary>Most names of one inode (EMLINK); for a directory most subdirectories and two.</summary>
    public uint MaxLinks { get; init; } = int.MaxValue;

    /// <summary>Slices that are freed while one operation holds the transaction gate; a file of more takes several.</summary>
    public int SlicesFreedAtOnce { get; init; } = 8192;
}
