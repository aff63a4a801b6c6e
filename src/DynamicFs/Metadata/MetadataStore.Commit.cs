using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>The commit sequence: seal, pages, sync, root records, sync, publish, release. Invariants on top of <see cref="MetadataStore"/>.</summary>
public sealed unsafe partial class MetadataStore
{
    /// <summary>
    /// Closes the namespace transaction (the caller holds the transaction gate): later namespace changes go into the next one. Cheap: no I/O. The pool
    /// tree stays open until <see cref="Commit"/>.
    /// </summary>
    public FrozenTransaction Freeze(in RootCounters counters)
    {
        CheckChangeable();
        Invariant.Check(_frozen is null, "one transaction is written at a time");
        Generation generation = CurrentTransaction;
        FrozenTree tree = Namespace.Freeze(generation.Next);
        _allocator.Freeze(generation);
        Volatile.Write(ref _currentTransaction, generation.Next.Value);
        return _frozen = new FrozenTransaction(generation, counters, tree);
    }

    /// <summary>
    /// Writes the pages of the frozen namespace transaction and of the pool tree, the space map, syncs, writes the root record to all disks, publishes,
    /// and releases the pages of roots that are no longer kept. Throws <see cref="PoolException"/> RootQuorum or Io when it cannot be made durable;
    /// then the store refuses all further changes.
    /// </summary>
    /// <param name="keptRoots">How many roots to keep (16 normally, fewer under space pressure, at least 2).</param>
    public RootRecord Commit(FrozenTransaction frozen, int keptRoots)
    {
        CheckChangeable();
        Invariant.Check(frozen == _frozen, "what is committed is what was frozen last");
        Invariant.Check(keptRoots >= 2, "the newest root and the one before it are always kept");
        try
        {
            lock (_publishLock)
                CommitFrozen(frozen, keptRoots);
            return Root;
        }
        catch (PoolException e)
        {
            _pages.Refuse(e);
            throw;
        }
        catch (Exception e)
        {
            var failure = new PoolException(ErrorId.Internal, $"the commit of generation {frozen.Generation} failed: {e.Message}", e);
            _pages.Refuse(failure);
            throw failure;
        }
    }

    private void CommitFrozen(FrozenTransaction frozen, int keptRoots)
    {
        State old = _state;
        FrozenTree poolTree = Pool.Freeze(frozen.Generation.Next);
        PagePointer namespaceRoot = PageSeal.Seal(_pages, frozen.Namespace);
        PagePointer poolRoot = PageSeal.Seal(_pages, poolTree);
        Namespace.TakeSealed(frozen.Namespace);
        Pool.TakeSealed(poolTree);

        Generation oldestKept = ChooseOldestKept(old, frozen.Generation, keptRoots);
        List<PageFrame> spaceMap = BuildSpaceMap(old, frozen.Generation, oldestKept, out PagePointer spaceMapRoot);
        List<PageFrame> treePages = [.. frozen.Namespace.Pages, .. poolTree.Pages];
        WritePages(old, [.. treePages, .. spaceMap]);

        var record = new RootRecord(frozen.Generation, _time.GetUtcNow(), frozen.Counters, ShapeNow(old.Newest.Public.Shape), oldestKept);
        Root root = Encoded(new Root(record, namespaceRoot, poolRoot, spaceMapRoot, old.Newest.Generation, old.Newest.Checksum, default));
        KillPoint.Reach("commit-before-root");
        WriteRoot(root, old.Newest.Public.Shape, old.Kept);
        KillPoint.Reach("commit-after-root");

        Publish(root, old, spaceMap);
        foreach (PageFrame frame in treePages)
            _cache.MakeClean(frame);
        spaceMap.ForEach(frame => _memory.Return(frame.Data));
        _frozen = null;
    }

