using DynamicFs.Admin;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs;

/// <summary>Health of the disks of an open pool as an operator sees and changes it.</summary>
public sealed partial class Pool
{
    /// <summary>How long an operator waits for one disk's answer to a probe.</summary>
    private static readonly TimeSpan s_probePatience = TimeSpan.FromSeconds(5);

    /// <summary>Most files listed in a refusal.</summary>
    private const int MaxListedFiles = 20;

    /// <summary>From memory: it answers while disks hang.</summary>
    public HealthReport HealthReport()
    {
        PoolStatus status = Status(null);
        return new HealthReport(
            Schema.Version, Name, Id.Value, status.State, status.ExitCode, status.Summary, status.Impact, status.Action, Causes(status), [.. CurrentMembers.Select(HealthOf)]);
    }

    /// <summary>Looks at every disk now, all at the same time, applies what is found and makes it durable.</summary>
    public ProbeReport ProbeDisks()
    {
        IReadOnlyList<MemberDisk> members = CurrentMembers;
        var found = new DiskProbeStatus[members.Count];
        Task[] probes = [.. members.Select((member, i) => Task.Factory.StartNew(() => found[i] = Probe(member), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default))];
        Task.WaitAll(probes);
        var warnings = new List<string>();
        if (found.Any(disk => disk.Changed))
            Publish(warnings);
        PoolStatus status = Status(null);
        return new ProbeReport(Schema.Version, Name, Id.Value, status.State, status.ExitCode, found, warnings);
    }

    /// <summary>
    /// Puts a disk into a state. Throws <see cref="PoolException"/>: NotFound; DiskNeeded when data could not be read any more, with the files, unless forced;
    /// DiskState when a disk that is not there, or is not itself, should become usable.
    /// </summary>
    public DiskChangeReport SetDiskHealth(DiskHealthOrder order)
    {
        CheckChangeable("a disk's health cannot be changed");
        if (order is not { Disk: not null, State: not null, Who: not null })
            throw new PoolException(ErrorId.Usage, "an order names the disk, the state and who gives it. Nothing was changed");
        MemberDisk member = FindDisk(order.Disk);
        if (!DiskStateName.TryParse(order.State.ToUpperInvariant(), out DiskState state))
            throw new PoolException(ErrorId.Usage, $"'{order.State}' is no state of a disk: HEALTHY, DEGRADED, SUSPECT, DRAINING or FAILED. Nothing was changed");
        if (state != DiskState.Failed)
            CheckUsable(member);
        else
            CheckNotNeeded([member], order.Force);
        if (state != DiskState.Healthy)
            CheckWritableWithout([member], order.Force);
        DiskState before = member.State;
        member.Order(state, order.Reason is { Length: > 0 } reason ? reason : "ordered", "", order.Who);
        var warnings = new List<string>();
        Publish(warnings);
        return Changed("set-disk-health", member, before, NextAfter(member), warnings);
    }

    /// <summary>The disk that an operator means: number, path, id (or its first digits), label or last part of the path. Refused when that names more than one.</summary>
    internal MemberDisk FindDisk(string text)
    {
        MemberDisk[] found = DiskName.Find(CurrentMembers, text);
        return found.Length switch
        {
            1 => found[0],
            0 => throw new PoolException(ErrorId.NotFound, $"pool {Name} has no disk '{text}': name it by number, path or id as 'dynfs disk list {Name}' shows them. Nothing was changed"),
            _ => throw new PoolException(ErrorId.Usage, $"'{text}' may be {string.Join(" or ", found.Select(m => m.Name))}: name it by its number or path. Nothing was changed"),
        };
    }

