using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Primitives;

namespace DynamicFs.Maintenance;

/// <param name="File">Where it is.</param>
/// <param name="Why">Why nothing needs it.</param>
internal readonly record struct OrphanSuspect(FoundFragment File, string Why);

/// <summary>
/// One walk over the names on all disks, a group of extents at a time, so that neither memory nor the time that somebody waits for the pool tree grows with the pool. Finds suspects:
/// what is right is decided when a file is to be taken out of use, with its extent held.
/// </summary>
/// <remarks>
/// What is born, moved or deleted meanwhile is no suspect, because each piece asks in this order: the root, the names on the disks, who is held, the records. An extent
/// that was not committed when its file was listed has a number that the root did not give out; a new place of a fragment is held until its record names it; a place that a fragment left is parked.
/// One thread.
/// </remarks>
internal sealed class OrphanSearch(MaintenanceParts parts)
{
    /// <summary>More than this are found by another walk.</summary>
    public const int MaxSuspects = 1 << 16;

    /// <summary>Names beside the fragments that are not ours are told, never touched.</summary>
    private const string NotOurs = "its name is not one of ours; it is left alone";

    private readonly SortedDictionary<string, List<MemberDisk>> _groups = new(StringComparer.Ordinal);
    private readonly List<OrphanSuspect> _suspects = [];

    public IReadOnlyList<OrphanSuspect> Suspects => _suspects;
    public bool HasOverflowed { get; private set; }

    /// <summary>Throws <see cref="DiskException"/> when a disk cannot be listed.</summary>
    public void Begin()
    {
        _groups.Clear();
        _suspects.Clear();
        HasOverflowed = false;
        foreach (MemberDisk disk in parts.Members.Where(member => !member.HasLeft))
        {
            IDisk there = disk.Disk ?? throw new DiskException(disk.Name, "it is away", Errno.ECANCELED);
            foreach (DiskEntry entry in there.List(DiskLayout.Fragments))
            {
                if (entry.Kind != DiskEntryKind.Directory)
                {
                    Add(new OrphanSuspect(new FoundFragment(disk, $"{DiskLayout.Fragments}/{entry.Name}", ExtentId.None, -1, default), NotOurs));
                    continue;
                }

                if (!_groups.TryGetValue(entry.Name, out List<MemberDisk>? disks))
                    _groups.Add(entry.Name, disks = []);
                disks.Add(disk);
            }
        }
    }

    /// <summary>Judges one group; false when all are judged. Throws <see cref="DiskException"/> when a disk cannot be listed.</summary>
    public bool Step()
    {
        if (_groups.Count == 0)
            return false;
        (string group, List<MemberDisk> disks) = _groups.First();
        ulong nextExtent = parts.Metadata.Root.Counters.NextExtent;
        List<FoundFragment> files = [.. disks.SelectMany(disk => FragmentSurvey.Fragments(disk, group))];
        HashSet<ExtentId> held = [.. files.Select(file => file.Extent).Where(parts.Moves.IsHeld)];
        Dictionary<ExtentId, ExtentRecord> records = Records(group);
        foreach (FoundFragment file in files)
        {
            if (!held.Contains(file.Extent) && Why(file, records.GetValueOrDefault(file.Extent), nextExtent) is { } why)
                Add(new OrphanSuspect(file, why));
        }

        _groups.Remove(group);
        return true;
    }

    /// <summary>Null when something needs the file, or may. Says nothing of places that a fragment left and kept roots may need: see <see cref="Parked"/>.</summary>
    public string? Why(in FoundFragment file, ExtentRecord? record, ulong nextExtent)
    {
        if (file.Extent == ExtentId.None)
            return NotOurs;
        if (file.Extent.Value >= nextExtent)
            return null;
        if (record is null)
            return "the pool has no such extent: it was deleted, or never committed";
        if (file.Index >= record.Fragments.Length)
            return $"extent {file.Extent} has {record.Fragments.Length} fragments";
        FragmentPlace place = record.Fragments[file.Index];
        if (place.DiskIndex == file.Disk.Index)
            return null;
        return place.IsPlaced ? $"this fragment is on {parts.Members[place.DiskIndex].Name} now" : $"extent {file.Extent} was written without this fragment";
    }

    /// <summary>Those of the files that a kept root may need although the newest record does not name them.</summary>
    public HashSet<(ExtentId Extent, int Index, int DiskIndex)> Parked(IEnumerable<FoundFragment> files)
    {
        HashSet<(ExtentId, int, int)> asked = [.. files.Select(KeyOf)];
        var parked = new HashSet<(ExtentId Extent, int Index, int DiskIndex)>();
        if (asked.Count == 0 || Canary.Is("orphans-without-kept-roots"))
            return parked;
        parts.Catalog.ForEachParkedFragment(fragment =>
        {
            if (asked.Contains((fragment.Extent, fragment.Index, fragment.DiskIndex)))
                parked.Add((fragment.Extent, fragment.Index, fragment.DiskIndex));
        });
        return parked;
    }

    public static (ExtentId Extent, int Index, int DiskIndex) KeyOf(FoundFragment file) => (file.Extent, file.Index, file.Disk.Index);

    private void Add(in OrphanSuspect suspect)
    {
        HasOverflowed |= _suspects.Count == MaxSuspects;
        if (_suspects.Count < MaxSuspects)
            _suspects.Add(suspect);
    }

    private Dictionary<ExtentId, ExtentRecord> Records(string groupName)
    {
        var records = new Dictionary<ExtentId, ExtentRecord>();
        if (!FragmentName.TryParseGroup(groupName, out ulong group))
            return records;
        parts.Catalog.ForEach(FragmentName.FirstOf(group), (record, _) =>
        {
            if (FragmentName.GroupOf(record.Id) != group)
                return false;
            records.Add(record.Id, record);
            return true;
        });
        return records;
    }
}
