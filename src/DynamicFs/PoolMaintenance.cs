using System.Text;
using DynamicFs.Admin;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Maintenance;
using DynamicFs.Primitives;

namespace DynamicFs;

/// <summary>Maintenance of an open pool as an operator sees and steers it.</summary>
public sealed partial class Pool
{
    private const int MaxListedOrphans = 10_000;
    private const int MaxListedLostFiles = 10_000;
    private const int MaxPathsPerExtent = 100;

    /// <summary>One orphan verb at a time.</summary>
    private readonly Lock _collecting = new();

    private Workers Workers => _workers ?? throw new InvariantException("a pool opened for inspection has no workers");

    public RebuildReport Rebuild(RebuildOrder order)
    {
        if (order.LimitBytesPerSecond is { } limit)
            Workers.RebuildThrottle.LimitBytesPerSecond = limit;
        if (order.Starts)
        {
            CheckChangeable("nothing can be rebuilt");
            Workers.Rebuilder.Request();
            Workers.Wake();
        }

        (RebuildStatus status, bool isActive) = Workers.Rebuilder.Look();
        return new RebuildReport(
            Schema.Version, Name, status.Phase.ToString().ToUpperInvariant(), isActive, status.StartedAt, status.EndedAt,
            Workers.RebuildThrottle.LimitBytesPerSecond, status.ScannedExtents, status.QueuedExtents, status.QueuedBytes, status.DoneExtents, status.DoneBytes, status.RepairedExtents,
            status.DegradedExtents, status.LostExtents, status.WaitingExtents, status.BlockedExtents, LeavingFragments(),
            [.. status.Exceptions.Select(result => new HealException(result.Extent.ToString(), result.Outcome.ToString(), result.Problem ?? ""))]);
    }

    /// <exception cref="PoolException">Busy, NotFound (path, disk), ReadOnly, Usage.</exception>
    public ScrubReport Scrub(ScrubOrder order)
    {
        if (order.LimitBytesPerSecond is { } limit)
            Workers.ScrubThrottle.LimitBytesPerSecond = limit;
        switch (order.Action)
        {
            case "start":
                Workers.Scrubber.Request(new ScrubRequest
                {
                    Repairs = order.Repairs,
                    IsDryRun = order.IsDryRun,
                    Extents = order.Path is null ? null : ExtentsBelow(order.Path),
                    Disk = order.Disk is null ? -1 : FindDisk(order.Disk).Index,
                    OlderThan = TimeSpan.FromSeconds(order.OlderThanSeconds),
                });
                Workers.Wake();
                break;
            case "pause":
                Workers.Scrubber.Pause();
                break;
            case "resume":
                Workers.Scrubber.Resume();
                Workers.Wake();
                break;
            case "cancel":
                Workers.Scrubber.Cancel();
                break;
            case "status":
                break;
            default:
                throw new PoolException(ErrorId.Usage, $"'{order.Action}' is nothing that a scrub can do: start, status, pause, resume or cancel");
        }

        return Report(Workers.Scrubber.Status);
    }

    /// <summary>Checks every copy of the audit log.</summary>
    public AuditReport VerifyAudit()
    {
        IReadOnlyList<AuditCopy> copies = Workers.Parts.Audit.Verify();
        bool isIntact = copies.All(copy => copy.Problem is null && !copy.IsBehind);
        return new AuditReport(
            Schema.Version, Name, isIntact, copies.Count == 0 ? 0 : copies.Max(copy => copy.ValidLines),
            [.. copies.Select(copy => new AuditCopyReport(copy.Disk, copy.ValidLines, copy.Problem, copy.IsBehind))]);
    }

    /// <exception cref="PoolException">OrphansUnknown, ReadOnly.</exception>
    public OrphanReport Orphans(OrphanOrder order)
    {
        lock (_collecting)
        {
            OrphanCollector collector = Workers.Orphans;
            List<Orphan> orphans = collector.Detect();
            (long quarantined, long unlinked) = (0, 0);
            if (order is { Action: "cleanup", IsDryRun: false })
            {
                CheckChangeable("orphans cannot be collected");
                (quarantined, unlinked) = collector.Collect(orphans, TimeSpan.FromSeconds(order.OlderThanSeconds));
            }

            return new OrphanReport(
                Schema.Version, Name, order.IsDryRun, orphans.Count, orphans.Sum(orphan => orphan.Bytes), quarantined, unlinked, collector.Quarantined().Count,
                [.. orphans.Take(order.Action == "stats" ? 0 : MaxListedOrphans).Select(o => new OrphanStatus(o.File.Disk.Name, $"{DiskLayout.Directory}/{o.File.Path}", o.Bytes, o.Why))]);
        }
    }

