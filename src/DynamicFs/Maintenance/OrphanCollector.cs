using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.Maintenance;

/// <param name="File">Where it is.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Why">Why nothing needs it.</param>
internal sealed record Orphan(FoundFragment File, long Bytes, string Why);

/// <summary>
/// Takes fragment files that nothing needs out of use in two steps: into the quarantine first, unlinked when they were there long enough. Refuses to
/// judge at all unless every disk, every kept root and the whole pool tree can be read: what cannot be seen may be what needs the file. Thread-safe.
/// </summary>
internal sealed class OrphanCollector(MaintenanceParts parts)
{
    private readonly OrphanSearch _judge = new(parts);

    /// <summary>Throws <see cref="PoolException"/> (OrphansUnknown) when something that may need a file cannot be read.</summary>
    public List<Orphan> Detect()
    {
        CheckEverythingIsReadable();
        var search = new OrphanSearch(parts);
        Guarded(() =>
        {
            search.Begin();
            while (search.Step())
            {
            }

            return true;
        });
        var parked = search.Parked(search.Suspects.Select(suspect => suspect.File));
        return [.. search.Suspects.Where(s => !parked.Contains(OrphanSearch.KeyOf(s.File))).Select(s => new Orphan(s.File, FragmentSurvey.SizeOf(s.File), s.Why))];
    }

    /// <summary>Throws <see cref="PoolException"/> (OrphansUnknown) when a disk is away, or a kept root, a page of any mirror or an extent record cannot be read.</summary>
    public void CheckEverythingIsReadable()
    {
        if (parts.Members.FirstOrDefault(member => !member.IsReadable && !member.HasLeft) is { } away)
            throw Refused($"disk {away.Name} is missing or FAILED, and may hold what needs a file");
        var problems = new List<string>();
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

        if (problems.Count > 0)
            throw Refused($"the metadata cannot be read right ({problems[0]})");
    }

    /// <summary>Files in the quarantine of the disks that can be read.</summary>
    public List<FoundFragment> Quarantined() => [.. parts.Members.Where(m => m.IsReadable).SelectMany(disk => Guarded(() => FragmentSurvey.Quarantined(disk)))];

    /// <summary>Unlinks what was in the quarantine for <paramref name="age"/>, then moves orphans there. Each is in the audit log.</summary>
    public (long Quarantined, long Unlinked) Collect(IEnumerable<Orphan> orphans, TimeSpan age)
    {
        long unlinked = Unlink(age);
        return (orphans.Chunk(OrphanSweep.FilesPerStep).Sum(chunk => Quarantine([.. chunk.Select(orphan => new OrphanSuspect(orphan.File, orphan.Why))])), unlinked);
    }

    /// <summary>Unlinks what was in the quarantine for <paramref name="age"/>.</summary>
    public long Unlink(TimeSpan age)
    {
        DateTimeOffset now = parts.Time.GetUtcNow();
        var audit = new List<AuditEntry>();
        foreach (FoundFragment file in Quarantined().Where(file => file.Disk.IsWritable && now - file.Since >= age))
        {
            if (TryDo(file.Disk, () => file.Disk.Disk!.Unlink(file.Path)))
                audit.Add(new AuditEntry("cleanup", file.Extent, file.Index, file.Disk.Name, "unlink", $"in the quarantine since {file.Since:O}", file.Path));
        }

        parts.Audit.Append(audit);
        return audit.Count;
    }

    /// <summary>Moves those that nothing needs, now that their extents are held, to the quarantine; durable on return.</summary>
    public long Quarantine(IReadOnlyCollection<OrphanSuspect> suspects)
    {
        DateTimeOffset now = parts.Time.GetUtcNow();
        var audit = new List<AuditEntry>();
        List<ExtentId> held = [.. suspects.Where(s => s.File.Extent != ExtentId.None).Select(s => s.File.Extent).Distinct().Where(parts.Moves.TryHold)];
        try
        {
            FoundFragment[] files = [.. suspects.Select(s => s.File).Where(file => file.Disk.IsWritable && held.Contains(file.Extent))];
            var parked = _judge.Parked(files);
            ulong nextExtent = parts.Metadata.Root.Counters.NextExtent;
            foreach (FoundFragment file in files)
            {
                // Between detection and now a rebuild may have put the fragment to use again, or out of it.
                if (parked.Contains(OrphanSearch.KeyOf(file)) || _judge.Why(file, parts.Catalog.Find(file.Extent), nextExtent) is not { } why)
                    continue;
                string path = "";
                if (TryDo(file.Disk, () => path = FragmentSurvey.Quarantine(file, now)))
                    audit.Add(new AuditEntry("cleanup", file.Extent, file.Index, file.Disk.Name, "quarantine", why, path));
                KillPoint.Reach("orphan-after-quarantine");
            }

            foreach ((MemberDisk disk, string directory) in files.Select(file => (file.Disk, file.Path[..file.Path.LastIndexOf('/')])).Distinct())
                TryDo(disk, () => disk.Disk!.SyncDirectory(directory));
            foreach (MemberDisk disk in files.Select(file => file.Disk).Distinct())
                TryDo(disk, () => disk.Disk!.SyncDirectory(DiskLayout.Quarantine));
        }
        finally
        {
            held.ForEach(parts.Moves.Release);
            parts.Audit.Append(audit);
        }

        return audit.Count;
    }

    private static T Guarded<T>(Func<T> list)
    {
        try
        {
            return list();
        }
        catch (Exception e) when (e is DiskException or CorruptionException)
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
