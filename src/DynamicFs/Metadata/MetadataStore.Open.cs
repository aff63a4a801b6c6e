using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>How a store comes to be: a new pool, or the newest root of the disks that are there.</summary>
public sealed partial class MetadataStore
{
    /// <summary>
    /// Writes generation 1 (two empty trees) to a new pool. The disks are already labelled; the caller holds their locks. All of them must take it: throws
    /// <see cref="PoolException"/> Io otherwise.
    /// </summary>
    public static MetadataStore Create(PoolId pool, IReadOnlyList<MemberDisk> members, PoolShape shape, MetadataOptions options)
    {
        CheckMembers(members);
        Invariant.Check(shape.Members.Count == members.Count, "a new pool has all its members");
        Invariant.Check(shape.MetadataDisks.Count is > 0 and <= RootFormat.MaxMetadataDisks, "a pool has metadata disks");
        if (members.Count > RootFormat.MaxMembers)
            throw new PoolException(ErrorId.Usage, $"a pool has at most {RootFormat.MaxMembers} disks, not {members.Count}");
        var problems = new MetadataProblems();
        var files = new PageFiles(pool, options, problems);
        var rings = new RootRings(pool, members, options, problems);
        var store = new MetadataStore(pool, members, options, problems, rings, files, new PageAllocator(), null);
        try
        {
            store.WriteFirstRoot(shape);
            return store;
        }
        catch (Exception e)
        {
            store.Dispose();
            if (e is DiskException)
                throw new PoolException(ErrorId.Io, $"the metadata of the new pool could not be written: {e.Message}", e);
            throw;
        }
    }

    /// <summary>
    /// Takes the newest valid root of the present disks and checks that it loads. Throws <see cref="PoolException"/>: NoRoot, RollBack (a present disk, or
    /// <paramref name="newestSeen"/> from the registry, knows a newer generation than can be loaded: the text names disk and number of commits; or disks
    /// went on apart from each other), Corrupt (all its metadata disks are there, but it does not read right), MissingDisks (too few root rings to
    /// be sure, unless read-only), RootQuorum (too few disks take the newest root), Format.
    /// </summary>
    public static MetadataStore Open(PoolId pool, IReadOnlyList<MemberDisk> members, Generation newestSeen, MetadataOptions options)
    {
        CheckMembers(members);
        var problems = new MetadataProblems();
        var opening = new Opening(pool, members, options, problems);
        try
        {
            return opening.Run(newestSeen);
        }
        catch
        {
            opening.Dispose();
            throw;
        }
    }

    private static void CheckMembers(IReadOnlyList<MemberDisk> members)
    {
        for (int i = 0; i < members.Count; i++)
            Invariant.Check(members[i].Index == i, "members stand at their index");
    }

    private void WriteFirstRoot(PoolShape shape)
    {
        foreach (int index in shape.MetadataDisks)
            _files.Add(MirrorFiles.Create(_members[index], _options));
        var first = new Generation(1);
        StartTrees(first, id => new Tree(id, _pages, first));
        FrozenTree @namespace = Namespace.Freeze(first.Next);
        FrozenTree poolTree = Pool.Freeze(first.Next);
        _allocator.Freeze(first);
        Volatile.Write(ref _currentTransaction, first.Next.Value);
        PagePointer namespaceRoot = PageSeal.Seal(_pages, @namespace);
        PagePointer poolRoot = PageSeal.Seal(_pages, poolTree);
        Namespace.TakeSealed(@namespace);
        Pool.TakeSealed(poolTree);
        SpaceMapImage image = _allocator.BuildImage(first);
        List<PageFrame> spaceMap = SpaceMap.Build(image, _memory, PageFormat.PoolFragment(_pool), first.Value, out PagePointer spaceMapRoot);
        List<PageFrame> treePages = [.. @namespace.Pages, .. poolTree.Pages];
        List<PageFrame> pages = [.. treePages, .. spaceMap];
        pages.Sort(static (a, b) => a.Number.CompareTo(b.Number));
        _files.Write(pages, _allocator.CapacityPages);
        var record = new RootRecord(first, _time.GetUtcNow(), new RootCounters(1, 1, 0, 0), shape, first);
        Root root = Encoded(new Root(record, namespaceRoot, poolRoot, spaceMapRoot, Generation.None, default, default));
        IReadOnlyList<MemberDisk> written = _rings.Write(root, []);
        if (written.Count < _members.Count || _files.Current.Count() < shape.MetadataDisks.Count)
            throw new PoolException(ErrorId.Io, $"the metadata of the new pool could not be written: {string.Join("; ", Problems)}");
        Publish(root, new State(root, [], []), spaceMap);
        foreach (PageFrame frame in treePages)
            _cache.MakeClean(frame);
        spaceMap.ForEach(frame => ReturnPage(frame));
    }

    private unsafe void ReturnPage(PageFrame frame) => _memory.Return(frame.Data);

    /// <summary>The steps of <see cref="Open"/>, and what must be closed if one fails.</summary>
    private sealed class Opening(PoolId pool, IReadOnlyList<MemberDisk> members, MetadataOptions options, MetadataProblems problems) : IDisposable
    {
        private readonly RootRings _rings = new(pool, members, options, problems);
        private readonly PageFiles _files = new(pool, options, problems);
        private MetadataStore? _store;

