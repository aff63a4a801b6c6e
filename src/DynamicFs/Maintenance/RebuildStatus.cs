namespace DynamicFs.Maintenance;

internal enum RebuildPhase
{
    Idle,

    /// <summary>Comparing the pool tree with the disks.</summary>
    Scanning,

    /// <summary>Writing fragments.</summary>
    Restoring,

    /// <summary>Everything is written; the last new places wait for a commit.</summary>
    Publishing,
}

/// <summary>How far a rebuild pass is; immutable.</summary>
internal sealed record RebuildStatus
{
    public static readonly RebuildStatus None = new();

    public RebuildPhase Phase { get; init; }
    public DateTimeOffset? StartedAt { get; init; }
    public DateTimeOffset? EndedAt { get; init; }
    public long ScannedExtents { get; init; }

    /// <summary>Extents and fragment bytes that the scan found to write.</summary>
    public long QueuedExtents { get; init; }
    public long QueuedBytes { get; init; }

    public long DoneExtents { get; init; }
    public long DoneBytes { get; init; }
    public long RepairedExtents { get; init; }
    public long DegradedExtents { get; init; }
    public long LostExtents { get; init; }

    /// <summary>Extents that lack only fragments of disks which may come back, and have spare left.</summary>
    public long WaitingExtents { get; init; }

    /// <summary>Extents with good fragments on disks to be left, and no other disk to take them.</summary>
    public long BlockedExtents { get; init; }

    /// <summary>Extents that could not be repaired, with the reason; the first thousand.</summary>
    public IReadOnlyList<HealResult> Exceptions { get; init; } = [];
}
