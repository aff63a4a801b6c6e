using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Maintenance;
using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DynamicFs.CrashTests;

/// <summary>
/// The whole engine without the kernel on top, on any disks, single-threaded: every disk call happens in a reproducible order. Null stands for a missing disk.
/// </summary>
public sealed partial class EnginePool : IDisposable
{
    private readonly MetadataStore _metadata;
    private readonly ExtentStore _extents;
    private readonly MemberTable _members;

    private static readonly string[] _folders = [DiskLayout.Fragments, DiskLayout.Temporary, DiskLayout.Quarantine];

    private readonly PoolId _pool;

    private EnginePool(PoolId pool, MemberTable members, MetadataStore metadata, TimeProvider time, bool isReadOnly, bool readsBackDirect)
    {
        (_pool, _members, _metadata) = (pool, members, metadata);
        metadata.ProblemReported += problem => LogProblem(Log, problem);
        foreach (string problem in metadata.Problems)
            LogProblem(Log, problem);
        _extents = new ExtentStore(pool, members, new ExtentStoreOptions(DirectReadBack: readsBackDirect, Time: time, Random: new Random(1)));
        Files = new FileSystem(new FileSystemParts(metadata, _extents, time, Log)
        {
            IsReadOnly = isReadOnly,
            Limits = new FileSystemLimits(CachedInodes: 1024, ExtentBuffers: 4, ExtentWriters: 0) { ExtentBytes = 128 << 10, SmallExtentBytes = 24 << 10, MergeBytes = 64 << 10, MergeCount = 8 },
        });
        Files.Start();
        var parts = new MaintenanceParts(Files, _extents, metadata, members, time, Log);
        (Rebuilder, Rebalancer, Scrubber, Audit, Orphans) = (new Rebuilder(parts), new Rebalancer(parts), new Scrubber(parts), parts.Audit, new OrphanCollector(parts));
        Sweep = new OrphanSweep(parts, Orphans);
    }

    /// <summary>Where the engine's log goes when a single state is looked at.</summary>
    public static ILogger Log { get; set; } = NullLogger.Instance;

    public FileSystem Files { get; }

    public IReadOnlyList<MemberDisk> Members => _members;

    internal Rebuilder Rebuilder { get; }

    internal Rebalancer Rebalancer { get; }

    internal Scrubber Scrubber { get; }

    internal AuditLog Audit { get; }

    internal OrphanCollector Orphans { get; }

    internal OrphanSweep Sweep { get; }

    /// <summary>Steps the rebuild until it has nothing to do, with the commits that it waits for. True when it did something.</summary>
    public bool Rebuild() => Run(Rebuilder.Step);

    /// <summary>Verifies everything, with the commits that it waits for.</summary>
    internal ScrubStatus Scrub(bool repairs) => Scrub(new ScrubRequest { Repairs = repairs });

    internal ScrubStatus Scrub(ScrubRequest request)
    {
        Scrubber.Request(request);
        Run(Scrubber.Step);
        return Scrubber.Status;
    }

    internal RebalanceStatus Rebalance()
    {
        Rebalancer.Request();
        Run(Rebalancer.Step);
        return Rebalancer.Status;
    }

    /// <summary>Verifies everything and repairs it, also while disks fail: ends a scrub that a crash interrupted first. Null when it did not come to its end.</summary>
    /// <param name="drive">Steps a worker until it is at rest; false when that cannot be had.</param>
    internal ScrubStatus? TryScrub(Func<Func<StepOutcome>, bool> drive)
    {
        if (Scrubber.Status.IsActive && !drive(Scrubber.Step))
            return null;
        Scrubber.Request(new ScrubRequest { Repairs = true });
        return drive(Scrubber.Step) && Scrubber.Status.Phase == ScrubPhase.Done ? Scrubber.Status : null;
    }

