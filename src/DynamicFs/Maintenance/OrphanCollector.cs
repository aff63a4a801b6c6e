using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.Maintenance;

/// <param name="File">Where it is.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Why">Why nothing needs it.</param>
internal sealed record Orphan(FoundFragment File, long Bytes, string Why);

/// <summary>
/// Finds fragment files that nothing needs, and takes them out of use in two steps: into the quarantine first, unlinked when they were there long enough. Refuses to
/// judge at all unless every disk, every kept root and the whole pool tree can be read: what cannot be seen may be what needs the file. One call at a time.
/// </summary>
internal sealed class OrphanCollector(MaintenanceParts parts)
{
    /// <summary>Names beside the fragments that are not ours are told, never touched.</summary>
    private const string NotOurs = "its name is not one of ours; it is left alone";

    /// <summary>Throws <see cref="PoolException"/> (OrphansUnknown) when something that may need a file cannot be read.</summary>
    public List<Orphan> Detect()
    {
        // In this order: what is published after the listing has a higher number, or is held, or is parked.
        RootRecord root = CheckEverythingIsReadable();
        var listed = new List<FoundFragment>();
        foreach (MemberDisk disk in parts.Members.Where(member => !member.HasLeft))
            listed.AddRange(Guarded(() => FragmentSurvey.Fragments(disk)));
        var suspects = new List<(FoundFragment File, string Why)>();
        foreach (FoundFragment file in listed)
        {
            if (Why(file, root) is { } why && !parts.Moves.IsHeld(file.Extent))
                suspects.Add((file, why));
        }

        HashSet<(ExtentId, int, int)> parked = [.. parts.Catalog.ParkedFragments(new Generation(ulong.MaxValue), int.MaxValue).Select(p => (p.Extent, p.Index, p.DiskIndex))];
        return [.. suspects.Where(s => !parked.Contains((s.File.Extent, s.File.Index, s.File.Disk.Index))).Select(s => new Orphan(s.File, FragmentSurvey.SizeOf(s.File), s.Why))];
    }

    /// <summary>Files in the quarantine of the disks that can be read.</summary>
    public List<FoundFragment> Quarantined() => [.. parts.Members.Where(m => m.IsReadable).SelectMany(disk => Guarded(() => FragmentSurvey.Quarantined(disk)))];

    /// <summary>Moves orphans to the quarantine and unlinks what was there for <paramref name="age"/>. Each is in the audit log.</summary>
    public (long Quarantined, long Unlinked) Collect(IEnumerable<Orphan> orphans, TimeSpan age)
    {
        DateTimeOffset now = parts.Time.GetUtcNow();
        var audit = new List<AuditEntry>();
        (long quarantined, long unlinked) = (0, 0);
        foreach (FoundFragment file in Quarantined().Where(file => file.Disk.IsWritable && now - file.Since >= age))
        {
            if (!TryDo(file.Disk, () => file.Disk.Disk!.Unlink(file.Path)))
                continue;
            unlinked++;
            audit.Add(new AuditEntry("cleanup", file.Extent, file.Index, file.Disk.Name, "unlink", $"in the quarantine since {file.Since:O}", file.Path));
        }

        foreach (Orphan orphan in orphans.Where(o => o.File.Extent != ExtentId.None && o.File.Disk.IsWritable))
        {
            string path = "";
            if (!parts.Moves.TryHold(orphan.File.Extent))
                continue;
            try
            {
                // Between detection and now a rebuild may have put the fragment to use again.
                if (Why(orphan.File, parts.Metadata.Root) is null || !TryDo(orphan.File.Disk, () => path = FragmentSurvey.Quarantine(orphan.File, now)))
                    continue;
            }
            finally
            {
                parts.Moves.Release(orphan.File.Extent);
            }

            quarantined++;
            audit.Add(new AuditEntry("cleanup", orphan.File.Extent, orphan.File.Index, orphan.File.Disk.Name, "quarantine", orphan.Why, path));
        }

        parts.Audit.Append(audit);
        return (quarantined, unlinked);
    }

    private RootRecord CheckEverythingIsReadable()
    {
        if (parts.Members.FirstOrDefault(member => !member.IsReadable && !member.HasLeft) is { } away)
            throw Refused($"disk {away.Name} is missing or FAILED, and may hold what needs a file");
        var problems = new List<string>();
        RootRecord root = parts.Metadata.Root;
        try
        {
            foreach (RootListing listing in parts.Metadata.ListRoots())
            {
                if (listing.Verdict != "ok")
                    problems.Add($"the root of generation {listing.Root.Generation}: {listing.Verdict}");
            }

            parts.Metadata.Verify(problems.Add);
            parts.Catalog.ForEach(ExtentId.None, static (_, _) => true);
        }
        catch (Exception e) when (e is CorruptionException or DiskException or PoolException)
        {
            problems.Add(e.Message);
        }

        return problems.Count == 0 ? root : throw Refused($"the metadata cannot be read right ({problems[0]})");
    }

    /// <summary>Null when something needs the file, or may.</summary>
    private string? Why(in FoundFragment file, RootRecord root)
    {
        if (file.Extent == ExtentId.None)
            return NotOurs;
        if (file.Extent.Value >= root.Counters.NextExtent)
            return null;
        if (parts.Catalog.Find(file.Extent) is not { } record)
            return "the pool has no such extent: it was deleted, or never committed";
        if (file.Index >= record.Fragments.Length)
            return $"extent {file.Extent} has {record.Fragments.Length} fragments";
        FragmentPlace place = record.Fragments[file.Index];
        if (place.DiskIndex == file.Disk.Index)
            return null;
        return place.IsPlaced ? $"this fragment is on {parts.Members[place.DiskIndex].Name} now" : $"extent {file.Extent} was written without this fragment";
    }

    private List<FoundFragment> Guarded(Func<List<FoundFragment>> list)
    {
        try
        {
            return list();
        }
        catch (DiskException e)
        {
            throw Refused(e.Message);
        }
    }

    private static bool TryDo(MemberDisk disk, Action action)
    {
        try
        {
            action();
            return true;
        }
        catch (DiskException e)
        {
            if (e.Errno != Errno.ENOENT)
                disk.ReportFailure(e, isWrite: true);
            return false;
        }
    }

    private static PoolException Refused(string why) =>
        new(ErrorId.OrphansUnknown, $"which files are orphans cannot be told: {why}. Nothing was changed. Bring missing disks back, or repair the metadata ('dynfs scrub POOL --repair'), and try again");
}
