using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>
/// The metadata of a pool: page files mirrored on the metadata disks, root rings on every disk, the journal, the two trees, and the sequence that
/// makes a transaction durable. Thread rules: trees lock themselves; <see cref="Freeze"/>, <see cref="Commit"/> and <see cref="AppendJournal"/> are
/// called by one thread at a time (the commit coordinator in Files).
/// </summary>
public sealed class MetadataStore : IDisposable
{
    /// <summary>Writes generation 1 (two empty trees) to a new pool. The disks are already labelled; the caller holds their locks.</summary>
    public static MetadataStore Create(PoolId pool, IReadOnlyList<MemberDisk> members, PoolShape shape, MetadataOptions options) => throw new NotImplementedException();

    /// <summary>
    /// Takes the newest valid root of the present disks and checks that it loads. Throws <see cref="PoolException"/>: NoRoot, RollBack (a present disk, or
    /// <paramref name="newestSeen"/> from the registry, knows a newer generation than can be loaded: the text names disk and number of commits),
    /// Corrupt, Format.
    /// </summary>
    public static MetadataStore Open(PoolId pool, IReadOnlyList<MemberDisk> members, Generation newestSeen, MetadataOptions options) => throw new NotImplementedException();

    public Tree Namespace => throw new NotImplementedException();
    public Tree Pool => throw new NotImplementedException();

    /// <summary>The newest committed root.</summary>
    public RootRecord Root => throw new NotImplementedException();

    /// <summary>The transaction that operations go into now: Root.Generation + 1, or + 2 between Freeze and the end of Commit.</summary>
    public Generation CurrentTransaction => throw new NotImplementedException();

    /// <summary>Kept roots, newest first, with the disks that hold each and whether its top pages verify.</summary>
    public IReadOnlyList<RootListing> ListRoots() => throw new NotImplementedException();

    /// <summary>Payloads of the valid journal batches on top of <see cref="Root"/>, oldest first; to be replayed once after Open.</summary>
    public IReadOnlyList<byte[]> JournalBatches => throw new NotImplementedException();

    /// <summary>True when a batch of this size can be appended before the next commit.</summary>
    public bool JournalHasRoom(int payloadBytes) => throw new NotImplementedException();

    /// <summary>
    /// Makes one batch durable on every current metadata disk, one parallel round. False when a disk failed: the batch must not be acknowledged, the
    /// caller makes a full commit instead.
    /// </summary>
    public bool AppendJournal(ReadOnlySpan<byte> payload) => throw new NotImplementedException();

    /// <summary>
    /// Closes the namespace transaction (the caller holds the transaction gate): later namespace changes go into the next one. Cheap: no I/O. The pool
    /// tree stays open until <see cref="Commit"/>.
    /// </summary>
    public FrozenTransaction Freeze(in RootCounters counters) => throw new NotImplementedException();

    /// <summary>
    /// Writes the pages of the frozen namespace transaction and of the pool tree, the space map, syncs, writes the root record to all disks, publishes,
    /// and releases the pages of roots that are no longer kept. Throws <see cref="PoolException"/> RootQuorum or Io when it cannot be made durable;
    /// then the store refuses all further changes.
    /// </summary>
    /// <param name="keptRoots">How many roots to keep (16 normally, fewer under space pressure, at least 2).</param>
    public RootRecord Commit(FrozenTransaction frozen, int keptRoots) => throw new NotImplementedException();

    /// <summary>Bytes of dirty pages in memory; past a limit the coordinator commits early.</summary>
    public long DirtyBytes => throw new NotImplementedException();

    /// <summary>Walks both trees and the space map of the newest root, re-hashing every page on every mirror; reports each problem.</summary>
    public void Verify(Action<string> problem) => throw new NotImplementedException();

    public void Dispose() => throw new NotImplementedException();
}

/// <summary>Members and default policy of a pool, carried by every root record.</summary>
public sealed record PoolShape(IReadOnlyList<DiskId> Members, RedundancyScheme DefaultScheme, IReadOnlyList<int> MetadataDisks);

/// <summary>Counters that live in the root record: the next ids that were never used.</summary>
public readonly record struct RootCounters(ulong NextInode, ulong NextExtent, long UsedBytes, long InodeCount);

public sealed record RootRecord(
    Generation Generation,
    DateTimeOffset Time,
    RootCounters Counters,
    PoolShape Shape,
    Generation OldestKept);

public sealed record RootListing(RootRecord Root, string Verdict, IReadOnlyList<int> DiskIndexes);

public sealed class FrozenTransaction
{
    internal FrozenTransaction(Generation generation) => Generation = generation;
    public Generation Generation { get; }
}

/// <param name="CacheBytes">Most bytes of clean pages kept in memory.</param>
public sealed record MetadataOptions(int CacheBytes = 96 << 20, bool NoFsync = false, TimeProvider? Time = null, bool ReadOnly = false);
