namespace DynamicFs.Admin;

/// <summary>What <c>health --json</c> prints: the pool's state with its causes, and per disk its health and what happened to it.</summary>
public sealed record HealthReport(
    int SchemaVersion, string Name, Guid Id, string State, int ExitCode, string Summary, string Impact, string Action, IReadOnlyList<string> Causes,
    IReadOnlyList<DiskHealthStatus> Disks);

/// <param name="Who">The person or part that put the disk into its state; "engine" for the ladder.</param>
/// <param name="Errors">Failed calls and bad pieces in the disk's life; the three after it count since the mount.</param>
/// <param name="PendingMs">How long the oldest call to the disk has been under way.</param>
public sealed record DiskHealthStatus(
    int Index, Guid Id, string Path, bool Present, string State, string Reason, DateTimeOffset Since, string Evidence, string Who, long Errors, long FailedReads, long FailedWrites,
    long BadBytes, long PendingMs, string? LastProbe, IReadOnlyList<DiskEventStatus> History);

public sealed record DiskEventStatus(DateTimeOffset Time, string Text);

/// <summary>What <c>probe-disks --json</c> prints.</summary>
public sealed record ProbeReport(int SchemaVersion, string Name, Guid Id, string State, int ExitCode, IReadOnlyList<DiskProbeStatus> Disks, IReadOnlyList<string> Warnings);

/// <param name="Found">CLEAN, FULL, READ_ONLY, ERROR, IDENTITY_LOST, NO_ANSWER or MISSING.</param>
public sealed record DiskProbeStatus(int Index, Guid Id, string Path, string Found, string Evidence, string StateBefore, string State, string Reason, bool Changed);

/// <summary>What <c>set-disk-health --json</c> prints, and the verbs of <c>disk</c> that change one.</summary>
public sealed record DiskChangeReport(
    int SchemaVersion, string Action, string Name, Guid Id, int Disk, string Path, string StateBefore, string State, string Reason, string Next, IReadOnlyList<string> Warnings);

/// <summary>What the disks hold, by the pool's own records.</summary>
public sealed record DiskUsageReport(int SchemaVersion, string Name, Guid Id, IReadOnlyList<DiskUsageStatus> Disks);

public sealed record DiskUsageStatus(int Index, Guid Id, string Path, string State, long Fragments, long Bytes);

/// <summary>A request about a disk of the pool.</summary>
/// <param name="Path">Where it is now, when it moved.</param>
public sealed record DiskOrder(string Disk, string? Reason, string? Path, bool Force, bool Cancel, string Who);

/// <summary>A request to take a new disk in.</summary>
/// <param name="Replaces">The disk that it takes over from; null when it only joins.</param>
public sealed record DiskAddOrder(string Path, string? Replaces, bool AllowNonEmpty, bool AllowSameDevice, bool EvenIfHealthy, string Who);

/// <summary>A request to put a disk into a state.</summary>
/// <param name="Who">Who asks, as the history names them.</param>
public sealed record DiskHealthOrder(string Disk, string State, string? Reason, bool Force, string Who);
