using DynamicFs.Extents;
using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging;

namespace DynamicFs.Files;

/// <summary>
/// Makes what was acknowledged durable: full commits (a few seconds after the first change, when much is dirty, or on request) and journal rounds (fsync).
/// One of them runs at a time; who waits for durability shares the round that starts after its request. Operations go on meanwhile, except for the
/// short moment in which a transaction is closed.
/// </summary>
/// <remarks>
/// Keeps true:
/// <list type="number">
/// <item>A root, and a journal batch, names only extents whose fragments and names are durable (I3).</item>
/// <item>A round covers every change that was finished when its moment under the exclusive gate came, and nothing later (I12).</item>
/// <item>Fragments are deleted only when the newest durable root says that no kept root needs them (I4).</item>
/// <item>After a failure nothing is committed any more: the filesystem turns read-only, the last durable state stays.</item>
/// </list>
/// </remarks>
internal sealed partial class CommitCoordinator(CommitParts parts) : IDisposable
{
    /// <summary>Nothing is older than this when the machine dies, fsync or not.</summary>
    public static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(5);

    public const int KeptRoots = 16;
    public const int KeptRootsUnderPressure = 2;

    private const int MaxBatchBytes = 1 << 20;
    private const int DeletesPerCommit = 4096;
    private static readonly TimeSpan _tick = TimeSpan.FromMilliseconds(250);

    private readonly Lock _round = new();
    private readonly Lock _deleteLock = new();
    private readonly HashSet<(ExtentId Extent, Generation Death)> _deleted = [];
    private readonly HashSet<ParkedFragment> _left = [];
    private readonly JournalPayload _payload = new();
    private readonly ManualResetEventSlim _wake = new();
    private readonly ManualResetEventSlim _stop = new();
    private Thread? _thread;
    private long _requests;
    private long _covered;
    private long _parkedBytes;
    private TimeSpan? _dirtyAge;
    private volatile PoolException? _failure;
    private volatile bool _wantsMirrors;

    /// <summary>Why nothing is committed any more; null while all is well.</summary>
    public PoolException? Failure => _failure;

    /// <summary>Bytes of dead extents that commits under pressure would free.</summary>
    public long ParkedBytes => Interlocked.Read(ref _parkedBytes);

    /// <summary>Rounds since the start, for metrics and tests.</summary>
    public long CommitCount { get; private set; }
    public long JournalBatchCount { get; private set; }

    public void Start()
    {
        foreach ((ExtentId extent, _) in parts.Catalog.Parked(new Generation(ulong.MaxValue), int.MaxValue))
            _parkedBytes += parts.Catalog.Find(extent)?.LengthBytes ?? 0;
        _thread = new Thread(Run) { Name = "commit", IsBackground = true };
        _thread.Start();
    }

    /// <summary>fsync: everything finished before this call is durable on return.</summary>
    public void Sync()
    {
        long ticket = Interlocked.Increment(ref _requests);
        lock (_round)
        {
            ThrowIfFailed();
            if (_covered < ticket)
                Guarded(JournalRound);
        }
    }

    /// <summary>sync: as <see cref="Sync"/>, by a full commit.</summary>
    public void Commit(int keptRoots = KeptRoots, bool force = false)
    {
        lock (_round)
        {
            ThrowIfFailed();
            Guarded(() => CommitRound(keptRoots, force));
        }

        // After the round, so that it leaves changes for the next one as long as there is something to free.
        parts.FreeUnfinished();

        try
        {
            DeleteParked();
            DeleteLeft();
        }
        catch (Exception e) when (e is PoolException or CorruptionException or DiskException)
        {
            // What was committed stays committed; the fragments stay parked and are deleted after a later commit.
            LogDeleteFailed(parts.Log, e.Message);
        }
    }

    /// <summary>Space is short: gives up the roots that are kept for rewinding, so that what was deleted becomes free.</summary>
    public void Reclaim()
    {
        Commit(KeptRootsUnderPressure, force: true);
        Commit(KeptRootsUnderPressure, force: true);
        LogReclaimed(parts.Log, parts.Metadata.Root.Generation);
    }

    /// <summary>Asks the commit thread to look now instead of at its next tick: much is dirty.</summary>
    public void Hurry() => _wake.Set();

    /// <summary>The next commit elects metadata disks for those that are missing, whatever there is to copy.</summary>
    public void RequestMirrors() => _wantsMirrors = true;

