using DynamicFs.Admin;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Interop;
using DynamicFs.Maintenance;
using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging;

namespace DynamicFs;

/// <summary>How to open a pool.</summary>
public sealed record PoolOpening
{
    /// <summary>Name of a registered pool, or the absolute path of any member disk (several with ':' between them).</summary>
    public required string Source { get; init; }

    public bool ReadOnly { get; init; }

    /// <summary>Only look at metadata and extents: no files, no journal replay, nothing is changed.</summary>
    public bool InspectOnly { get; init; }

    /// <summary>Open read-only even with fewer disks than the policy needs.</summary>
    public bool Degraded { get; init; }

    public bool AcceptRollBack { get; init; }

    /// <summary>How long to wait for disks that are not there yet.</summary>
    public TimeSpan WaitDisks { get; init; }

    /// <summary>How long to wait for another process to let go of the disks: a daemon that was just told to unmount.</summary>
    public TimeSpan WaitLock { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Only the pool itself is changed, no file: then too few healthy disks for data are no reason to refuse.</summary>
    public bool Administer { get; init; }

    /// <summary>A disk (number, path, id) to be used as if it were HEALTHY: an operator is about to say so. Else a pool with too few healthy disks could never get them back.</summary>
    public string? Revive { get; init; }

    /// <summary>Reading leaves the access time alone; else it follows relatime.</summary>
    public bool NoAtime { get; init; }

    /// <summary>DYNFS_NO_FSYNC=1: nothing is synced. Loud, never stored.</summary>
    public bool NoFsync { get; init; }

    /// <summary>Verify what was written from the medium instead of the page cache.</summary>
    public bool VerifyDirect { get; init; }
}

/// <summary>
/// An open pool: the only place that builds every layer, starts them in order (disks, metadata, extents, files, watch, maintenance) and ends them in reverse.
/// While it is open all its disks are locked; a second opener gets E_LOCKING and changes nothing.
/// </summary>
public sealed partial class Pool : IDisposable
{
    private readonly PoolOpening _opening;
    private readonly PoolRegistry _registry;
    private readonly MemberTable _members;
    private readonly MetadataStore _metadata;
    private readonly ExtentStore _extents;
    private readonly ExtentCatalog _catalog;
    private readonly FileSystem? _files;
    private readonly PoolWatch? _watch;
    private readonly Workers? _workers;
    private readonly PoolHealth _health;
    private readonly DiskWatchdog _watchdog;
    private readonly List<string> _warnings;
    private readonly string? _readOnlyReason;
    private readonly ILogger _log;
    private readonly Lock _remembering = new();
    private bool _isClosed;

    private Pool(PoolOpening opening, PoolRegistry registry, PoolMembers members, ILoggerFactory loggers, TimeProvider time)
    {
        (_opening, _registry, _members, _warnings, _readOnlyReason) = (opening, registry, members.Disks, members.Warnings, members.ReadOnlyReason);
        (Id, Name, _watchdog, _log) = (members.Pool, members.Name, members.Watchdog, loggers.CreateLogger("DynamicFs.Pool"));
        if (opening.NoFsync)
            _warnings.Add("DYNFS_NO_FSYNC=1: nothing is synced; a power cut can lose the whole pool");
        bool isReadOnly = opening.ReadOnly || opening.InspectOnly || _readOnlyReason is not null;
        Generation newestSeen = opening.AcceptRollBack ? Generation.None : registry.NewestSeen(Id);
        Generation givenUp = opening.AcceptRollBack ? registry.NewestSeen(Id) : Generation.None;
        _metadata = MetadataStore.Open(Id, _members, newestSeen, new MetadataOptions(NoFsync: opening.NoFsync, Time: time, ReadOnly: isReadOnly, GivenUp: givenUp, Witness: Witness));
        try
        {
            if (newestSeen == Generation.None && !isReadOnly && registry.NewestSeen(Id) > _metadata.Root.Generation)
                registry.Remove(Id);
            _health = new PoolHealth(members, _metadata, loggers.CreateLogger("DynamicFs.Disks"));
            Revive(opening.Revive);
            _metadata.ProblemReported += problem => LogWarning(_log, Name, problem);
            _extents = new ExtentStore(Id, _members, new ExtentStoreOptions(opening.VerifyDirect, opening.NoFsync));
            _catalog = new ExtentCatalog(_metadata.Pool);
            if (opening.InspectOnly)
                return;
            _files = new FileSystem(new FileSystemParts(_metadata, _extents, time, loggers.CreateLogger("DynamicFs.Files"))
            {
                IsReadOnly = isReadOnly,
                AccessTimes = opening.NoAtime ? AccessTimePolicy.None : AccessTimePolicy.Relative,
                RootOwner = (LibcFuse.EffectiveUserId, LibcFuse.EffectiveGroupId),
                BeforePublish = _health.BeforePublish,
                MayLackDisks = opening.Administer,
            });
            _files.Start();
            _watch = new PoolWatch(this, _log);
            _health.Start(_files, FinishReplacements);
            _workers = new Workers(new MaintenanceParts(_files, _extents, _metadata, _members, time, loggers.CreateLogger("DynamicFs.Maintenance"))
            {
                Crew = new MaintenanceCrew(Workers.HelperCount),
            });
            _workers.Start();
        }
        catch
        {
            _extents?.Dispose();
            _metadata.Dispose();
            throw;
        }
    }

