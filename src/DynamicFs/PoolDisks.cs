using DynamicFs.Admin;
using DynamicFs.Disks;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs;

/// <summary>One disk that was found and read: where, and what its label says.</summary>
internal sealed record FoundDisk(string Path, LinuxDisk Disk, DiskLabel Label);

/// <summary>
/// The disks of one pool that are there now, attached but not locked. Found from a pool's name (through the registry) or from any member's path: the label
/// there names all members, and these are looked for at the registered paths; those that are not registered also beside the disks already found and at the
/// top of every mounted filesystem.
/// A label that cannot be read counts as a missing disk, and <see cref="Notes"/> says why. Owns the disks until they are taken.
/// </summary>
internal sealed class PoolDisks : IDisposable
{
    private const int MaxSiblings = 1024;

    /// <summary>Each round may find a disk with a newer root; two are the rule.</summary>
    private const int MaxRounds = 8;

    /// <summary>How long one path may take; a disk that has to spin up needs several seconds.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private readonly Dictionary<DiskId, FoundDisk> _found = [];
    private readonly HashSet<string> _tried = [];
    private readonly List<string> _notes = [];
    private bool _damaged;

    private readonly PoolRegistry _registry;

    private PoolDisks(PoolRegistry registry) => _registry = registry;

    public PoolId Pool { get; private set; }
    public string Name { get; private set; } = "";
    public IReadOnlyList<DiskId> Members { get; private set; } = [];
    public RedundancyScheme Scheme { get; private set; }
    public RegisteredPool? Registered { get; private set; }

    /// <summary>What was odd on the way: unreadable labels, disks of other pools at registered paths.</summary>
    public IReadOnlyList<string> Notes => _notes;

    public int PresentCount => _found.Count;
    public bool IsComplete => Members.All(id => id.Value == Guid.Empty || _found.ContainsKey(id));

    public FoundDisk? Find(DiskId id) => _found.GetValueOrDefault(id);

    /// <summary>Where a member is, or was when this host last saw it; its id when nobody knows.</summary>
    public string PathOf(DiskId id)
        => Find(id)?.Path ?? Registered?.Disks.FirstOrDefault(d => d.Id == id.Value)?.Path ?? $"(unknown path, disk {id})";

    public string MissingText => string.Join(", ", Members.Where(id => id.Value != Guid.Empty && Find(id) is null).Select(PathOf));

    /// <summary>Looks for the disks of the pool that <paramref name="source"/> names. Throws when not even one of them can be read.</summary>
    public static PoolDisks Find(string source, PoolRegistry registry)
    {
        var disks = new PoolDisks(registry);
        try
        {
            if (IsPath(source))
                disks.FindByPaths(source.Split(':', StringSplitOptions.RemoveEmptyEntries));
            else
                disks.FindByName(source);
            disks.FindTheOthers();
            disks.FollowRoot();
            return disks;
        }
        catch
        {
            disks.Dispose();
            throw;
        }
    }

    public static bool IsPath(string source) => source.Contains('/') || source is "." or "..";

    public void Dispose()
    {
        foreach (FoundDisk disk in _found.Values)
            disk.Disk.Dispose();
        _found.Clear();
    }

    /// <summary>Hands a disk over: from now on the caller disposes it.</summary>
    public FoundDisk? Take(DiskId id) => _found.Remove(id, out FoundDisk? disk) ? disk : null;

    private void FindByPaths(string[] paths)
    {
        foreach (string path in paths)
        {
            string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
            if (!_tried.Add(full))
                continue;
            (LinuxDisk disk, DiskLabel label) = InTime(full, () =>
            {
                LinuxDisk attached = LinuxDisk.Attach(full);
                return (attached, ReadOrDispose(attached));
            });
            if (_found.Count > 0 && label.Pool != Pool)
            {
                disk.Dispose();
                throw new PoolException(ErrorId.DiskForeign, $"{full} belongs to pool {label.PoolName} ({label.Pool}), not to {Name} ({Pool}): name disks of one pool only");
            }

            Add(new FoundDisk(full, disk, label));
        }
    }