    /// <summary>One look of the background thread: commits when changes are old enough or much is dirty. <paramref name="elapsed"/> since the last look.</summary>
    public void Step(TimeSpan elapsed)
    {
        if (_failure is not null)
            return;
        if (!HasChanges)
        {
            _dirtyAge = null;
            return;
        }

        _dirtyAge = _dirtyAge is { } age ? age + elapsed : TimeSpan.Zero;
        bool isOld = _dirtyAge + _tick + _tick > MaxAge;
        bool isMuch = parts.Metadata.DirtyBytes > parts.Limits.DirtyPageBytes || parts.Inodes.DirtyCount > parts.Limits.DirtyInodes;
        if (!isOld && !isMuch)
            return;
        _dirtyAge = null;
        try
        {
            Commit();
        }
        catch (Exception e)
        {
            // The round keeps its failure and logs it; whoever writes or syncs next is told.
            _failure ??= e as PoolException ?? new PoolException(ErrorId.Internal, e.Message, e);
            parts.TurnReadOnly();
        }
    }

    public void Dispose()
    {
        _stop.Set();
        _wake.Set();
        _thread?.Join();
        _wake.Dispose();
        _stop.Dispose();
    }

    private bool HasChanges => _wantsMirrors || parts.Notes.IsUrgent || parts.Moves.ProposedCount > 0 || parts.Inodes.DirtyCount > 0 || parts.Contents.DirtyCount > 0 || parts.Assembler.HasExtents || parts.Accounts.Count > 0
        || parts.Journal.BatchCount > 0 || parts.Metadata.Namespace.Changes.SizeBytes > 0 || parts.Metadata.Namespace.Changes.HasOverflowed;

