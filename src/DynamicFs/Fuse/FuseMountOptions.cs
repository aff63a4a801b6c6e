namespace DynamicFs.Fuse;

/// <summary>
/// How to mount and serve. <see cref="Source"/> is shown in /proc/mounts as it is; <see cref="MountPoint"/> is absolute and without links.
/// default_permissions is always on: the kernel checks every permission against modes and ACLs.
/// </summary>
public sealed record FuseMountOptions
{
    public required string Source { get; init; }
    public required string MountPoint { get; init; }

    public bool ReadOnly { get; init; }

    /// <summary>Let processes of other users in; without it only the user who mounted gets anything (not even root otherwise).</summary>
    public bool AllowOther { get; init; }

    /// <summary>Honour setuid bits and file capabilities (off: MS_NOSUID).</summary>
    public bool AllowSuid { get; init; }

    /// <summary>Honour device nodes (off: MS_NODEV).</summary>
    public bool AllowDevices { get; init; }

    public bool NoExec { get; init; }
    public bool NoAtime { get; init; }
    public bool NoDirAtime { get; init; }
    public bool Synchronous { get; init; }

    /// <summary>Mount over a directory that has entries, or over another mount.</summary>
    public bool AllowNonEmpty { get; init; }

    /// <summary>Let the kernel keep written pages back (FUSE_WRITEBACK_CACHE): faster small writes, errors and durability only at fsync.</summary>
    public bool WritebackCache { get; init; }

    /// <summary>
    /// What makes a new file writes it round the page cache, if it opened it for writing only: a request and a copy less for each file, and the first to read it asks us.
    /// </summary>
    public bool DirectWrites { get; init; } = true;

    /// <summary>
    /// How long the kernel trusts names and attributes. All changes come through this mount, and the kernel itself drops what its own calls change.
    /// </summary>
    public TimeSpan CacheTimeout { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Threads that wait for requests; 0 is twice the processors, from 4 to 32.</summary>
    public int ReaderCount { get; init; }

    /// <summary>Read-ahead of the mount in KiB (root only; 0 leaves the kernel's 128).</summary>
    public int ReadAheadKiB { get; init; } = 1024;

    /// <summary>A request that takes longer is logged.</summary>
    public TimeSpan SlowRequestAfter { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Log every request and reply.</summary>
    public bool Trace { get; init; }

    /// <summary>Called when an invariant broke inside a request (the caller got EIO): the pool should stop writing.</summary>
    public Action<Exception>? OnDefect { get; init; }
}