    /// <summary>As <c>disk offline</c>: the pool goes on without the disk.</summary>
    internal void Detach(int index)
    {
        MemberDisk before = _members[index];
        Replace(before, new MemberDisk(index, before.Id, before.Name, null, DiskState.Suspect, new DiskQueue(before.Name, threads: 0)));
    }

    /// <summary>As <c>disk online</c>: a disk that was away, or another opener of the same one, is back.</summary>
    internal void Attach(int index, IDisk disk)
    {
        MemberDisk before = _members[index];
        Replace(before, new MemberDisk(index, before.Id, before.Name, disk, DiskState.Healthy, new DiskQueue(before.Name, threads: 0)));
    }

    /// <summary>As <c>disk add</c>, but for the label: what a joining left that was cut off goes, then its directories, then the commit whose root names it.</summary>
    internal Errno Join(IDisk disk)
    {
        foreach (DiskEntry entry in disk.List("").Where(entry => !_folders.Contains(entry.Name)))
            disk.Unlink(entry.Name);
        foreach (string folder in _folders.Where(folder => disk.List("").Any(entry => entry.Name == folder)))
            RemoveFiles(disk, folder);
        MakeDirectories(disk, _folders.Except(disk.List("").Select(entry => entry.Name)));
        _members.Put(MemberOf(_pool, _members.Count, disk));
        _metadata.ChangeMembers([.. _members.Select(member => member.Id)]);
        return Publish();
    }

    /// <summary>As <c>disk remove</c>, but for the labels and the directory: EBUSY while something names the disk.</summary>
    internal Errno Leave(int index)
    {
        if (Departure.ReferencesAfterReclaim(Files, index) > 0 || _metadata.Root.Shape.MetadataDisks.Contains(index))
            return Errno.EBUSY;
        MemberDisk member = _members[index];
        _members.Put(MemberDisk.Gap(index));
        _metadata.ChangeMembers([.. _members.Select(m => m.Id)]);
        Errno errno = Publish();
        member.Retire();
        _metadata.Detach(member);
        _extents.Detach(index);
        return errno;
    }

    /// <summary>In the order in which an open pool does it: what was being written to the old one is placed elsewhere by the end of a commit.</summary>
    private void Replace(MemberDisk before, MemberDisk after)
    {
        _members.Put(after);
        before.Retire();
        Publish();
        _metadata.Detach(before);
        _extents.Detach(before.Index);
    }

    /// <summary>A commit although no file changed.</summary>
    private Errno Publish()
    {
        try
        {
            Files.Commits.Commit(force: true);
            return Errno.None;
        }
        catch (PoolException)
        {
            return Errno.EIO;
        }
    }

    private bool Run(Func<StepOutcome> step)
    {
        bool isBusy = false;
        while (true)
        {
            switch (step())
            {
                case StepOutcome.Idle:
                    return isBusy;
                case StepOutcome.Waiting:
                    Files.SyncAll();
                    break;
            }

            isBusy = true;
        }
    }

    /// <summary>Writes can be acknowledged on the disks as they are now.</summary>
    public bool CanWrite => !Files.IsReadOnly && _extents.CanWrite(_metadata.Root.Shape.DefaultScheme);

    /// <summary>
    /// Looks at every extent and heals for a while, also while disks fail. True when all that can be healed is.
    /// </summary>
    /// <param name="readsAll">Looks at the data of all fragments too, as a scrub does.</param>
    /// <param name="maxSteps">Gives up after so many.</param>
    public bool TryRebuild(bool readsAll = false, int maxSteps = 60)
    {
        Rebuilder.Request();
        if (readsAll)
        {
            Files.Catalog.ForEach(default, (record, _) =>
            {
                Rebuilder.Suspect(record.Id);
                return true;
            });
        }

        for (int i = 0; i < maxSteps; i++)
        {
            StepOutcome outcome = Rebuilder.Step();
            if (outcome == StepOutcome.Idle)
                return true;
            if (outcome == StepOutcome.Waiting && Files.SyncAll() != Errno.None)
                return false;
        }

        return false;
    }