    /// <summary>Refuses when data, or the metadata, could not be read without these disks.</summary>
    internal void CheckNotNeeded(IReadOnlyCollection<MemberDisk> leaving, bool isForced)
    {
        if (isForced)
            return;
        string names = string.Join(", ", leaving.Select(m => m.Name));
        if (!Shape.MetadataDisks.Any(index => _members[index].IsReadable && !leaving.Contains(_members[index])))
            throw new PoolException(ErrorId.DiskNeeded, $"without {names} no copy of the pool's metadata could be read: all files would be lost. Nothing was changed; --force does it all the same");
        HashSet<ExtentId> lost = UnreadableWithout(leaving);
        if (lost.Count == 0)
            return;
        IReadOnlyList<string> files = new PoolAffectedFiles(_metadata.Namespace).Find(lost);
        string list = string.Concat(files.Take(MaxListedFiles).Select(file => $"\n  {file}"));
        string more = files.Count > MaxListedFiles ? $"\n  and {files.Count - MaxListedFiles} more" : "";
        throw new PoolException(ErrorId.DiskNeeded,
            $"without {names}, {files.Count} files could not be read whole any more ({lost.Count} extents): bring other disks back or let the pool rebuild first. Nothing was changed; --force does it all the same. The files:{list}{more}");
    }

    /// <summary>Refuses when nothing could be written any more.</summary>
    internal void CheckWritableWithout(IReadOnlyCollection<MemberDisk> leaving, bool isForced)
    {
        RedundancyScheme scheme = Shape.DefaultScheme;
        int now = _members.Count(m => m.IsWritable), then = _members.Count(m => m.IsWritable && !leaving.Contains(m));
        int needed = Math.Max(Math.Min(scheme.MinWrite, scheme.AsReplica.MinWrite), RootQuorum.Required(Shape));
        if (isForced || now < needed || then >= needed)
            return;
        throw new PoolException(ErrorId.DiskNeeded,
            $"without {string.Join(", ", leaving.Select(m => m.Name))}, {then} healthy disks are left and {needed} are needed to write: the pool would be read-only. Nothing was changed; --force does it all the same");
    }

    /// <summary>Extents that have fewer fragments than they need on readable disks other than these, and have enough now.</summary>
    internal HashSet<ExtentId> UnreadableWithout(IReadOnlyCollection<MemberDisk> leaving)
    {
        var lost = new HashSet<ExtentId>();
        VisitExtents((record, live) =>
        {
            int now = record.Fragments.Count(f => f.IsPlaced && _members[f.DiskIndex].IsReadable);
            int then = record.Fragments.Count(f => f.IsPlaced && _members[f.DiskIndex].IsReadable && !leaving.Contains(_members[f.DiskIndex]));
            if (live > 0 && now >= record.Scheme.DataCount && then < record.Scheme.DataCount)
                lost.Add(record.Id);
        });
        return lost;
    }

    internal void VisitExtents(Action<ExtentRecord, long> visit) => _catalog.ForEach(default, (record, live) =>
    {
        visit(record, live);
        return true;
    });

    internal void CheckChangeable(string what)
    {
        if (_files is null || _files.IsReadOnly)
            throw new PoolException(ErrorId.ReadOnly, $"pool {Name} is read-only ({ReadOnlyReason ?? "as asked"}): {what}. Nothing was changed; unmount it and try again");
    }

    internal void Publish(List<string> warnings)
    {
        if (_files is null || _files.IsReadOnly)
        {
            warnings.Add("the pool is read-only: what was found is not stored");
            return;
        }

        _health.Publish();
    }

    internal DiskChangeReport Changed(string action, MemberDisk member, DiskState before, string next, IReadOnlyList<string> warnings) => new(
        Schema.Version, action, Name, Id.Value, member.Index, member.Name, DiskStateName.Of(before), DiskStateName.Of(member.State), member.Health.Reason, next, warnings);

    /// <summary>Before anything is written: an operator's word counts more than what is stored.</summary>
    private void Revive(string? disk)
    {
        if (disk is not null && DiskName.Find(_members, disk) is [{ IsPresent: true } member])
            member.SetState(DiskState.Healthy);
    }

