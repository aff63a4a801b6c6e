namespace DynamicFs.Admin;

/// <summary>What <c>dynfs rebuild</c> asks for.</summary>
/// <param name="Starts">Begin a pass now, waiting for no missing disk; else only say how it is.</param>
/// <param name="LimitBytesPerSecond">0 is no limit; null leaves it as it is.</param>
public sealed record RebuildOrder(bool Starts, long? LimitBytesPerSecond);

/// <summary>What <c>rebuild --json</c> prints.</summary>
/// <param name="Phase">IDLE, SCANNING, RESTORING or PUBLISHING.</param>
/// <param name="WaitingExtents">Extents that lack only fragments of missing disks which have ten minutes to come back.</param>
/// <param name="BlockedExtents">Extents with good fragments on disks that are to be left, and no other disk to take them.</param>
/// <param name="LeavingFragments">Fragments on DRAINING disks.</param>
public sealed record RebuildReport(
    int SchemaVersion, string Name, string Phase, bool IsActive, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, long LimitBytesPerSecond, long ScannedExtents, long QueuedExtents,
    long QueuedBytes, long DoneExtents, long DoneBytes, long Repaired, long StillDegraded, long Lost, long WaitingExtents, long BlockedExtents, long LeavingFragments,
    IReadOnlyList<HealException> Exceptions);

/// <param name="Outcome">StillDegraded or Lost.</param>
public sealed record HealException(string Extent, string Outcome, string Problem);

/// <summary>What <c>dynfs scrub</c> asks for.</summary>
/// <param name="Action">start, status, pause, resume or cancel.</param>
/// <param name="Disk">Number, path or id of a disk; null for all.</param>
/// <param name="Path">A file or directory of the pool, from its root; null for all.</param>
public sealed record ScrubOrder(
    string Action, bool Repairs = false, bool IsDryRun = false, long? LimitBytesPerSecond = null, string? Path = null, string? Disk = null, double OlderThanSeconds = 0);

/// <summary>What <c>scrub --json</c> prints.</summary>
/// <param name="Phase">IDLE, RUNNING, PAUSED, PUBLISHING, DONE or CANCELLED.</param>
/// <param name="Poisoned">Extents that cannot be read any more, by all scrubs so far.</param>
public sealed record ScrubReport(
    int SchemaVersion, string Name, string Phase, bool IsActive, bool Repairs, bool IsDryRun, bool IsBackground, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt,
    long LimitBytesPerSecond, long TotalBytes, long DoneBytes, long Extents, long Healthy, long Degraded, long NoSpare, long Repaired, long Unrecoverable, int ExitCode,
    string Summary, string Action, IReadOnlyList<string> MetadataProblems, long FindingCount, IReadOnlyList<ScrubFindingReport> Findings, IReadOnlyList<PoisonedExtent> Poisoned);

public sealed record ScrubFindingReport(
    string Extent, string Verdict, int Fragment, string Kind, string Disk, string File, long Offset, string Expected, string Found, string Action, IReadOnlyList<string> Files);

public sealed record PoisonedExtent(string Extent, DateTimeOffset Since, IReadOnlyList<string> Files);

/// <summary>What <c>audit verify --json</c> prints.</summary>
public sealed record AuditReport(int SchemaVersion, string Name, bool IsIntact, long Lines, IReadOnlyList<AuditCopyReport> Copies);

public sealed record AuditCopyReport(string Disk, long ValidLines, string? Problem, bool IsBehind);

/// <summary>What the orphan verbs ask for.</summary>
/// <param name="Action">detect, cleanup or stats.</param>
public sealed record OrphanOrder(string Action, double OlderThanSeconds = 0, bool IsDryRun = false);

/// <summary>What <c>detect-orphans --json</c>, <c>cleanup-orphans --json</c> and <c>orphan-stats --json</c> print.</summary>
/// <param name="Quarantined">Files that cleanup moved to the quarantine.</param>
/// <param name="Unlinked">Files that were in the quarantine long enough and are gone now.</param>
/// <param name="InQuarantine">Files that are in the quarantine now.</param>
public sealed record OrphanReport(
    int SchemaVersion, string Name, bool IsDryRun, long Count, long Bytes, long Quarantined, long Unlinked, long InQuarantine, IReadOnlyList<OrphanStatus> Orphans);

public sealed record OrphanStatus(string Disk, string File, long Bytes, string Why);

/// <summary>What <c>what-if</c> asks: which disks fail, by number, path or id.</summary>
public sealed record WhatIfOrder(IReadOnlyList<string> Disks);

/// <summary>What <c>what-if --json</c> prints.</summary>
/// <param name="BytesToProtect">Fragment bytes that a rebuild would have to write.</param>
/// <param name="MetadataSurvives">Whether a disk with the metadata is left.</param>
public sealed record WhatIfReport(
    int SchemaVersion, string Name, IReadOnlyList<string> Disks, bool MetadataSurvives, bool Mountable, long Extents, long Lost, long NoSpare, long Degraded, long BytesToProtect, int ExitCode,
    long LostFileCount, IReadOnlyList<string> LostFiles);

/// <summary>What <c>wait --json</c> prints: how the work ended that was waited for.</summary>
public sealed record WaitReport(int SchemaVersion, string Name, ScrubReport? Scrub, RebuildReport? Rebuild, RebalanceReport? Rebalance = null);