    private void Run()
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        while (!_stop.IsSet)
        {
            _wake.Wait(_tick);
            _wake.Reset();
            TimeSpan elapsed = clock.Elapsed;
            clock.Restart();
            Step(elapsed);
        }
    }

    private void ThrowIfFailed()
    {
        if (_failure is { } failure)
            throw new PoolException(failure.Id, failure.Message, failure);
    }

    private void Guarded(Action round)
    {
        try
        {
            round();
        }
        catch (Exception e)
        {
            // Whatever stopped the round, the state in memory may be ahead of what can be committed: never try again on top of it.
            PoolException failure = e as PoolException ?? new PoolException(e is CorruptionException ? ErrorId.Corrupt : ErrorId.Io, e.Message, e);
            _failure = failure;
            parts.TurnReadOnly();
            LogFailed(parts.Log, failure.Id.Name, parts.Metadata.Root.Generation, e);
            throw failure;
        }
    }

    private void JournalRound()
    {
        WriteAhead();
        bool isFull;
        long covered;
        ExtentBuilder[] builders = [];
        using (parts.Gate.EnterExclusive())
        {
            parts.Inodes.WriteDirty();
            covered = Volatile.Read(ref _requests);
            TreeChanges changes = parts.Metadata.Namespace.Changes;
            long freshBytes = FreshBytes();
            isFull = changes.HasOverflowed || parts.Journal.HasOverflowed || parts.Accounts.Count > 4096
                || freshBytes + changes.SizeBytes > MaxBatchBytes || !parts.Metadata.JournalHasRoom((int)(freshBytes + changes.SizeBytes) * 2 + MaxBatchBytes);
            bool isNothing = freshBytes == 0 && changes.SizeBytes == 0 && !changes.HasOverflowed && !parts.Assembler.HasExtents;
            if (isNothing)
            {
                _covered = covered;
                return;
            }

            if (!isFull)
            {
                parts.Assembler.Flush();
                builders = parts.Assembler.OfTransaction();
                CollectBatch(changes);
            }
        }

        if (!isFull)
        {
            FinishExtents(builders);
            CollectExtents(builders);
            isFull = !Canary.Is("acknowledged-before-durable") && !parts.Metadata.AppendJournal(_payload.Bytes);
        }

        if (isFull)
        {
            CommitRound(KeptRoots, force: true);
            return;
        }

        JournalBatchCount++;
        _covered = covered;
    }

    private void CommitRound(int keptRoots, bool force)
    {
        // Most of the work is done in the shared gate, so that the exclusive moment finds little left.
        using (parts.Gate.EnterShared())
            AssignDirty();
        WriteAhead();
        long covered;
        FrozenTransaction frozen;
        List<ExtentBuilder> builders;
        Dictionary<ExtentId, long> accounts;
        using (parts.Gate.EnterExclusive())
        {
            AssignDirty();
            parts.Inodes.WriteDirty();
            covered = Volatile.Read(ref _requests);
            if (!force && !HasChanges)
            {
                _covered = covered;
                return;
            }

            frozen = parts.Metadata.Freeze(Counters());
            builders = parts.Assembler.CloseTransaction(parts.Metadata.CurrentTransaction);
            accounts = parts.Accounts.Take();
            parts.Metadata.Namespace.Changes.Reset();
            parts.Journal.Reset();
            if (parts.Inodes.IsOverfull)
                parts.Inodes.Trim();
        }

        FinishExtents(builders);
        KillPoint.Reach("commit-before-pages");
        parts.BeforePublish?.Invoke();
        HashSet<ExtentId> published = UpdateCatalog(frozen, accounts, builders);
        if (_wantsMirrors)
        {
            _wantsMirrors = false;
            parts.Metadata.RestoreMirrors();
        }

        List<RestoredExtent> moved = parts.Moves.Take();
        List<RestoredExtent> refused = UpdatePlaces(frozen.Generation, moved);
        if (moved.Count > 0)
            KillPoint.Reach("rebuild-in-commit");
        parts.Notes.Apply();
        parts.Metadata.Commit(frozen, keptRoots);
        parts.Assembler.Published(published);
        parts.Moves.Published(moved, refused);
        CommitCount++;
        _covered = covered;
    }

    private void WriteAhead()
    {
        using (parts.Gate.EnterShared())
            parts.Inodes.WriteDirtyAhead();
    }

    private void AssignDirty()
    {
        for (int count = parts.Contents.DirtyCount; count > 0; count--)
        {
            Inode? inode = parts.Contents.TakeDirty();
            if (inode is null)
                return;
            lock (inode.Lock)
            {
                parts.Contents.Assign(inode);
                if (!inode.IsRemoved)
                    parts.Inodes.MarkDirty(inode);
            }
        }
    }

    private RootCounters Counters()
    {
        RootCounters last = parts.Metadata.Root.Counters;
        return last with { NextInode = parts.Inodes.NextInode, NextExtent = parts.Assembler.NextExtent, InodeCount = parts.Inodes.InodeCount };
    }

    private long FreshBytes()
    {
        long bytes = 0;
        foreach (Inode inode in parts.Contents.DirtyInodes())
        {
            if (inode.Data is not { } data)
                continue;
            foreach (Segment segment in data.Dirty.Segments)
                bytes += segment.FreshTo - segment.FreshFrom;
        }

        return bytes;
    }

    private void CollectBatch(TreeChanges changes)
    {
        _payload.Begin(parts.Inodes.NextInode, parts.Assembler.NextExtent);
        foreach ((ExtentId extent, long change) in parts.Accounts.Snapshot())
            _payload.AddAccount(extent, change);
        foreach ((byte[] key, byte[]? value) in changes.Take())
        {
            if (value is null)
                _payload.AddDelete(key);
            else
                _payload.AddPut(key, value);
        }

        parts.Journal.Take(_payload.AddDrop);
        foreach (Inode inode in parts.Contents.DirtyInodes())
        {
            if (inode.Data is not { } data)
                continue;
            foreach (Segment segment in data.Dirty.Segments)
            {
                if (!segment.IsFresh)
                    continue;
                _payload.AddData(inode.Number, segment.FreshOffset, segment.FreshBytes);
                (segment.FreshFrom, segment.FreshTo) = (0, 0);
            }
        }
    }

    private void CollectExtents(ExtentBuilder[] builders)
    {
        Span<byte> value = stackalloc byte[Tree.MaxValueBytes];
        foreach (ExtentBuilder builder in builders)
        {
            if (!parts.Journal.JournaledExtents.Add(builder.Id))
                continue;
            if (!parts.Assembler.TryGetRecord(builder.Id, out ExtentRecord? record))
                throw new InvariantException($"extent {builder.Id} is written but has no record");
            int length = ExtentRecordFormat.Write(value, record!);
            _payload.AddExtent(value[..length]);
        }
    }

    /// <summary>Waits for the fragments of the extents and makes their names durable; what lost too many fragments is written once more.</summary>
    private void FinishExtents(IReadOnlyCollection<ExtentBuilder> builders)
    {
        if (builders.Count == 0)
            return;
        ExtentAssembler.WaitWritten(builders);
        IReadOnlyList<ExtentId> weak = parts.Store.SyncDirectories();
        foreach (ExtentId extent in weak)
            WriteAgain(extent);
        if (weak.Count > 0 && parts.Store.SyncDirectories().Count > 0)
            throw new PoolException(ErrorId.MinWrite, "the directories of new fragments could not be synced on enough disks");
    }

    private void WriteAgain(ExtentId extent)
    {
        if (!parts.Assembler.TryGetRecord(extent, out ExtentRecord? record))
            throw new InvariantException($"extent {extent} lost fragments but is none of this transaction");
        using var buffer = new NativeBuffer(ExtentStore.MaxExtentBytes);
        parts.Store.Read(record!, 0, buffer.Span[..record!.LengthBytes]);
        parts.Assembler.AddUnpublished(parts.Store.Write(extent, record.Birth, record.Scheme, buffer, record.LengthBytes, record.DirectoryOffset));
    }

    /// <summary>Brings the pool tree up to date with a closed transaction. Returns the extents that it knows now.</summary>
    private HashSet<ExtentId> UpdateCatalog(FrozenTransaction frozen, Dictionary<ExtentId, long> accounts, List<ExtentBuilder> builders)
    {
        lock (_deleteLock)
        {
            foreach ((ExtentId extent, Generation death) in _deleted)
                parts.Catalog.Remove(extent, death);
            _deleted.Clear();
            foreach (ParkedFragment fragment in _left)
                parts.Catalog.Remove(fragment);
            _left.Clear();
        }

        var published = new HashSet<ExtentId>();
        foreach (ExtentBuilder builder in builders)
            published.Add(builder.Id);
        foreach (ExtentRecord journaled in parts.Assembler.Unpublished)
        {
            if (journaled.Birth <= frozen.Generation)
                published.Add(journaled.Id);
        }

        foreach (ExtentId extent in published)
        {
            if (!parts.Assembler.TryGetRecord(extent, out ExtentRecord? record))
                throw new InvariantException($"extent {extent} of this transaction has no record");
            parts.Catalog.Put(record!);
            accounts.TryAdd(extent, 0);
        }

        foreach ((ExtentId extent, long change) in accounts)
        {
            ExtentRecord record = parts.Catalog.Find(extent) ?? throw new InvariantException($"extent {extent} changed but is not in the pool");
            frozen.AddUsed(change);
            if (parts.Catalog.AddLive(extent, change, frozen.Generation, isNew: published.Contains(extent)) == 0)
            {
                Interlocked.Add(ref _parkedBytes, record.LengthBytes);
                if (Canary.Is("extent-deleted-when-dead"))
                    parts.Store.Delete(record);
            }
        }

        return published;
    }

    /// <summary>Publishes new places of fragments. Returns those of extents that died meanwhile.</summary>
    private List<RestoredExtent> UpdatePlaces(Generation generation, List<RestoredExtent> moved)
    {
        var refused = new List<RestoredExtent>();
        foreach (RestoredExtent extent in moved)
        {
            if (parts.Catalog.Find(extent.Before.Id) is not { } current || parts.Catalog.LiveBytes(current.Id) == 0)
            {
                refused.Add(extent);
                continue;
            }

            Invariant.Check(current.Fragments.AsSpan().SequenceEqual(extent.Before.Fragments), "only who holds an extent changes its places");
            parts.Catalog.Put(extent.After);
            for (int i = 0; i < current.Fragments.Length; i++)
            {
                FragmentPlace old = current.Fragments[i];
                if (!old.IsPlaced || old.DiskIndex == extent.After.Fragments[i].DiskIndex)
                    continue;
                parts.Catalog.Park(new ParkedFragment(current.Id, i, old.DiskIndex, generation));
                if (Canary.Is("moved-fragment-deleted-early"))
                    parts.Store.DeleteFragment(current.Id, i, old.DiskIndex);
            }
        }

        return refused;
    }

    /// <summary>Deletes the files that fragments left behind when they moved, and those of moves that came to nothing.</summary>
    private void DeleteLeft()
    {
        foreach (RestoredExtent refused in parts.Moves.TakeRefused())
        {
            for (int i = 0; i < refused.After.Fragments.Length; i++)
            {
                FragmentPlace place = refused.After.Fragments[i];
                if (place.DiskIndex != refused.Before.Fragments[i].DiskIndex)
                    parts.Store.DeleteFragment(refused.After.Id, i, place.DiskIndex);
            }
        }

        var deleted = new List<ParkedFragment>();
        foreach (ParkedFragment fragment in parts.Catalog.ParkedFragments(Canary.Is("moved-fragment-deleted-while-kept") ? parts.Metadata.Root.Generation : parts.Metadata.Root.OldestKept, DeletesPerCommit))
        {
            lock (_deleteLock)
            {
                if (_left.Contains(fragment))
                    continue;
            }

            // Who holds the extent may be about to put the fragment back to this very disk.
            if (!parts.Moves.TryHold(fragment.Extent))
                continue;
            try
            {
                bool isNamedAgain = parts.Catalog.Find(fragment.Extent) is { } record && record.Fragments[fragment.Index].DiskIndex == fragment.DiskIndex;
                KillPoint.Reach("rebuild-before-delete");
                if (!isNamedAgain)
                    parts.Store.DeleteFragment(fragment.Extent, fragment.Index, fragment.DiskIndex);
            }
            finally
            {
                parts.Moves.Release(fragment.Extent);
            }

            deleted.Add(fragment);
        }

        parts.Store.SyncDeletions(deleted.Select(fragment => (fragment.Extent, fragment.DiskIndex)));
        lock (_deleteLock)
            _left.UnionWith(deleted);
    }

    /// <summary>Deletes fragments that no kept root needs any more. The entries go with the next commit; until then deleting them again does no harm.</summary>
    private void DeleteParked()
    {
        var deleted = new List<(ExtentRecord Record, Generation Death)>();
        foreach ((ExtentId extent, Generation death) in parts.Catalog.Parked(Canary.Is("extent-deleted-while-kept") ? parts.Metadata.Root.Generation : parts.Metadata.Root.OldestKept, DeletesPerCommit))
        {
            lock (_deleteLock)
            {
                if (_deleted.Contains((extent, death)))
                    continue;
            }

            if (parts.Catalog.Find(extent) is not { } record || parts.Moves.IsHeld(extent))
                continue;
            Invariant.Check(parts.Catalog.LiveBytes(extent) == 0, "only a dead extent is deleted");
            KillPoint.Reach("delete-before-fragments");
            parts.Store.Delete(record);
            KillPoint.Reach("delete-after-fragments");
            deleted.Add((record, death));
        }

        // A record that went while a power cut can still bring its fragments back would leave them to nobody.
        parts.Store.SyncDeletions(deleted.SelectMany(extent => extent.Record.Fragments.Where(place => place.IsPlaced).Select(place => (extent.Record.Id, (int)place.DiskIndex))));
        lock (_deleteLock)
        {
            foreach ((ExtentRecord record, Generation death) in deleted)
            {
                if (parts.Catalog.Find(record.Id) is not null && _deleted.Add((record.Id, death)))
                    Interlocked.Add(ref _parkedBytes, -record.LengthBytes);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "{Id}: the commit after generation {Generation} failed; the pool is READ_ONLY now, everything up to that generation is safe. Find the disk in the lines above, then unmount, mend and mount again")]
    private static partial void LogFailed(ILogger log, string id, Generation generation, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "fragments of dead extents stay for now: {Reason}")]
    private static partial void LogDeleteFailed(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "space is short: roots older than generation {Generation} were given up to free what was deleted")]
    private static partial void LogReclaimed(ILogger log, Generation generation);
}

/// <summary>What a <see cref="CommitCoordinator"/> works with.</summary>
internal sealed record CommitParts(
    TransactionGate Gate,
    InodeTable Inodes,
    FileContents Contents,
    ExtentAssembler Assembler,
    ExtentAccounts Accounts,
    ExtentCatalog Catalog,
    ExtentMoves Moves,
    PoolNotes Notes,
    ExtentStore Store,
    MetadataStore Metadata,
    JournalLog Journal,
    FileSystemLimits Limits,
    ILogger Log,
    Action FreeUnfinished,
    Action TurnReadOnly,
    Action? BeforePublish = null);
