using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>
/// The group directories of all disks: makes them on demand, and knows which entries are not durable yet and which extents depend on them.
/// Thread-safe.
/// </summary>
internal sealed class DirectoryBatch(MemberSet members, bool noFsync, Action<ExtentId, int, FragmentDamage> onDamage)
{
    /// <summary>Forgetting a group costs one more mkdir, no more.</summary>
    private const int MaxKnownGroups = 1024;

    /// <summary>Held for a whole round: who comes second must not return before the first round's names are durable. Taken before <see cref="_lock"/>.</summary>
    private readonly Lock _roundLock = new();

    /// <summary>Protects the fields below; a leaf lock.</summary>
    private readonly Lock _lock = new();
    private readonly Dictionary<int, HashSet<ulong>> _knownGroups = [];
    private HashSet<int> _disksWithNewGroups = [];
    private Dictionary<ExtentId, ExtentRecord> _unsynced = [];

    /// <summary>Extents that fell below min_write in a round and may be written again under their id.</summary>
    private readonly Dictionary<ExtentId, ExtentRecord> _weak = [];

    /// <summary>Makes the directory of a group on a disk, once. It is synced into <c>fragments</c> with the next round even if it was there already.</summary>
    public void EnsureGroup(MemberDisk member, ulong group)
    {
        lock (_lock)
        {
            if (_knownGroups.TryGetValue(member.Index, out HashSet<ulong>? known) && known.Contains(group))
                return;
        }

        try
        {
            member.Disk!.MakeDirectory(FragmentName.GroupDirectory(group));
        }
        catch (DiskException e) when (e.Errno == Errno.EEXIST)
        {
        }

        lock (_lock)
        {
            _disksWithNewGroups.Add(member.Index);
            if (!_knownGroups.TryGetValue(member.Index, out HashSet<ulong>? known))
                _knownGroups.Add(member.Index, known = []);
            if (known.Count >= MaxKnownGroups)
                known.Clear();
            known.Add(group);
        }
    }

    /// <summary>The fragments of this extent are in their places. Returns the record of an earlier, too weak writing of the same extent.</summary>
    public ExtentRecord? Add(ExtentRecord record)
    {
        lock (_lock)
        {
            _unsynced[record.Id] = record;
            _weak.Remove(record.Id, out ExtentRecord? earlier);
            return earlier;
        }
    }

    /// <summary>The extent is gone: nothing of it needs to become durable.</summary>
    public void Forget(ExtentId extent)
    {
        lock (_lock)
        {
            _unsynced.Remove(extent);
            _weak.Remove(extent);
        }
    }

    /// <summary>One parallel round over all disks with new names. Returns the extents that are below min_write now.</summary>
    public IReadOnlyList<ExtentId> Sync()
    {
        lock (_roundLock)
        {
            Dictionary<ExtentId, ExtentRecord> batch;
            HashSet<int> withNewGroups;
            lock (_lock)
            {
                if (_unsynced.Count == 0)
                    return [];
                (batch, _unsynced) = (_unsynced, []);
                (withNewGroups, _disksWithNewGroups) = (_disksWithNewGroups, []);
            }

            if (noFsync)
                return [];
            return Judge(batch, SyncDisks(batch, withNewGroups));
        }
    }

    /// <summary>
    /// Makes the names of restored fragments durable: one parallel round over their disks, apart from the rounds of new extents. Returns the indexes of the
    /// disks on which that failed.
    /// </summary>
    public HashSet<int> Sync(IReadOnlyCollection<RestoredExtent> restored)
    {
        Dictionary<int, HashSet<ulong>> groups = [];
        foreach (RestoredExtent extent in restored)
        {
            for (int i = 0; i < extent.After.Fragments.Length; i++)
            {
                if ((extent.Written >> i & 1) != 0)
                    AddGroup(groups, extent.After.Fragments[i].DiskIndex, FragmentName.GroupOf(extent.After.Id));
            }
        }

        if (noFsync)
            return [];
        List<MemberDisk> disks = [.. groups.Keys.Order().Select(members.Find).OfType<MemberDisk>().Where(member => member.IsReadable)];
        DiskException?[] failures = DiskRound.Run(disks, isWrite: true, member =>
        {
            foreach (ulong group in groups[member.Index].Order())
                member.Disk!.SyncDirectory(FragmentName.GroupDirectory(group));

            // Whoever made the group, its name must be durable too.
            member.Disk!.SyncDirectory(FragmentName.FragmentsDirectory);
        });
        HashSet<int> failed = [.. groups.Keys.Except(disks.Select(member => member.Index))];
        failed.UnionWith(disks.Where((_, i) => failures[i] is not null).Select(member => member.Index));
        return failed;
    }