    public MetadataStore Metadata => _metadata;

    public ExtentStore Extents => _extents;

    /// <summary>Writes generation 1 to empty disks and opens the pool.</summary>
    public static EnginePool Create(PoolId pool, IReadOnlyList<IDisk?> disks, RedundancyScheme scheme, TimeProvider? time = null, bool readsBackDirect = false)
    {
        MemberTable members = MembersOf(pool, disks);
        foreach (IDisk? disk in disks)
            MakeDirectories(disk!, _folders);

        var shape = new PoolShape([.. members.Select(m => m.Id)], scheme, [.. Enumerable.Range(0, Math.Min(disks.Count, scheme.Tolerance + 1))]);
        MetadataOptions options = Options(time, isReadOnly: false);
        using (MetadataStore.Create(pool, members, shape, options))
        {
        }

        return new EnginePool(pool, members, MetadataStore.Open(pool, members, Generation.None, options), time ?? TimeProvider.System, isReadOnly: false, readsBackDirect);
    }

    /// <summary>Opens the pool as a mount does: newest root, journal, leftovers.</summary>
    /// <param name="founders">With so many disks the pool was made; whether these and the others are members says the newest root. Null: all are.</param>
    public static EnginePool Open(
        PoolId pool, IReadOnlyList<IDisk?> disks, TimeProvider? time = null, bool isReadOnly = false, Generation newestSeen = default, bool readsBackDirect = false, int? founders = null)
    {
        IReadOnlyList<DiskId>? ids = founders is null ? null : RootPeek.Newest(disks.OfType<IDisk>().Reverse(), pool)?.Public.Shape.Members;
        disks = [.. disks.Take(ids?.Count ?? founders ?? disks.Count)];
        MemberTable members = MembersOf(pool, disks);
        for (int i = 0; i < ids?.Count; i++)
        {
            if (ids[i].Value == Guid.Empty)
                members.Put(MemberDisk.Gap(i));
        }

        MetadataStore metadata = MetadataStore.Open(pool, members, newestSeen, Options(time, isReadOnly));
        return new EnginePool(pool, members, metadata, time ?? TimeProvider.System, isReadOnly, readsBackDirect);
    }

    /// <summary>Lets go of everything without a last commit, as a crash does.</summary>
    public void Dispose()
    {
        _extents.Dispose();
        _metadata.Dispose();
        foreach (MemberDisk member in _members)
            member.Queue.Dispose();
    }

    private static MetadataOptions Options(TimeProvider? time, bool isReadOnly) => new(CacheBytes: 8 << 20, Time: time, ReadOnly: isReadOnly);

    private static MemberTable MembersOf(PoolId pool, IReadOnlyList<IDisk?> disks) => new(disks.Select((disk, index) => MemberOf(pool, index, disk)));

    private static MemberDisk MemberOf(PoolId pool, int index, IDisk? disk)
    {
        byte[] id = pool.Value.ToByteArray();
        id[0] = (byte)index;
        return new MemberDisk(index, new DiskId(new Guid(id)), $"d{index + 1}", disk, DiskState.Healthy, new DiskQueue($"d{index + 1}", threads: 0));
    }

    private static void RemoveFiles(IDisk disk, string folder)
    {
        foreach (DiskEntry entry in disk.List(folder))
        {
            if (folder == DiskLayout.Fragments)
                RemoveFiles(disk, $"{folder}/{entry.Name}");
            else
                disk.Unlink($"{folder}/{entry.Name}");
        }

        disk.SyncDirectory(folder);
    }

    private static void MakeDirectories(IDisk disk, IEnumerable<string> folders)
    {
        foreach (string folder in folders)
            disk.MakeDirectory(folder);
        disk.SyncDirectory("");
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Problem}")]
    private static partial void LogProblem(ILogger log, string problem);
}