    /// <summary>
    /// Never older than before, never so old that its slot in the ring is overwritten, not newer than what somebody holds while that can be had.
    /// </summary>
    private Generation ChooseOldestKept(State old, Generation generation, int keptRoots)
    {
        ulong ringLimit = generation.Value >= RootFormat.SlotCount ? generation.Value - RootFormat.SlotCount + 1 : 1;
        IEnumerable<Generation> kept = old.Kept.Take(keptRoots - 1).Select(root => root.Generation).Where(kept => kept.Value >= ringLimit);
        Generation oldest = kept.Append(generation).Min();
        if (_hold is { } hold && hold.OldestKept < oldest)
        {
            if (hold.OldestKept.Value >= ringLimit)
                oldest = hold.OldestKept;
            else
                hold.IsLost = true;
        }

        return oldest < old.Newest.Public.OldestKept ? old.Newest.Public.OldestKept : oldest;
    }

    private List<PageFrame> BuildSpaceMap(State old, Generation generation, Generation oldestKept, out PagePointer first)
    {
        foreach (ulong number in old.SpaceMapPages)
            _allocator.Die(number, generation.Value);
        SpaceMapImage image = _allocator.BuildImage(oldestKept);
        return SpaceMap.Build(image, _memory, PageFormat.PoolFragment(_pool), generation.Value, out first);
    }

    private void WritePages(State old, List<PageFrame> pages)
    {
        _election.Run(old.Newest.Public.Shape, old.Kept, mayCopyMuch: false);
        _files.Mend();
        pages.Sort(static (a, b) => a.Number.CompareTo(b.Number));
        _files.Write(pages, _allocator.CapacityPages);
    }

    private PoolShape ShapeNow(PoolShape shape) => shape with
    {
        Members = Volatile.Read(ref _nextMembers) ?? shape.Members,
        MetadataDisks = [.. _files.Current.Select(mirror => mirror.Member.Index).Order()],
    };

    private Root Encoded(Root root)
    {
        Span<byte> slot = stackalloc byte[RootFormat.SlotBytes];
        return root with { Checksum = RootFormat.Encode(_pool, root, slot) };
    }

    private void WriteRoot(Root root, PoolShape before, IReadOnlyList<Root> history)
    {
        // A record that names a new member makes its ring one of those that a mount needs: that ring is there before any other disk has the record.
        HashSet<DiskId> known = [.. before.Members];
        List<MemberDisk> written = [];
        if (root.Public.Shape.Members.Any(id => !known.Contains(id)))
            written.AddRange(_rings.Write(root, history, member => !known.Contains(member.Id)));
        written.AddRange(_rings.Write(root, history, member => known.Contains(member.Id)));
        if (!RootQuorum.IsReached(before, root.Public.Shape, [.. written.Select(member => member.Id)]))
            throw QuorumMissed(root, written, RootQuorum.Required(root.Public.Shape));
        Testify(root, written);
        foreach (Mirror mirror in _files.Current.Where(mirror => !written.Contains(mirror.Member)).ToArray())
            mirror.GiveUp();
    }

    /// <summary>
    /// Below 2 m + 1 disks, those that are left out could be mounted alone, without this commit. Once per set of them: what they have is older than the first commit without them.
    /// </summary>
    private void Testify(Root root, IReadOnlyList<MemberDisk> written)
    {
        PoolShape shape = root.Public.Shape;
        DiskId[] without = [.. shape.Members.Where(id => id.Value != Guid.Empty && !written.Any(member => member.Id == id))];
        _witnessed.IntersectWith(without);
        if (without.Length < RootQuorum.RingsToMount(shape) || without.All(_witnessed.Contains))
            return;
        _options.Witness?.Invoke(root.Generation);
        _witnessed.UnionWith(without);
    }

    private static PoolException QuorumMissed(Root root, IReadOnlyList<MemberDisk> written, int required) =>
        new(ErrorId.RootQuorum,
            $"only {written.Count} disks ({string.Join(", ", written.Select(member => member.Name))}) took the root record of generation {root.Generation}, {required} are needed: "
            + "nothing more is written; bring the other disks back and mount again");

    private void Publish(Root root, State old, List<PageFrame> spaceMap)
    {
        Generation oldestKept = root.Public.OldestKept;
        Root[] kept = [root, .. old.Kept.Where(kept => kept.Generation >= oldestKept)];
        Volatile.Write(ref _state, new State(root, kept, [.. spaceMap.Select(frame => frame.Number)]));
        _allocator.Publish(oldestKept, _cache.Forget);
        _journal.Start(root);
        _journalBatches = [];
    }
}