    private void FindByName(string name)
    {
        IReadOnlyList<RegisteredPool> pools = _registry.FindByName(name);
        if (pools.Count == 0)
            throw Unknown(name, _registry);
        if (pools.Count > 1)
        {
            string choices = string.Join(" or ", pools.Select(p => p.Disks.Count > 0 ? p.Disks[0].Path : p.Id.ToString()));
            throw new PoolException(ErrorId.NameAmbiguous, $"{pools.Count} pools are called {name}: name the one you mean by a disk's path ({choices})");
        }

        (Registered, Pool, Name) = (pools[0], new PoolId(pools[0].Id), name);
        foreach (RegisteredDisk disk in pools[0].Disks)
            TryPath(disk.Path, isRegistered: true);
        if (_found.Count == 0)
            TryMountedFileSystems();
        if (_found.Count == 0 && _damaged)
            throw new PoolException(ErrorId.Corrupt, $"no label of pool {name} can be read: {string.Join("; ", _notes)}. Nothing was changed");
        if (_found.Count == 0)
        {
            string paths = string.Join(", ", pools[0].Disks.Select(d => d.Path));
            throw new PoolException(ErrorId.MissingDisks,
                $"no disk of pool {name} is there; they were last seen at {paths}.{NotesText} Mount their filesystems, or name the pool by a disk's new path");
        }
    }

    private string NotesText => _notes.Count == 0 ? "" : $" ({string.Join("; ", _notes)}).";

    private static PoolException Unknown(string name, PoolRegistry registry)
    {
        string known = string.Join(", ", registry.List().Select(p => p.Name));
        return new PoolException(ErrorId.NotFound,
            $"no pool called {name} is known on this host{(known.Length > 0 ? $" (known: {known})" : "")}; name it by the path of any of its disks, for example /mnt/d1");
    }

    private void FindTheOthers()
    {
        foreach (RegisteredDisk disk in Registered?.Disks ?? [])
        {
            if (!IsComplete)
                TryPath(disk.Path, isRegistered: true);
        }

        if (HasUnknown)
            TrySiblings();
        if (HasUnknown)
            TryMountedFileSystems();
    }

    /// <summary>
    /// Whether a member is neither found nor registered. A member that was registered elsewhere and is not there is missing: where else a directory with its
    /// label may lie (put aside, a backup), nobody asked for it.
    /// </summary>
    private bool HasUnknown => Members.Any(id => id.Value != Guid.Empty && Find(id) is null && Registered?.Disks.Any(d => d.Id == id.Value) != true);

    /// <summary>
    /// Takes the members from the newest root on the disks found so far, looks for those that the labels did not name, and leaves alone whoever is no member by that root: a disk that has left, or one whose
    /// joining was cut off.
    /// </summary>
    private void FollowRoot()
    {
        for (int round = 0; round < MaxRounds; round++)
        {
            Root? newest = RootPeek.Newest(_found.Values.Select(disk => disk.Disk), Pool);
            if (newest is null)
                return;
            if (newest.Public.Shape.Members.SequenceEqual(Members))
                break;
            (Members, Scheme) = (newest.Public.Shape.Members, newest.Public.Shape.DefaultScheme);
            int before = _found.Count;
            FindTheOthers();
            if (_found.Count == before && Members.SequenceEqual(newest.Public.Shape.Members))
                break;
            // Who was found on the way may stand in the way of its own list: the next round asks the root again.
        }

        foreach (FoundDisk stranger in _found.Values.Where(disk => !Members.Contains(disk.Label.Id)).ToArray())
        {
            _notes.Add($"{stranger.Path} holds disk {stranger.Label.Id}, which is no member of pool {Name} by its newest root; it is left alone");
            _found.Remove(stranger.Label.Id);
            stranger.Disk.Dispose();
        }
    }

    private void TrySiblings()
    {
        foreach (string parent in _found.Values.Select(d => Path.GetDirectoryName(d.Path)).OfType<string>().Distinct().ToArray())
        {
            try
            {
                // All of them, even when nothing is missing any more: a disk and its copy must both be seen.
                foreach (string sibling in Directory.EnumerateDirectories(parent).Take(MaxSiblings))
                    TryPath(sibling, isRegistered: false);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                _notes.Add($"{parent} cannot be searched: {e.Message}");
            }
        }
    }

    /// <summary>Only filesystems that can be disks: looking into a FUSE or network mount could hang on a dead server, or on ourselves.</summary>
    private void TryMountedFileSystems()
    {
        foreach (Fuse.MountInfo mount in MountTable.Read().Entries)
        {
            bool isDiskLike = mount.Type is "ext4" or "ext3" or "ext2" or "xfs" or "btrfs" or "f2fs" or "zfs" or "bcachefs" or "jfs" or "tmpfs";
            if (isDiskLike)
                TryPath(mount.MountPoint, isRegistered: false);
        }
    }