        public MetadataStore Run(Generation newestSeen)
        {
            IReadOnlyList<RingContent> rings = _rings.ReadAll();
            var history = new RootHistory(rings);
            Root newest = RootChoice.Newest(rings, history, members, newestSeen, options, problems);
            RootChoice.ExcludeForeign(newest, members, problems);
            rings = [.. rings.Where(ring => ring.Member.IsReadable)];
            OpenMirrors(newest);
            SpaceMap map = RootChoice.Load(newest, history, members, _files);
            Root[] kept = [.. history.ChainOf(newest).TakeWhile(root => root.Generation >= newest.Public.OldestKept)];
            var allocator = new PageAllocator(map.Bitmap, DeadPages(newest, kept, map));
            CheckSizes(map);
            _store = new MetadataStore(pool, members, options, problems, _rings, _files, allocator, new State(newest, kept, map.Pages));
            bool sawAllRings = rings.Count == newest.Public.Shape.MemberCount && rings.All(ring => ring.IsSound);
            bool mustClaim = !sawAllRings || options.GivenUp > newest.Generation;
            Generation transaction = mustClaim ? RootClaim.After(newest, kept, NewestClaim(rings), options.GivenUp) : newest.Generation.Next;
            _store.StartTrees(transaction, id => new Tree(id, _store._pages, id == TreeId.Namespace ? newest.Namespace : newest.Pool, transaction));
            _store._journalBatches = Journal.Recover(pool, newest, _files.Mirrors, problems, out bool sawJournals);
            if (Canary.Is("journal-not-replayed"))
                _store._journalBatches = [];
            bool sawMirrors = newest.Public.Shape.MetadataDisks.All(index => _files.Mirrors.Any(mirror => mirror.Member.Index == index && mirror.Journal is not null));
            _store.SawEverything = sawAllRings && sawMirrors && sawJournals;
            if (!options.ReadOnly)
                SpreadRoot(newest, rings, history, kept, mustClaim ? transaction : null);
            KillPoint.Reach("mount-before-replay");
            return _store;
        }

        public void Dispose()
        {
            if (_store is not null)
            {
                _store.Dispose();
                return;
            }

            _rings.Dispose();
            _files.Dispose();
        }

        private static Generation NewestClaim(IReadOnlyList<RingContent> rings) => rings.Select(ring => ring.NewestClaim).Append(Generation.None).Max();

        private void OpenMirrors(Root newest)
        {
            foreach (MemberDisk member in members)
            {
                bool isListed = newest.Public.Shape.MetadataDisks.Contains(member.Index) || Canary.Is("stale-mirror-trusted");
                if (member.IsReadable && MirrorFiles.Open(member, isListed, options, problems) is { } mirror)
                    _files.Add(mirror);
            }
        }

        /// <summary>What died with each kept root and is not released yet. What cannot be read stays in use: space is lost, nothing else.</summary>
        private IEnumerable<(Generation, ulong[])> DeadPages(Root newest, Root[] kept, SpaceMap map)
        {
            if (kept[^1].Generation > newest.Public.OldestKept)
                problems.Report($"the root records before generation {kept[^1].Generation} cannot be read; pages that only they name stay in use");
            foreach (Root root in kept.Where(root => root.Generation > newest.Public.OldestKept))
                yield return (root.Generation, root == newest ? map.Dead : DeadPagesOf(root, map));
        }

        private ulong[] DeadPagesOf(Root root, SpaceMap newest)
        {
            try
            {
                ulong[] dead = SpaceMap.Load(_files, root.SpaceMap).Dead;
                foreach (ulong page in dead)
                {
                    if (page / 64 >= (ulong)newest.Bitmap.Length || (newest.Bitmap[page / 64] >> (int)(page % 64) & 1) == 0)
                        throw new PoolException(ErrorId.Corrupt, $"page {page} died in generation {root.Generation} but is free");
                }

                return dead;
            }
            catch (PoolException e)
            {
                problems.Report($"the space map of generation {root.Generation} cannot be used; pages that died with it stay in use: {e.Message}");
                return [];
            }
        }

        /// <summary>A page file that is shorter than the pages in use has lost some: it is read from, but must be made anew.</summary>
        private void CheckSizes(SpaceMap map)
        {
            int lastWord = map.Bitmap.AsSpan().LastIndexOfAnyExcept(0UL);
            long neededPages = (lastWord * 64L) + 64 - System.Numerics.BitOperations.LeadingZeroCount(map.Bitmap[lastWord]);
            foreach (Mirror mirror in _files.Current.Where(mirror => mirror.CapacityPages < neededPages).ToArray())
            {
                problems.Report($"disk {mirror.Member.Name}: its page file has {mirror.CapacityPages} pages, {neededPages} are in use");
                mirror.GiveUp();
            }
        }

        /// <summary>Writes the claim of this mount, if it needs one, then the newest root to disks that lack it, and rings that are damaged anew, before anything is built on that root.</summary>
        private void SpreadRoot(Root newest, IReadOnlyList<RingContent> rings, RootHistory history, Root[] kept, Generation? claim)
        {
            foreach (RingContent ring in rings.Where(ring => ring.IsSound))
                _rings.Open(ring.Member);
            HashSet<MemberDisk> holders = [.. rings.Where(ring => ring.IsSound).Select(ring => ring.Member).Intersect(history.HoldersOf(newest))];
            if (claim is { } generation)
                holders.IntersectWith(_rings.Claim(generation));
            IReadOnlyList<MemberDisk> written = _rings.Write(newest, kept, member => !holders.Contains(member));
            int required = RootQuorum.Required(newest.Public.Shape);
            if (holders.Count + written.Count < required)
                throw QuorumMissed(newest, [.. holders, .. written], required);
        }
    }
}
