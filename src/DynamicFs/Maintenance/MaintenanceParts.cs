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
