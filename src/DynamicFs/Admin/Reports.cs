using DynamicFs.Primitives;

namespace DynamicFs.Admin;

/// <summary>What <c>create --json</c> prints.</summary>
public sealed record CreateReport(int SchemaVersion, string Name, Guid Id, string Policy, int Tolerance, IReadOnlyList<DiskStatus> Disks);

/// <summary>What <c>mount --json</c>, <c>umount --json</c> and <c>sync --json</c> print.</summary>
public sealed record MountReport(int SchemaVersion, string Action, string Name, Guid Id, string MountPoint, bool ReadOnly, ulong Generation, IReadOnlyList<string> Warnings);

/// <summary>What <c>disk list --json</c> prints.</summary>
public sealed record DiskListReport(int SchemaVersion, string Name, Guid Id, IReadOnlyList<DiskStatus> Disks);

/// <param name="State">OK, DEGRADED, AT_RISK, DATA_LOSS, READ_ONLY or UNAVAILABLE: the worst of all pools.</param>
public sealed record StatusReport(int SchemaVersion, string State, IReadOnlyList<PoolStatus> Pools);

/// <summary>One pool as an operator needs to see it: the verdict first, then what it rests on.</summary>
public sealed record PoolStatus
{
    public required string Name { get; init; }
    public required Guid Id { get; init; }
    public required string State { get; init; }

    /// <summary>What <c>dynfs status</c> of this pool alone exits with.</summary>
    public required int ExitCode { get; init; }
    public required string Summary { get; init; }
    public required string Impact { get; init; }
    public required string Action { get; init; }
    public required bool Mounted { get; init; }
    public string? MountPoint { get; init; }
    public int? ProcessId { get; init; }
    public required bool ReadOnly { get; init; }
    public string? ReadOnlyReason { get; init; }
    public string? Policy { get; init; }
    public int Tolerance { get; init; }
    public int DisksTotal { get; init; }
    public int DisksPresent { get; init; }
    public ulong Generation { get; init; }
    public DateTimeOffset? CommittedAt { get; init; }
    public SpaceStatus? Space { get; init; }
    public RedundancyStatus? Redundancy { get; init; }
    public IReadOnlyList<string> Warnings { get; init; } = [];
    public IReadOnlyList<DiskStatus> Disks { get; init; } = [];
}

/// <summary>Bytes of file data under the default policy; <paramref name="UsedBytes"/> is what files hold.</summary>
public sealed record SpaceStatus(long TotalBytes, long AvailableBytes, long UsedBytes, long Inodes);

/// <summary>
/// Extents by how much they can still lose. <paramref name="MinimumSpare"/> is how many more disks the worst readable extent survives.
/// </summary>
public sealed record RedundancyStatus(long Extents, long Full, long Degraded, long NoSpare, long Lost, int MinimumSpare);

public sealed record DiskStatus
{
    public required int Index { get; init; }
    public required Guid Id { get; init; }
    public required string Path { get; init; }
    public required bool Present { get; init; }
    public required string State { get; init; }
    public string? Reason { get; init; }
    public bool Metadata { get; init; }
    public long TotalBytes { get; init; }
    public long AvailableBytes { get; init; }
    public long FailedCalls { get; init; }
}

/// <summary>What <c>roots --json</c> prints: kept generations, newest first.</summary>
public sealed record RootsReport(int SchemaVersion, string Name, Guid Id, IReadOnlyList<RootStatus> Roots);

public sealed record RootStatus(ulong Generation, DateTimeOffset Time, string Verdict, IReadOnlyList<int> Disks, long UsedBytes, long Inodes);

/// <summary>What <c>explain --json</c> prints: where the bytes of one file are and what they survive.</summary>
/// <param name="SurvivesDisks">How many more disks may be lost before a part of the file is; -1 when a part is lost already.</param>
public sealed record ExplainReport(
    int SchemaVersion, string Pool, string Path, ulong Inode, string Kind, long SizeBytes, long AllocatedBytes, string Policy, int SurvivesDisks,
    string Summary, long UncommittedBytes, IReadOnlyList<ExtentStatus> Extents);

/// <param name="Slices">How many slices of the file lie in it.</param>
/// <param name="FileBytes">Bytes of the file in it.</param>
public sealed record ExtentStatus(
    string Id, string Scheme, int LengthBytes, ulong Birth, int Slices, long FileBytes, int SurvivesDisks, IReadOnlyList<FragmentStatus> Fragments);

public sealed record FragmentStatus(int Index, string Kind, int Disk, string? Path, string State);

/// <summary>What <c>fsck --json</c> prints.</summary>
public sealed record FsckReport(
    int SchemaVersion, string Name, Guid Id, string State, string Summary, string Action, ulong Generation, FsckCounts Counts, IReadOnlyList<FsckProblem> Problems);

/// <param name="FragmentsMissing">Fragments without a good copy because their disk is not there, the file is not there, or it was never placed.</param>
public sealed record FsckCounts(
    long Inodes, long DirectoryEntries, long Slices, long Extents, long Fragments, long FragmentsGood, long FragmentsMissing, long FragmentsCorrupt,
    long ExtentsFull, long ExtentsDegraded, long ExtentsNoSpare, long ExtentsLost, long Orphans);

/// <param name="Kind">metadata, namespace, extent, fragment or accounting.</param>
public sealed record FsckProblem(string Kind, string Target, string Message);

/// <summary>What every verb prints under --json when it fails.</summary>
public sealed record ErrorReport(int SchemaVersion, ErrorStatus Error)
{
    public static ErrorReport For(ErrorId id, string message) => new(Schema.Version, new ErrorStatus(id.Name, (int)id.ExitCode, message));
}

public sealed record ErrorStatus(string Id, int ExitCode, string Message);

public static class Schema
{
    /// <summary>Version of every JSON output; grows when a field changes its meaning or goes away, not when one is added.</summary>
    public const int Version = 1;
}