    /// <summary>What would be lost without these disks.</summary>
    public WhatIfReport WhatIf(WhatIfOrder order)
    {
        HashSet<MemberDisk> failing = [.. order.Disks.Select(FindDisk)];
        LossForecast forecast = LossForecast.Of(Workers.Parts, failing.Select(member => member.Index).ToHashSet());
        bool hasMetadata = Shape.MetadataDisks.Any(index => _members[index].IsReadable && !failing.Contains(_members[index]));
        int missing = CurrentMembers.Count(member => !member.IsReadable || failing.Contains(member));
        bool isMountable = hasMetadata && missing <= Tolerance;
        Dictionary<ExtentId, List<string>> files = new ExtentFiles(_metadata.Namespace).Find(forecast.Lost, MaxPathsPerExtent);
        string[] lost = [.. files.Values.SelectMany(paths => paths).Distinct().Order(StringComparer.Ordinal)];
        RedundancyCount count = forecast.Count;
        ExitCode code = count.Lost > 0 || !hasMetadata ? ExitCode.DataLost : count.NoSpare > 0 ? ExitCode.NoSpareRedundancy : count.Degraded > 0 ? ExitCode.Degraded : ExitCode.Done;
        return new WhatIfReport(
            Schema.Version, Name, [.. failing.Select(member => member.Name)], hasMetadata, isMountable, count.Extents, count.Lost, count.NoSpare, count.Degraded, forecast.BytesToProtect,
            (int)code, lost.Length, [.. lost.Take(MaxListedLostFiles)]);
    }

    /// <summary>Extents that cannot be read any more, as scrubs found them.</summary>
    internal IReadOnlyList<PoisonedExtent> Poisoned()
    {
        List<(ExtentId Extent, DateTimeOffset Since)> poisoned = _workers?.Scrubber.Notes.Poisoned() ?? [];
        if (poisoned.Count == 0)
            return [];
        Dictionary<ExtentId, List<string>> files = new ExtentFiles(_metadata.Namespace).Find(poisoned.Select(p => p.Extent).ToHashSet(), MaxPathsPerExtent);
        return [.. poisoned.Select(p => new PoisonedExtent(p.Extent.ToString(), p.Since, files.GetValueOrDefault(p.Extent, [])))];
    }

    private ScrubReport Report(ScrubStatus status)
    {
        (string summary, string action) = Summary(status);
        return new ScrubReport(
            Schema.Version, Name, status.Phase.ToString().ToUpperInvariant(), status.IsActive, status.Request.Repairs, status.Request.IsDryRun, status.Request.IsBackground,
            status.StartedAt, status.EndedAt, Workers.ScrubThrottle.LimitBytesPerSecond, status.TotalBytes, status.DoneBytes, status.Extents, status.Healthy, status.Degraded, status.NoSpare,
            status.Repaired, status.Unrecoverable, (int)status.ExitCode, summary, action, status.MetadataProblems, status.FindingCount,
            [.. status.Findings.Select(f => new ScrubFindingReport(
                f.Extent.ToString(), f.Verdict, f.Fragment, f.Kind.ToString(), f.Disk, f.File, f.Offset, f.Expected, f.Found, f.Action, f.Files))],
            status.IsActive ? [] : Poisoned());
    }

    private (string Summary, string Action) Summary(ScrubStatus status)
    {
        string repaired = status.Repaired > 0 ? $", {status.Repaired} repaired" : "";
        string counts = $"{status.Extents} extents: {status.Healthy} healthy{repaired}, {status.Degraded} degraded, {status.Unrecoverable} unrecoverable";
        string action = status.Unrecoverable > 0 ? "bring missing disks back and scrub again; else restore the files named below from a backup"
            : status.Findings.Any(f => f.Action is "none" or "would be rewritten") ? $"dynfs scrub {Name} --repair"
            : status.Degraded > 0 ? $"dynfs rebuild {Name}"
            : status.MetadataProblems.Count > 0 ? "the next commit mends bad copies that have good twins; scrub again, and replace the disk that is named if they return"
            : "none";
        return (counts, action);
    }

    private long LeavingFragments()
    {
        HashSet<int> leaving = [.. _members.Where(member => member.State == DiskState.Draining).Select(member => member.Index)];
        long count = 0;
        if (leaving.Count > 0)
        {
            Catalog.ForEach(ExtentId.None, (record, live) =>
            {
                count += live > 0 ? record.Fragments.Count(place => leaving.Contains(place.DiskIndex)) : 0;
                return true;
            });
        }

        return count;
    }

    /// <summary>The extents of a file, or of all files below a directory.</summary>
    private HashSet<ExtentId> ExtentsBelow(string path)
    {
        var found = new HashSet<ExtentId>();
        var pending = new Stack<Attributes>([Resolve(path)]);
        var map = new FileMap(_metadata.Namespace, new ExtentAccounts(), Files.Gate);
        while (pending.TryPop(out Attributes attributes))
        {
            if (attributes.IsRegular)
            {
                var slices = new List<Slice>();
                map.Find(attributes.Inode, 0, long.MaxValue, slices);
                found.UnionWith(slices.Select(slice => slice.Extent));
            }
            else if (attributes.IsDirectory)
            {
                foreach (string name in NamesIn(attributes.Inode))
                {
                    if (Files.Lookup(attributes.Inode, Encoding.UTF8.GetBytes(name), out Attributes child) == Errno.None)
                        pending.Push(child);
                }
            }
        }

        return found;
    }

    private List<string> NamesIn(InodeNumber directory)
    {
        var names = new NameSink();
        for (int before = -1; before != names.Names.Count;)
        {
            before = names.Names.Count;
            if (Files.ReadDirectory(directory, names.LastCookie, names) != Errno.None)
                break;
        }

        return [.. names.Names.Where(name => name is not ("." or ".."))];
    }

    private sealed class NameSink : IDirectorySink
    {
        public List<string> Names { get; } = [];
        public ulong LastCookie { get; private set; }

        public bool Add(ReadOnlySpan<byte> name, InodeNumber inode, uint type, ulong cookie)
        {
            Names.Add(Encoding.UTF8.GetString(name));
            LastCookie = cookie;
            return true;
        }
    }
}