    /// <summary>Takes the disk at a path when it is one of ours.</summary>
    private void TryPath(string path, bool isRegistered)
    {
        if (!_tried.Add(path))
            return;
        FoundDisk? found;
        try
        {
            found = InTime(path, () =>
            {
                LinuxDisk disk = LinuxDisk.Attach(path);
                if (TryRead(disk, isRegistered) is { } label)
                    return new FoundDisk(path, disk, label);
                disk.Dispose();
                return null;
            });
        }
        catch (PoolException e) when (e.Id != ErrorId.Format)
        {
            bool isPlainlyAbsent = e.Id == ErrorId.NotFound || e.Id == ErrorId.DiskPathInvalid;
            if (isRegistered && !isPlainlyAbsent)
                _notes.Add(e.Message);
            return;
        }

        if (found is not null)
            Add(found);
    }

    /// <summary>Looks at a path on a thread that may be left behind: a disk that hangs is a missing disk.</summary>
    private static T InTime<T>(string path, Func<T> look)
    {
        T result = default!;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                FaultSeam.Reach(path);
                result = look();
            }
            catch (Exception e)
            {
                failure = e;
            }
        })
        {
            IsBackground = true,
            Name = $"look at {path}",
        };
        thread.Start();
        if (!thread.Join(s_patience))
            throw new PoolException(ErrorId.Io, $"disk {path} does not answer within {s_patience.TotalSeconds:0} s; it counts as missing");
        if (failure is not null)
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        return result;
    }

    private DiskLabel? TryRead(LinuxDisk disk, bool isRegistered)
    {
        try
        {
            DiskLabel label = DiskLabelFile.Read(disk);
            if (label.Pool == Pool)
                return label;
            if (isRegistered)
                _notes.Add($"{disk.Name} holds a disk of another pool ({label.PoolName}); it is left alone");
        }
        catch (PoolException e) when (e.Id == ErrorId.Format && isRegistered)
        {
            // A member of a newer format is not missing: whoever wrote it may have changed more than this disk.
            throw;
        }
        catch (Exception e) when (e is PoolException or CorruptionException or DiskException)
        {
            _damaged |= e is CorruptionException;
            if (isRegistered || e is CorruptionException)
                _notes.Add(e.Message);
        }

        return null;
    }

    private static DiskLabel ReadOrDispose(LinuxDisk disk)
    {
        try
        {
            return DiskLabelFile.Read(disk);
        }
        catch
        {
            disk.Dispose();
            throw;
        }
    }

    private void Add(FoundDisk disk)
    {
        if (_found.Count == 0)
        {
            (Pool, Name, Members, Scheme) = (disk.Label.Pool, disk.Label.PoolName, disk.Label.Members, disk.Label.Scheme);
            Registered ??= _registry.Find(Pool);
        }

        if (_found.TryGetValue(disk.Label.Id, out FoundDisk? other))
        {
            Choose(other, disk);
            return;
        }

        // Who is a member the root says, once all are found; a label is as old as its disk's last moment in the pool.
        if (!Members.Contains(disk.Label.Id))
            Members = [.. Members, disk.Label.Id];
        _found.Add(disk.Label.Id, disk);
    }

    /// <summary>
    /// Two paths hold one disk. The same directory reached twice is one; of a disk and its copy the one at the registered path counts; when that
    /// does not tell them apart, nobody may guess.
    /// </summary>
    private void Choose(FoundDisk first, FoundDisk second)
    {
        if (first.Disk.IsSameAs(second.Disk))
        {
            second.Disk.Dispose();
            return;
        }

        string? registered = Registered?.Disks.FirstOrDefault(d => d.Id == first.Label.Id.Value)?.Path;
        if (registered != first.Path && registered != second.Path)
        {
            second.Disk.Dispose();
            throw new PoolException(ErrorId.DiskDuplicate,
                $"{first.Path} and {second.Path} both hold disk {first.Label.Id} of pool {Name}: one is a copy of the other. Take the copy away (unmount it), then try again");
        }

        (FoundDisk kept, FoundDisk copy) = registered == first.Path ? (first, second) : (second, first);
        copy.Disk.Dispose();
        _found[kept.Label.Id] = kept;
        _notes.Add($"{copy.Path} holds a copy of the disk at {kept.Path}; it is left alone");
    }
}
