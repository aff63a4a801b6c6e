using DynamicFs.Extents;
using DynamicFs.Primitives;

namespace DynamicFs.Maintenance;

internal enum ScrubPhase : byte
{
    Idle,
    Running,
    Paused,

    /// <summary>Everything is verified; repaired extents wait for a commit.</summary>
    Publishing,

    Done,
    Cancelled,
}

/// <summary>What a scrub is to do.</summary>
internal sealed record ScrubRequest
{
    public bool Repairs { get; init; }

    /// <summary>Say what a repair would do, and do nothing.</summary>
    public bool IsDryRun { get; init; }

    /// <summary>Started by nobody: part of verifying everything within a month.</summary>
    public bool IsBackground { get; init; }

    /// <summary>Only these extents; null for all.</summary>
    public IReadOnlySet<ExtentId>? Extents { get; init; }

    /// <summary>Only extents with a fragment on this disk; -1 for all.</summary>
    public int Disk { get; init; } = -1;

    /// <summary>Only groups of extents that were not verified for so long; zero for all.</summary>
    public TimeSpan OlderThan { get; init; }

    public bool IsWhole => Extents is null && Disk < 0 && OlderThan == TimeSpan.Zero;
}

/// <param name="Action">What was done about it: none, rewritten, would be rewritten, left to rebuild, poisoned, failed.</param>
/// <param name="Files">Paths of files with bytes in the extent; filled in when the scrub ends.</param>
internal sealed record ScrubFinding(
    ExtentId Extent, string Verdict, int Fragment, FragmentFindingKind Kind, string Disk, string File, long Offset, string Expected, string Found, string Action, IReadOnlyList<string> Files);

/// <summary>How far a scrub is; immutable.</summary>
internal sealed record ScrubStatus
{
    public static readonly ScrubStatus None = new();

    public ScrubPhase Phase { get; init; }
    public ScrubRequest Request { get; init; } = new();
    public DateTimeOffset? StartedAt { get; init; }
    public DateTimeOffset? EndedAt { get; init; }
    public long TotalBytes { get; init; }
    public long DoneBytes { get; init; }
    public long Extents { get; init; }
    public long Healthy { get; init; }
    public long Degraded { get; init; }
    public long NoSpare { get; init; }
    public long Repaired { get; init; }
    public long Unrecoverable { get; init; }
    public IReadOnlyList<string> MetadataProblems { get; init; } = [];
    public long FindingCount { get; init; }

    /// <summary>The first thousand findings.</summary>
    public IReadOnlyList<ScrubFinding> Findings { get; init; } = [];

    public bool IsActive => Phase is ScrubPhase.Running or ScrubPhase.Publishing;

    public ExitCode ExitCode => Unrecoverable > 0 ? ExitCode.DataLost
        : NoSpare > 0 ? ExitCode.NoSpareRedundancy
        : Degraded > 0 || MetadataProblems.Count > 0 ? ExitCode.Degraded
        : ExitCode.Done;
}