    private void CheckUsable(MemberDisk member)
    {
        if (member.Disk is not { } disk)
            throw new PoolException(ErrorId.DiskState, $"disk {member.Name} is not there: only FAILED can be said of it. Bring it back, then 'dynfs disk online {Name} {member.Index}'. Nothing was changed");
        ProbeResult? found = null;
        if (!member.Queue.Run(() => found = DiskProbe.Look(disk, member.Id, mayWrite: false)).Wait(s_probePatience) || found is null)
            throw new PoolException(ErrorId.DiskState, $"disk {member.Name} does not answer: only FAILED can be said of it. Nothing was changed");
        if (found.Sign == DiskSign.IdentityLost)
            throw new PoolException(ErrorId.DiskState, $"disk {member.Name} is not itself ({found.Evidence}): only FAILED can be said of it. Nothing was changed");
    }

    private string NextAfter(MemberDisk member) => member.State switch
    {
        DiskState.Healthy => "none",
        DiskState.Draining => $"'dynfs health {Name}' shows when it is empty; then 'dynfs disk remove {Name} {member.Index}'",
        DiskState.Failed => $"'dynfs disk replace {Name} {member.Index} NEW_PATH' or 'dynfs disk remove {Name} {member.Index}'",
        _ => $"new data goes to other disks; 'dynfs set-disk-health {Name} {member.Index} HEALTHY' takes it back",
    };

    private DiskProbeStatus Probe(MemberDisk member)
    {
        DiskState before = member.State;
        (string found, string evidence) = member.Disk is null
            ? ("MISSING", "it was not found when the pool was opened")
            : Describe(_health.Probe(member, s_probePatience, mayWrite: !(_files?.IsReadOnly ?? true)));
        DiskHealth health = member.Health;
        return new DiskProbeStatus(
            member.Index, member.Id.Value, member.Name, found, evidence, DiskStateName.Of(before), DiskStateName.Of(health.State), health.Reason, before != health.State);
    }

    private static (string Found, string Evidence) Describe(ProbeResult? result) => result switch
    {
        null => ("NO_ANSWER", "it did not answer in time"),
        { Sign: DiskSign.Clean, Evidence: "it is full" } or { Sign: DiskSign.Clean, Space.AvailableBytes: 0 } => ("FULL", "nothing is free on its filesystem; data goes to other disks"),
        { Sign: DiskSign.Clean } => ("CLEAN", result.Evidence),
        { Sign: DiskSign.ReadOnly } => ("READ_ONLY", result.Evidence),
        { Sign: DiskSign.IdentityLost } => ("IDENTITY_LOST", result.Evidence),
        _ => ("ERROR", result.Evidence),
    };

    private DiskHealthStatus HealthOf(MemberDisk member)
    {
        DiskHealth health = member.Health;
        return new DiskHealthStatus(
            member.Index, member.Id.Value, member.Name, member.IsPresent, DiskStateName.Of(health.State), health.Reason, health.Since, health.Evidence, health.Who, health.ErrorCount,
            member.ReadFailureCount, member.WriteFailureCount, member.CorruptionCount, member.Queue.OldestInFlightMs, _health.LastProbe(member)?.Evidence,
            [.. health.History.Select(entry => new DiskEventStatus(entry.Time, entry.Text))]);
    }

    private List<string> Causes(PoolStatus status)
    {
        var causes = new List<string>();
        causes.AddRange(CurrentMembers.Where(m => !m.IsPresent).Select(m => $"disk {m.Index} ({m.Name}) is missing"));
        causes.AddRange(CurrentMembers.Where(m => m.IsPresent && m.State != DiskState.Healthy)
            .Select(m => $"disk {m.Index} ({m.Name}) is {DiskStateName.Of(m.State)}: {m.Health.Reason}"));
        causes.AddRange(CurrentMembers.Where(m => _health.EvictedSince(m) != Generation.None)
            .Select(m => $"since generation {_health.EvictedSince(m)} the pool goes on without disk {m.Index} ({m.Name}): alone it would show an older state, and this host refuses to mount it alone"));
        if (status.Redundancy is { Lost: > 0 } lost)
            causes.Add($"{lost.Lost} extents cannot be read");
        if (status.Redundancy is { Degraded: > 0 } thin)
            causes.Add($"{thin.Degraded} of {thin.Extents} extents lack fragments; the worst survives {thin.MinimumSpare} more lost disks");
        if (status.ReadOnlyReason is { } reason)
            causes.Add($"read-only: {reason}");
        return causes;
    }
}
