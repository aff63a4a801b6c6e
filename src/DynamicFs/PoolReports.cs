using DynamicFs.Admin;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs;

/// <summary>What an open pool tells about itself, all of it from memory except the extents of a file.</summary>
public sealed partial class Pool
{
    /// <summary>How long status waits for the first count of extents after a mount.</summary>
    private static readonly TimeSpan s_firstCount = TimeSpan.FromMilliseconds(500);

    internal int Tolerance => _metadata.Root.Shape.DefaultScheme.Tolerance;

    /// <summary>The members that have not left.</summary>
    internal IReadOnlyList<MemberDisk> CurrentMembers => [.. _members.Where(m => !m.HasLeft)];

    private PoolShape Shape => _metadata.Root.Shape;

    public MountReport Report(string action, LiveMount mount)
        => new(Schema.Version, action, Name, Id.Value, mount.MountPoint, Files.IsReadOnly, Generation.Value, Warnings());

    public PoolStatus Status(LiveMount? mount)
    {
        RootRecord root = _metadata.Root;
        RedundancyStatus? redundancy = _watch is null ? PoolWatch.Count(this, () => false) : _watch.Census(s_firstCount);
        Verdict verdict = Verdict.Judge(VerdictInput(redundancy));
        return new PoolStatus
        {
            Name = Name,
            Id = Id.Value,
            State = verdict.StateName,
            ExitCode = (int)verdict.ExitCode,
            Summary = verdict.Summary,
            Impact = verdict.Impact,
            Action = verdict.Action,
            Mounted = mount is not null,
            MountPoint = mount?.MountPoint,
            ProcessId = mount?.ProcessId,
            ReadOnly = _files?.IsReadOnly ?? false,
            ReadOnlyReason = ReadOnlyReason,
            Policy = Shape.DefaultScheme.ToString(),
            Tolerance = Tolerance,
            DisksTotal = CurrentMembers.Count,
            DisksPresent = CurrentMembers.Count(m => m.IsPresent),
            Generation = root.Generation.Value,
            CommittedAt = root.Time,
            Space = Space(root.Counters.InodeCount, root.Counters.UsedBytes),
            Redundancy = redundancy,
            Warnings = Warnings(),
            Disks = Disks(),
        };
    }

    public RootsReport Roots() => new(Schema.Version, Name, Id.Value,
    [
        .. _metadata.ListRoots().Select(listing => new RootStatus(
            listing.Root.Generation.Value, listing.Root.Time, listing.Verdict, listing.DiskIndexes, listing.Root.Counters.UsedBytes, listing.Root.Counters.InodeCount)),
    ]);

    private string? ReadOnlyReason => _readOnlyReason ?? _files?.Failure?.Message
        ?? (_files is { IsReadOnly: true } && !_opening.ReadOnly ? "too few disks are healthy to acknowledge a write, or an invariant broke; the log says which" : null);

    private VerdictInput VerdictInput(RedundancyStatus? redundancy)
    {
        MemberDisk[] missing = [.. CurrentMembers.Where(m => !m.IsPresent)];
        MemberDisk[] unhealthy = [.. CurrentMembers.Where(m => m.IsPresent && m.State != DiskState.Healthy)];
        return new VerdictInput
        {
            Name = Name,
            Total = CurrentMembers.Count,
            Tolerance = Tolerance,
            Missing = missing.Length,
            MissingText = string.Join(", ", missing.Select(m => m.Name)),
            Unhealthy = unhealthy.Length,
            UnhealthyText = string.Join(", ", unhealthy.Select(m => $"{m.Name} ({DiskStateName.Of(m.State)})")),
            Redundancy = redundancy,
            ReadOnlyReason = ReadOnlyReason,
        };
    }

    private SpaceStatus? Space(long inodes, long usedBytes)
    {
        if (_files is null)
        {
            (long available, long total) = _extents.Capacity(Shape.DefaultScheme);
            return new SpaceStatus(total, available, usedBytes, inodes);
        }

        return _files.GetSpace(out FileSystemSpace space) == Errno.None ? new SpaceStatus(space.TotalBytes, space.AvailableBytes, usedBytes, inodes) : null;
    }

    private IReadOnlyList<string> Warnings()
    {
        int poisoned = _workers?.Scrubber.Notes.PoisonedCount ?? 0;
        string[] lost = poisoned == 0 ? [] : [$"{poisoned} extents cannot be read right any more: 'dynfs scrub {Name} status' names their files"];
        lock (_warnings)
            return [.. _warnings, .. lost, .. _metadata.Problems];
    }

    private DiskStatus[] Disks() => [.. CurrentMembers.Select(member =>
    {
        DiskSpace? space = _watch is null ? (member.IsPresent ? member.Disk!.Space() : null) : _watch.SpaceOf(member.Index);
        return new DiskStatus
        {
            Index = member.Index,
            Id = member.Id.Value,
            Path = member.Name,
            Present = member.IsPresent,
            State = DiskStateName.Of(member.State),
            Reason = member.IsPresent ? null : member.State == DiskState.Healthy ? "not found; it was last seen at this path" : member.Health.Reason,
            Metadata = Shape.MetadataDisks.Contains(member.Index),
            TotalBytes = space?.TotalBytes ?? 0,
            AvailableBytes = space?.AvailableBytes ?? 0,
            FailedCalls = member.ReadFailureCount + member.WriteFailureCount + member.CorruptionCount,
        };
    })];
}