    /// <summary>
    /// Makes the unlinking of fragments durable: one parallel round over their disks. A disk that fails is reported; what a power cut brings back on it is an orphan.
    /// </summary>
    public void SyncRemoved(IEnumerable<(ExtentId Extent, int DiskIndex)> removed)
    {
        Dictionary<int, HashSet<ulong>> groups = [];
        foreach ((ExtentId extent, int diskIndex) in removed)
            AddGroup(groups, diskIndex, FragmentName.GroupOf(extent));
        if (noFsync)
            return;
        List<MemberDisk> disks = [.. groups.Keys.Order().Select(members.Find).OfType<MemberDisk>().Where(member => member.IsReadable)];
        DiskRound.Run(disks, isWrite: true, member =>
        {
            foreach (ulong group in groups[member.Index].Order())
                SyncIfThere(member.Disk!, FragmentName.GroupDirectory(group));
        });
    }

    /// <summary>A disk that was away may never have had the group.</summary>
    private static void SyncIfThere(IDisk disk, string directory)
    {
        try
        {
            disk.SyncDirectory(directory);
        }
        catch (DiskException e) when (e.Errno == Errno.ENOENT)
        {
        }
    }

    private static void AddGroup(Dictionary<int, HashSet<ulong>> groups, int disk, ulong group)
    {
        if (!groups.TryGetValue(disk, out HashSet<ulong>? ofDisk))
            groups.Add(disk, ofDisk = []);
        ofDisk.Add(group);
    }

    /// <summary>Returns the indexes of the disks on which nothing can be relied on.</summary>
    private HashSet<int> SyncDisks(Dictionary<ExtentId, ExtentRecord> batch, HashSet<int> withNewGroups)
    {
        Dictionary<int, HashSet<ulong>> groups = [];
        foreach (ExtentRecord record in batch.Values)
        {
            foreach (FragmentPlace place in record.Fragments)
            {
                if (place.IsPlaced)
                    AddGroup(groups, place.DiskIndex, FragmentName.GroupOf(record.Id));
            }
        }

        List<MemberDisk> disks = [.. groups.Keys.Order().Select(members.Find).OfType<MemberDisk>().Where(member => member.IsReadable)];
        DiskException?[] failures = DiskRound.Run(disks, isWrite: true, member =>
        {
            foreach (ulong group in groups[member.Index].Order())
            {
                if (!Canary.Is("fragment-directory-not-synced"))
                    member.Disk!.SyncDirectory(FragmentName.GroupDirectory(group));
            }

            if (withNewGroups.Contains(member.Index) && !Canary.Is("new-group-not-synced"))
                member.Disk!.SyncDirectory(FragmentName.FragmentsDirectory);
        });

        HashSet<int> failed = [.. groups.Keys.Except(disks.Select(member => member.Index))];
        lock (_lock)
        {
            for (int i = 0; i < disks.Count; i++)
            {
                if (failures[i] is null)
                    continue;
                failed.Add(disks[i].Index);
                _knownGroups.Remove(disks[i].Index);
            }

            // A disk that got a group but no fragment in it (the write failed) still owes the sync.
            _disksWithNewGroups.UnionWith(withNewGroups.Where(index => !groups.ContainsKey(index)));
        }

        return failed;
    }

    private List<ExtentId> Judge(Dictionary<ExtentId, ExtentRecord> batch, HashSet<int> failed)
    {
        List<ExtentId> weak = [];
        if (failed.Count == 0)
            return weak;
        foreach (ExtentRecord record in batch.Values)
        {
            int good = record.Fragments.Count(place => place.IsPlaced && !failed.Contains(place.DiskIndex));
            if (good < record.Scheme.MinWrite)
            {
                weak.Add(record.Id);
                lock (_lock)
                    _weak[record.Id] = record;
                continue;
            }

            for (int i = 0; i < record.Fragments.Length; i++)
            {
                FragmentPlace place = record.Fragments[i];
                if (place.IsPlaced && failed.Contains(place.DiskIndex))
                    onDamage(record.Id, i, new FragmentDamage(FragmentDamageKind.NameNotDurable, members.Find(place.DiskIndex)?.Name ?? "?", "the directory of the fragment could not be synced"));
            }
        }

        return weak;
    }
}
