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
    private readonly IReadOnlyList<MemberDisk> _members;

    private EnginePool(PoolId pool, IReadOnlyList<MemberDisk> members, MetadataStore metadata, TimeProvider time, bool isReadOnly, bool readsBackDirect)
    {
        (_members, _metadata) = (members, metadata);
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
        IReadOnlyList<MemberDisk> members = MembersOf(pool, disks);
        foreach (IDisk? disk in disks)
        {
            foreach (string folder in (string[])["fragments", "tmp", "quarantine"])
                disk!.MakeDirectory(folder);
            disk!.SyncDirectory("");
        }

        var shape = new PoolShape([.. members.Select(m => m.Id)], scheme, [.. Enumerable.Range(0, Math.Min(disks.Count, scheme.Tolerance + 1))]);
        MetadataOptions options = Options(time, isReadOnly: false);
        using (MetadataStore.Create(pool, members, shape, options))
        {
        }

        return new EnginePool(pool, members, MetadataStore.Open(pool, members, Generation.None, options), time ?? TimeProvider.System, isReadOnly: false, readsBackDirect);
    }

    /// <summary>Opens the pool as a mount does: newest root, journal, leftovers.</summary>
    public static EnginePool Open(PoolId pool, IReadOnlyList<IDisk?> disks, TimeProvider? time = null, bool isReadOnly = false, Generation newestSeen = default, bool readsBackDirect = false)
    {
        IReadOnlyList<MemberDisk> members = MembersOf(pool, disks);
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

    private static List<MemberDisk> MembersOf(PoolId pool, IReadOnlyList<IDisk?> disks)
    {
        var members = new List<MemberDisk>();
        for (int i = 0; i < disks.Count; i++)
        {
            byte[] id = pool.Value.ToByteArray();
            id[0] = (byte)i;
            members.Add(new MemberDisk(i, new DiskId(new Guid(id)), $"d{i + 1}", disks[i], DiskState.Healthy, new DiskQueue($"d{i + 1}", threads: 0)));
        }

        return members;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Problem}")]
    private static partial void LogProblem(ILogger log, string problem);
}
