using System.Numerics;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>Looking at what is stored, while the store works: the roots that are inspected are kept from being released meanwhile.</summary>
public sealed unsafe partial class MetadataStore
{
    private const int VerifyTries = 3;

    /// <summary>Keeps the roots from <see cref="OldestKept"/> on, while the ring has room for them.</summary>
    private sealed class RootHold(Generation oldestKept)
    {
        private volatile bool _isLost;

        public Generation OldestKept { get; } = oldestKept;

        /// <summary>So many commits went by that the pages of these roots may be in use again.</summary>
        public bool IsLost
        {
            get => _isLost;
            set => _isLost = value;
        }
    }

    /// <summary>Kept roots, newest first, with the disks that hold each and whether its top pages verify ("ok", or what is wrong).</summary>
    public IReadOnlyList<RootListing> ListRoots() => Held((state, hold) =>
    {
        var history = new RootHistory(_rings.ReadAll());
        return state.Kept.Select(root => new RootListing(root.Public, Verdict(root, hold), [.. history.HoldersOf(root).Select(member => member.Index)])).ToArray();
    });

    /// <summary>
    /// Walks both trees and the space map of all kept roots, re-hashing every page on every metadata disk, and compares what they reach with the
    /// space map; reports each problem. Bad copies that another disk can answer for are mended by the next commit.
    /// </summary>
    public void Verify(Action<string> problem)
    {
        for (int attempt = 0; attempt < VerifyTries; attempt++)
        {
            List<string>? found = Held(TryVerify);
            if (found is null)
                continue;
            found.ForEach(problem);
            return;
        }

        problem("the metadata could not be verified: commits were faster every time; run it again when less is written");
    }

    /// <summary>
    /// Reads the root ring of every disk that is there, all slots: each must be valid or empty, and the newest root must be in it. Older ones may lack on a disk that was away.
    /// </summary>
    public void VerifyRings(Action<string> problem)
    {
        var found = new List<string>();

        // No commit writes a slot while it is read.
        lock (_publishLock)
        {
            foreach (RingContent ring in _rings.ReadAll())
            {
                if (!ring.IsSound)
                    found.Add($"disk {ring.Member.Name}: its root ring has damaged slots; the first commit after the next mount writes it anew");
                if (ring.Records.All(root => root.Generation < _state.Newest.Generation))
                    found.Add($"disk {ring.Member.Name}: its root ring lacks generation {_state.Newest.Generation}");
            }
        }

        found.ForEach(problem);
    }

    private static string Verdict(string? problem, RootHold hold) => hold.IsLost ? "released meanwhile" : problem ?? "ok";

    private string Verdict(Root root, RootHold hold) => Verdict(RootChoice.Verdict(root, _files), hold);

    /// <summary>All problems; null when the roots could not be held long enough for the answer to mean anything.</summary>
    private List<string>? TryVerify(State state, RootHold hold)
    {
        var found = new List<string>();
        using var walker = new PageWalker(
            (in PagePointer pointer, byte* page) => !hold.IsLost && _files.ReadEvery(pointer, page, text => found.Add(text)), found.Add);
        foreach (Root root in state.Kept)
            walker.Walk(root);
        if (walker.UnreadableCount == 0 && !hold.IsLost)
            CompareSpace(state, walker.Reached, found);
        return hold.IsLost ? null : found;
    }

    private void CompareSpace(State state, IReadOnlySet<ulong> reached, List<string> found)
    {
        if (state.Kept[^1].Generation > state.Newest.Public.OldestKept)
            found.Add($"the root records of generations {state.Newest.Public.OldestKept} to {state.Kept[^1].Generation} are lost; the pages that only they reach stay in use");
        ulong[] bitmap = SpaceMap.Load(_files, state.Newest.SpaceMap).Bitmap;
        long unreached = bitmap.Sum(word => (long)BitOperations.PopCount(word)) - 1;
        foreach (ulong number in reached)
        {
            if (number / 64 < (ulong)bitmap.Length && (bitmap[number / 64] >> (int)(number % 64) & 1) != 0)
                unreached--;
            else
                found.Add($"page {number} is reached by a kept root, but the space map of generation {state.Newest.Generation} says it is free");
        }

        if (unreached > 0)
            found.Add($"{unreached} pages are in use by the space map of generation {state.Newest.Generation}, but no kept root reaches them");
    }

    private T Held<T>(Func<State, RootHold, T> inspect)
    {
        lock (_inspectLock)
        {
            State state;
            RootHold hold;
            lock (_publishLock)
            {
                state = _state;
                _hold = hold = new RootHold(state.Newest.Public.OldestKept);
            }

            try
            {
                return inspect(state, hold);
            }
            finally
            {
                lock (_publishLock)
                    _hold = null;
            }
        }
    }
}
