using DynamicFs.Admin;
using DynamicFs.Disks;
using DynamicFs.Interop;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs;

/// <summary>What <c>create</c> was asked for.</summary>
public sealed record PoolCreationRequest
{
    public required string Name { get; init; }

    /// <summary>Absolute paths of directories, one per disk.</summary>
    public required IReadOnlyList<string> Paths { get; init; }

    /// <summary>As written by the operator; null is the default for the number of disks.</summary>
    public string? Policy { get; init; }

    public bool AllowNonEmpty { get; init; }
    public bool AllowSameDevice { get; init; }
    public bool NoFsync { get; init; }
}

/// <summary>
/// Makes a pool. Everything that can be wrong with the request is found before the first byte is written; when a disk fails in the middle, everything
/// that was made is removed again, so that a directory either belongs to a complete pool or is as it was.
/// </summary>
public static class PoolCreation
{
    /// <summary>A disk needs room for its page file's start, root ring and journal, and some data.</summary>
    public const long MinimumBytes = 64 << 20;

    public static CreateReport Run(PoolCreationRequest request, PoolRegistry registry, TimeProvider? time = null)
    {
        RedundancyScheme scheme = ChooseScheme(request.Policy, request.Paths.Count);
        IReadOnlyList<string> paths = CheckPaths(request);
        CheckName(request.Name, registry);
        var pool = PoolId.New();
        DiskId[] ids = [.. paths.Select(_ => DiskId.New())];
        DateTimeOffset now = (time ?? TimeProvider.System).GetUtcNow();
        var made = new List<LinuxDisk>();
        try
        {
            for (int i = 0; i < paths.Count; i++)
            {
                DiskLabel label = Label(request.Name, pool, ids, i, paths[i], scheme, now);
                made.Add(LinuxDisk.Format(paths[i], request.AllowNonEmpty, disk => Prepare(disk, label)));
            }

            WriteFirstRoot(pool, ids, made, scheme, request.NoFsync, time);
            registry.Save(new RegisteredPool(RegisteredPool.CurrentSchemaVersion, pool.Value, request.Name, [.. ids.Select((id, i) => new RegisteredDisk(id.Value, paths[i]))], 1));
            return Report(request.Name, pool, ids, made, scheme);
        }
        catch
        {
            RemoveAll(made);
            throw;
        }
        finally
        {
            foreach (LinuxDisk disk in made)
                disk.Dispose();
        }
    }

    /// <summary>The policy asked for, or the default; refused when there are fewer disks than it needs.</summary>
    public static RedundancyScheme ChooseScheme(string? policy, int diskCount)
    {
        if (policy is null)
            return RedundancyScheme.DefaultFor(diskCount);
        if (!RedundancyScheme.TryParse(policy, out RedundancyScheme scheme, out string? problem))
            throw new PoolException(ErrorId.PolicyInvalid, $"{problem}. Nothing was changed");
        if (scheme.Width <= diskCount)
            return scheme;
        throw new PoolException(ErrorId.PolicyTooWide,
            $"{policy} needs {scheme.Width} disks (each fragment of an extent on a disk of its own), {diskCount} given. "
            + $"With {diskCount}: {string.Join(", ", Fitting(diskCount))}; or give {scheme.Width - diskCount} more. Nothing was changed");
    }

    /// <summary>Policies that make sense on so many disks, the default first.</summary>
    internal static IEnumerable<string> Fitting(int diskCount)
    {
        RedundancyScheme usual = RedundancyScheme.DefaultFor(diskCount);
        yield return $"{usual} (default, survives {usual.Tolerance})";
        if (diskCount >= 3 && !usual.Equals(RedundancyScheme.Replica(2)))
            yield return "replica:2 (survives 1)";
        if (diskCount is >= 3 and < 6)
            yield return $"rs:{diskCount - 1}+1 (survives 1)";
        if (diskCount is >= 4 and < 6)
            yield return $"rs:{diskCount - 2}+2 (survives 2)";
    }

    private static void CheckName(string name, PoolRegistry registry)
    {
        foreach (RegisteredPool taken in registry.FindByName(name))
        {
            // An entry whose disks carry the pool no more is left over from a pool that was removed by hand.
            string? alive = taken.Disks.Select(d => d.Path).FirstOrDefault(path => LabelAt(path)?.Pool.Value == taken.Id);
            if (alive is not null)
                throw new PoolException(ErrorId.NameTaken, $"a pool called {name} exists on this host (a disk of it is {alive}): choose another name. Nothing was changed");
            registry.Remove(new PoolId(taken.Id));
        }
    }

    private static List<string> CheckPaths(PoolCreationRequest request)
    {
        if (request.Paths.Count > DiskLabel.MaxMembers)
            throw new PoolException(ErrorId.Usage, $"{request.Paths.Count} disks: a pool has {DiskLabel.MaxMembers} at most. Nothing was changed");
        var checkedPaths = new List<(string Path, ulong Device)>();
        foreach (string path in request.Paths)
        {
            (string real, ulong device) = CheckPath(path, request.AllowNonEmpty);
            CheckAgainstOthers(path, real, device, checkedPaths, request.AllowSameDevice);
            checkedPaths.Add((real, device));
        }

        return [.. checkedPaths.Select(c => c.Path)];
    }

