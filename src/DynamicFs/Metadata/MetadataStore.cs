using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>
/// The metadata of a pool: page files mirrored on the metadata disks, root rings on every disk, the journal, the two trees, and the sequence that
/// makes a transaction durable. Thread rules: trees lock themselves; <see cref="Freeze"/>, <see cref="Commit"/>, <see cref="AppendJournal"/> and
/// <see cref="RestoreMirrors"/> are called by one thread at a time (the commit coordinator in Files); everything else by any.
/// </summary>
/// <remarks>
/// What it keeps true:
/// 1. A page that a kept root reaches is never written, except a copy proven bad, with the very same bytes.
/// 2. Pages are durable on every current metadata disk before a root record that names them is written anywhere.
/// 3. A commit is acknowledged when enough disks have its root record (<see cref="RootQuorum"/>) and not before.
/// 4. A page number is used again only after a root that does not need its old content was acknowledged.
/// 5. A failed write or sync is never tried again on the same file: the disk is given up, and comes back with a new file only.
/// 6. Generations ascend over all histories: a mount that could not see every ring claims the number of its first commit on a quorum of rings, because an unseen
///    ring may hold a record of a commit that was never acknowledged (<see cref="RootClaim"/>).
/// 7. After a commit that could not be made durable nothing changes any more.
/// 8. Read-only never writes to a disk; changes (a journal replay) stay in memory.
/// </remarks>
public sealed partial class MetadataStore : IDisposable
{
    private readonly PoolId _pool;
    private readonly IReadOnlyList<MemberDisk> _members;
    private readonly MetadataOptions _options;
    private readonly TimeProvider _time;
    private readonly MetadataProblems _problems;
    private readonly PageMemory _memory = new();
    private readonly PageCache _cache;
    private readonly PageAllocator _allocator;
    private readonly PageFiles _files;
    private readonly PageStore _pages;
    private readonly RootRings _rings;
    private readonly Journal _journal;
    private readonly MirrorElection _election;

    // What the next commit makes of the members; null leaves them as they are.
    private IReadOnlyList<DiskId>? _nextMembers;

    /// <summary>Disks that cannot be mounted alone unnoticed any more. For the commit thread.</summary>
    private readonly HashSet<DiskId> _witnessed = [];

    // Held by a commit from the choice of the oldest kept root to the release of pages, and by whoever wants roots to stay.
    private readonly Lock _publishLock = new();

    // One inspection at a time; before the publish lock.
    private readonly Lock _inspectLock = new();
    private State _state;
    private ulong _currentTransaction;
    private FrozenTransaction? _frozen;
    private IReadOnlyList<byte[]> _journalBatches = [];
    private RootHold? _hold;

    /// <summary>What a commit publishes: the newest root, the roots kept (newest first, itself included) and the pages of its space map.</summary>
    private sealed record State(Root Newest, IReadOnlyList<Root> Kept, IReadOnlyList<ulong> SpaceMapPages);

    private MetadataStore(
        PoolId pool, IReadOnlyList<MemberDisk> members, MetadataOptions options, MetadataProblems problems, RootRings rings, PageFiles files, PageAllocator allocator, State? state)
    {
        (_pool, _members, _options, _problems, _rings, _files, _allocator) = (pool, members, options, problems, rings, files, allocator);
        _time = options.Time ?? TimeProvider.System;
        _cache = new PageCache(options.CacheBytes, _memory);
        _pages = new PageStore(pool, _cache, _memory, allocator, files);
        _journal = new Journal(pool, files, options);
        _election = new MirrorElection(members, files, allocator, options, problems);
        _state = state!;
        Namespace = null!;
        Pool = null!;
    }

    public Tree Namespace { get; private set; }
    public Tree Pool { get; private set; }

    /// <summary>The newest committed root.</summary>
    public RootRecord Root => Volatile.Read(ref _state).Newest.Public;

    /// <summary>
    /// The transaction that operations go into now: Root.Generation + 1, or + 2 between Freeze and the end of Commit; the first one after a mount that
    /// could not see every root ring is two higher.
    /// </summary>
    public Generation CurrentTransaction => new(Volatile.Read(ref _currentTransaction));

    /// <summary>Payloads of the valid journal batches on top of <see cref="Root"/>, oldest first; to be replayed once after Open.</summary>
    public IReadOnlyList<byte[]> JournalBatches => _journalBatches;

    /// <summary>
    /// Every root ring and every journal could be read whole when the store was opened. Otherwise one that was not seen may hold a commit or a batch that was never
    /// acknowledged, and would win when it is seen again: nothing that it may name is removed before a commit of ours is durable.
    /// </summary>
    public bool SawEverything { get; private set; } = true;

    /// <summary>What was found wrong with single disks while others answered, one line each.</summary>
    public IReadOnlyList<string> Problems => _problems.Texts;

    /// <summary>Raised for each new entry of <see cref="Problems"/>, on the thread that found it.</summary>
    public event Action<string> ProblemReported
    {
        add => _problems.Reported += value;
        remove => _problems.Reported -= value;
    }

    /// <summary>How many metadata disks are missing although there are HEALTHY disks for them. A commit elects them while the metadata is small.</summary>
    public int MissingMirrors => _election.MissingCount(Root.Shape);

    /// <summary>Bad page copies that the next commit mends.</summary>
    public int BadCopies => _files.BadCopyCount;