    public PoolId Id { get; }
    public string Name { get; }

    public FileSystem Files => _files ?? throw new InvariantException("a pool opened for inspection has no files");

    /// <summary>The newest committed generation.</summary>
    public Generation Generation => _metadata.Root.Generation;

    internal IReadOnlyList<MemberDisk> Members => _members;
    internal MetadataStore Metadata => _metadata;
    internal ExtentStore Extents => _extents;
    internal ExtentCatalog Catalog => _files?.Catalog ?? _catalog;
    internal PoolHealth Health => _health;

    public static Pool Open(PoolOpening opening, PoolRegistry registry, ILoggerFactory loggers, TimeProvider? time = null)
    {
        ILogger log = loggers.CreateLogger("DynamicFs.Pool");
        PoolMembers members = PoolMembers.Lock(opening, registry, log);
        try
        {
            var pool = new Pool(opening, registry, members, loggers, time ?? TimeProvider.System);
            foreach (string warning in pool.Warnings())
                LogWarning(log, pool.Name, warning);
            pool.Remember();
            return pool;
        }
        catch
        {
            members.Dispose();
            throw;
        }
    }

    /// <summary>A full commit. Throws the reason when it cannot be had.</summary>
    public void Commit()
    {
        if (Files.SyncAll() != Errno.None)
            throw Files.Failure ?? new PoolException(ErrorId.Io, $"pool {Name}: the commit failed; the log says why");
    }

    /// <summary>The last commit, then the end of everything. Throws when something acknowledged could not be made durable.</summary>
    public void Close()
    {
        if (_isClosed)
            return;
        _isClosed = true;
        try
        {
            _workers?.Dispose();
            _watch?.Dispose();
            _health.Stop();
            _files?.Stop();
            if (_files?.Failure is { } failure)
                throw new PoolException(failure.Id, failure.Message, failure);
            Remember();
        }
        finally
        {
            _health.Dispose();
            _extents.Dispose();
            _metadata.Dispose();
            foreach (MemberDisk member in _members)
                member.Dispose();
            _watchdog.Dispose();
        }
    }

    /// <summary>As <see cref="Close"/>; who wants to know whether the last commit went well calls that.</summary>
    public void Dispose()
    {
        try
        {
            Close();
        }
        catch (Exception e) when (e is PoolException or DiskException or CorruptionException)
        {
            // Logged by the commit; the state on disks is the last good one.
        }
    }

    /// <summary>Writes the paths and the newest generation to the registry; what cannot be written is lost from a cache only.</summary>
    internal void Remember(bool durable = false) => Remember(Generation, durable);

    /// <summary>A commit is about to count that the disks which are away could be mounted without.</summary>
    private void Witness(Generation generation) => Remember(generation, durable: true);

    private void Remember(Generation generation, bool durable)
    {
        if (_opening.InspectOnly)
            return;
        try
        {
            using Lock.Scope one = _remembering.EnterScope();
            RegisteredPool? known = _registry.Find(Id);
            var disks = CurrentMembers.Select(m => new RegisteredDisk(m.Id.Value, m.IsPresent ? m.Name : known?.Disks.FirstOrDefault(d => d.Id == m.Id.Value)?.Path ?? m.Name));
            // With a disk away, this witness may be all that tells an old set of disks from a new one after a power cut.
            bool isWitness = CurrentMembers.Any(m => !m.IsPresent);
            _registry.Save(new RegisteredPool(RegisteredPool.CurrentSchemaVersion, Id.Value, Name, [.. disks], generation.Value), durable: durable || isWitness);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            AddWarning($"the registry in {_registry.State.Path} cannot be written ({e.Message}): the pool can still be mounted by a disk's path");
        }
    }

    private void AddWarning(string warning)
    {
        lock (_warnings)
        {
            if (!_warnings.Contains(warning))
                _warnings.Add(warning);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "pool {Pool}: {Warning}")]
    private static partial void LogWarning(ILogger log, string pool, string warning);
}