    /// <summary>Whether a directory can become a disk: the path without links, and the number of the device it is on. Writes nothing.</summary>
    /// <exception cref="PoolException">Of <see cref="LinuxDisk.CheckFormat"/>; Io, NoSpace, DiskPathInvalid.</exception>
    internal static (string Real, ulong Device) CheckPath(string path, bool allowNonEmpty)
    {
        LinuxDisk.CheckFormat(path, allowNonEmpty);
        string real = Libc.RealPath(path) ?? path;
        Errno errno = Libc.Open(real, OpenFlags.Path | OpenFlags.Directory, out var directory);
        FileStatus status = default;
        FileSystemStatus space = default;
        using (directory)
        {
            if (errno == Errno.None)
                errno = Libc.Status(directory!, out status);
            if (errno == Errno.None)
                errno = Libc.Space(directory!, out space);
        }

        if (errno != Errno.None)
            throw new PoolException(ErrorId.Io, $"disk {path} cannot be looked at: {errno}. Nothing was changed");
        if (space.AvailableBytes < MinimumBytes)
        {
            throw new PoolException(ErrorId.NoSpace,
                $"disk {path} has {space.AvailableBytes >> 20} MiB free, a disk needs {MinimumBytes >> 20} MiB at least: free some, or leave it out. Nothing was changed");
        }

        if (MountTable.Read().Containing(real) is { Type: Fuse.FuseMount.FileSystemType } mount)
            throw new PoolException(ErrorId.DiskPathInvalid, $"disk {path} lies in the pool mounted on {mount.MountPoint}: a pool cannot be built on itself. Nothing was changed");
        return (real, status.DeviceNumber);
    }

    private static void CheckAgainstOthers(string path, string real, ulong device, List<(string Path, ulong Device)> others, bool allowSameDevice)
    {
        foreach ((string other, ulong otherDevice) in others)
        {
            if (other == real)
                throw new PoolException(ErrorId.DiskDuplicate, $"disk {path} is given twice ({other}). Nothing was changed");
            if (MountTable.IsWithin(real, other) || MountTable.IsWithin(other, real))
                throw new PoolException(ErrorId.Usage, $"disks {other} and {path} lie in one another: give separate directories. Nothing was changed");
            if (otherDevice == device && !allowSameDevice)
            {
                throw new PoolException(ErrorId.SameDevice,
                    $"disks {other} and {path} are on one device: its failure takes both, and the policy counts on separate ones. "
                    + "Use one directory per device, or --allow-same-device for a demonstration. Nothing was changed");
            }
        }
    }

    private static DiskLabel Label(string name, PoolId pool, DiskId[] ids, int index, string path, RedundancyScheme scheme, DateTimeOffset now) => new()
    {
        Id = ids[index],
        Pool = pool,
        PoolName = name,
        Name = Path.GetFileName(path) is { Length: > 0 } last ? last : $"disk{index}",
        Index = index,
        Members = ids,
        Scheme = scheme,
        Created = now,
        Health = DiskHealth.New(now, "create"),
    };

    private static void Prepare(LinuxDisk disk, DiskLabel label)
    {
        if (!disk.TryLock())
            throw new PoolException(ErrorId.Locking, $"disk {disk.Name} is being used by another process. Nothing was changed");
        DiskLabelFile.Write(disk, label);
    }

    private static void WriteFirstRoot(PoolId pool, DiskId[] ids, List<LinuxDisk> disks, RedundancyScheme scheme, bool noFsync, TimeProvider? time)
    {
        var members = new List<MemberDisk>();
        for (int i = 0; i < disks.Count; i++)
            members.Add(new MemberDisk(i, ids[i], disks[i].Name, disks[i], DiskState.Healthy, new DiskQueue(disks[i].Name, threads: 1)));
        try
        {
            int[] metadataDisks = [.. Enumerable.Range(0, Math.Min(disks.Count, scheme.Tolerance + 1))];
            using MetadataStore store = MetadataStore.Create(pool, members, new PoolShape(ids, scheme, metadataDisks), new MetadataOptions(NoFsync: noFsync, Time: time));
        }
        finally
        {
            // The disks themselves stay open: they may have to be taken back.
            foreach (MemberDisk member in members)
                member.Queue.Dispose();
        }
    }

    private static CreateReport Report(string name, PoolId pool, DiskId[] ids, List<LinuxDisk> disks, RedundancyScheme scheme) => new(
        Schema.Version, name, pool.Value, scheme.ToString(), scheme.Tolerance,
        [
            .. disks.Select((disk, index) =>
            {
                DiskSpace space = disk.Space();
                return new DiskStatus
                {
                    Index = index,
                    Id = ids[index].Value,
                    Path = disk.Name,
                    Present = true,
                    State = DiskStateName.Of(DiskState.Healthy),
                    Metadata = index <= scheme.Tolerance,
                    TotalBytes = space.TotalBytes,
                    AvailableBytes = space.AvailableBytes,
                };
            }),
        ]);

    private static DiskLabel? LabelAt(string path)
    {
        try
        {
            using LinuxDisk disk = LinuxDisk.Attach(path);
            return DiskLabelFile.Read(disk);
        }
        catch (Exception e) when (e is PoolException or CorruptionException or DiskException)
        {
            return null;
        }
    }

    private static void RemoveAll(List<LinuxDisk> made)
    {
        foreach (LinuxDisk disk in made)
        {
            try
            {
                disk.RemoveFormat();
            }
            catch (Exception e) when (e is DiskException or PoolException)
            {
                // The failure that led here is the one to report; a disk that cannot even be cleaned says so at the next create.
            }
        }
    }
}
