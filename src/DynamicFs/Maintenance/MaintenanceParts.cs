using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Metadata;
using Microsoft.Extensions.Logging;

namespace DynamicFs.Maintenance;

/// <summary>What the workers work with. Pool.cs makes and owns all of it.</summary>
internal sealed record MaintenanceParts(
    FileSystem Files,
    ExtentStore Extents,
    MetadataStore Metadata,
    IReadOnlyList<MemberDisk> Members,
    TimeProvider Time,
    ILogger Log)
{
    public AuditLog Audit { get; } = new(Members, () => Metadata.Root.Shape.MetadataDisks, Time);

    /// <summary>What programs wait for decides how much of the time maintenance takes.</summary>
    public ForegroundPace Pace { get; } = new(Files.Foreground, Time);

    /// <summary>Who works on several extents at once; by default nobody but the caller.</summary>
    public MaintenanceCrew Crew { get; init; } = new(0);

    /// <summary>The states of the disks by index, "-" for one that is away; means the same in another mount.</summary>
    public string DiskStates => string.Join(' ', Members.Select(member => member.IsPresent ? member.State.ToString() : "-"));

    /// <summary>Another text after every change of a disk, also when the states are as before by then; for this mount only.</summary>
    public string DiskStamps => string.Join(' ', Members.Select(member => member.StateStamp));

    public ExtentCatalog Catalog => Files.Catalog;
    public ExtentMoves Moves => Files.Moves;
}

/// <summary>What one step of a worker came to.</summary>
internal enum StepOutcome
{
    /// <summary>Did something; there may be more.</summary>
    Busy,

    /// <summary>Has to wait for others: a commit, or a disk.</summary>
    Waiting,

    /// <summary>Nothing to do.</summary>
    Idle,
}
