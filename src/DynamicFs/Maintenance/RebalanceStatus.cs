namespace DynamicFs.Maintenance;

internal enum RebalancePhase
{
    Idle,
    Moving,
    Paused,

    /// <summary>Everything is moved; new places wait for a commit.</summary>
    Publishing,

    Done,
    Cancelled,
}

/// <summary>How far a rebalance is; immutable.</summary>
internal sealed record RebalanceStatus
{
    public static readonly RebalanceStatus None = new();

    public RebalancePhase Phase { get; init; }
    public DateTimeOffset? StartedAt { get; init; }
    public DateTimeOffset? EndedAt { get; init; }
    public long PlannedBytes { get; init; }
    public long DoneBytes { get; init; }
    public long MovedFragments { get; init; }

    /// <summary>What the plan was made of, and how it should end.</summary>
    public IReadOnlyList<DiskBalance> Disks { get; init; } = [];

    public long FailedExtents { get; init; }

    /// <summary>Extents that could not be moved; the first hundred.</summary>
    public IReadOnlyList<HealResult> Failures { get; init; } = [];

    public bool IsActive => Phase is RebalancePhase.Moving or RebalancePhase.Publishing;
}