    /// <summary>Why the store refuses changes, or null.</summary>
    public PoolException? Failure => _pages.Failure;

    /// <summary>Bytes of dirty pages in memory; past a limit the coordinator commits early.</summary>
    public long DirtyBytes => _cache.DirtyBytes;

    /// <summary>Bytes of the page file that are in use, on each metadata disk.</summary>
    public long UsedPageBytes => _allocator.UsedCount * PageFormat.PageBytes;

    /// <summary>
    /// True when a batch of this size can be appended before the next commit. Never before the first commit after Open: batches of two mounts on top of one root
    /// could not be told apart.
    /// </summary>
    public bool JournalHasRoom(int payloadBytes) => _journal.HasRoom(payloadBytes);

    /// <summary>
    /// Makes one batch durable on every current metadata disk, one parallel round. False when a disk failed: the batch must not be acknowledged, the
    /// caller makes a full commit instead.
    /// </summary>
    public bool AppendJournal(ReadOnlySpan<byte> payload)
    {
        CheckChangeable();
        return _journal.Append(payload);
    }

    /// <summary>
    /// The next commit has these members: the list so far with one more at the end, or with an empty id in place of one that leaves. The disks already stand in the
    /// list of members that the store was opened with.
    /// </summary>
    public void ChangeMembers(IReadOnlyList<DiskId> members)
    {
        CheckChangeable();
        Invariant.Check(members.Count >= Root.Shape.Members.Count && members.Count <= RootFormat.MaxMembers, "members keep their index and fit a root record");
        Volatile.Write(ref _nextMembers, members);
    }

    /// <summary>Lets go of every file on a disk, so that it can be unmounted. Nothing is lost that other disks do not have: it is used again only with new files.</summary>
    public void Detach(MemberDisk member)
    {
        lock (_publishLock)
        {
            _rings.Detach(member);
            _files.Detach(member);
        }
    }

    /// <summary>Elects missing metadata disks now, whatever the size of the metadata. They count from the next commit on.</summary>
    public void RestoreMirrors()
    {
        CheckChangeable();
        lock (_publishLock)
            _election.Run(Root.Shape, _state.Kept, mayCopyMuch: true);
    }

    public void Dispose()
    {
        _journal.Dispose();
        _rings.Dispose();
        _files.Dispose();
        _cache.Dispose();
    }

    internal IReadOnlyList<Root> KeptRoots => Volatile.Read(ref _state).Kept;
    internal PageFiles Files => _files;

    private void CheckChangeable()
    {
        if (_options.ReadOnly)
            throw new PoolException(ErrorId.ReadOnly, "the pool is open read-only");
        _pages.ThrowIfRefusing();
    }

    private void StartTrees(Generation transaction, Func<TreeId, Tree> makeTree)
    {
        Namespace = makeTree(TreeId.Namespace);
        Pool = makeTree(TreeId.Pool);
        Volatile.Write(ref _currentTransaction, transaction.Value);
    }
}

/// <summary>Members and default policy of a pool, carried by every root record.</summary>
/// <param name="Members">The disk at each member index; the empty id where a member has left.</param>
public sealed record PoolShape(IReadOnlyList<DiskId> Members, RedundancyScheme DefaultScheme, IReadOnlyList<int> MetadataDisks)
{
    /// <summary>Members that have not left.</summary>
    public int MemberCount => Members.Count(id => id.Value != Guid.Empty);
}

/// <summary>Counters that live in the root record: the next ids that were never used, the live bytes of all extents, the inodes.</summary>
public readonly record struct RootCounters(ulong NextInode, ulong NextExtent, long UsedBytes, long InodeCount);

public sealed record RootRecord(
    Generation Generation,
    DateTimeOffset Time,
    RootCounters Counters,
    PoolShape Shape,
    Generation OldestKept);

public sealed record RootListing(RootRecord Root, string Verdict, IReadOnlyList<int> DiskIndexes);

/// <summary>A closed transaction on its way to the disks.</summary>
public sealed class FrozenTransaction
{
    internal FrozenTransaction(Generation generation, RootCounters counters, FrozenTree @namespace) =>
        (Generation, Counters, Namespace) = (generation, counters, @namespace);

    public Generation Generation { get; }
    internal RootCounters Counters { get; private set; }
    internal FrozenTree Namespace { get; }

    /// <summary>The live bytes change with the pool tree, which stays open until the commit.</summary>
    internal void AddUsed(long changeBytes) => Counters = Counters with { UsedBytes = Counters.UsedBytes + changeBytes };
}

/// <param name="CacheBytes">Most bytes of clean pages kept in memory.</param>
/// <param name="NoFsync">Skips every sync; loud, never stored.</param>
/// <param name="Time">The clock of the root records.</param>
/// <param name="ReadOnly">Never writes to a disk.</param>
/// <param name="GivenUp">
/// The newest generation that the operator agreed to lose: the next commit goes above it, so that the disks that were given up never win over what is written from now on.
/// </param>
/// <param name="Witness">
/// Called before a commit counts which the disks that did not take it could be mounted without: from its return on, something outside of the disks knows the generation. On the commit thread.
/// </param>
public sealed record MetadataOptions(
    int CacheBytes = 96 << 20, bool NoFsync = false, TimeProvider? Time = null, bool ReadOnly = false, Generation GivenUp = default, Action<Generation>? Witness = null);
