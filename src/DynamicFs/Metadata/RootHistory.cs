using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>
/// All root records of the present disks, put in order: which is the newest, which ones it descends from, and whether a disk has gone another way. Pure: the same
/// rings give the same answer.
/// </summary>
internal sealed class RootHistory
{
    private readonly Dictionary<Checksum, Root> _byChecksum = [];
    private readonly Dictionary<Checksum, List<MemberDisk>> _holders = [];
    private readonly IReadOnlyList<RingContent> _rings;

    public RootHistory(IReadOnlyList<RingContent> rings)
    {
        _rings = rings;
        foreach (RingContent ring in rings)
        {
            foreach (Root root in ring.Records)
            {
                _byChecksum.TryAdd(root.Checksum, root);
                if (!_holders.TryGetValue(root.Checksum, out List<MemberDisk>? disks))
                    _holders[root.Checksum] = disks = [];
                disks.Add(ring.Member);
            }
        }

        NewestFirst = [.. _byChecksum.Values.OrderByDescending(root => root.Generation.Value).ThenBy(root => root.Checksum.ToString(), StringComparer.Ordinal)];
    }

    public IReadOnlyList<Root> NewestFirst { get; }

    public IReadOnlyList<MemberDisk> HoldersOf(Root root) => _holders.TryGetValue(root.Checksum, out List<MemberDisk>? disks) ? disks : [];

    /// <summary>The root and those it descends from, newest first, as far back as records are there without a gap.</summary>
    public IReadOnlyList<Root> ChainOf(Root root)
    {
        var chain = new List<Root> { root };
        while (_byChecksum.TryGetValue(chain[^1].PreviousChecksum, out Root? previous) && previous.Generation == chain[^1].Previous)
            chain.Add(previous);
        return chain;
    }

    /// <summary>
    /// Throws RollBack when present disks hold commits that <paramref name="newest"/> does not descend from: parts of the pool were mounted apart and both
    /// went on. A single commit beside the history, older than the newest, is what a crash in the middle of a commit leaves on a disk that was
    /// missing at the next mount; it is reported and given up.
    /// </summary>
    public void CheckForks(Root newest, MetadataProblems problems)
    {
        IReadOnlyList<Root> chain = ChainOf(newest);
        var known = chain.Select(root => root.Checksum).ToHashSet();
        foreach (RingContent ring in _rings)
        {
            Root? last = ring.Records.MaxBy(root => root.Generation.Value);
            if (last is null || known.Contains(last.Checksum) || last.Generation < chain[^1].Generation)
                continue;
            int length = ChainOf(last).TakeWhile(root => !known.Contains(root.Checksum)).Count();
            if (length > 1 || last.Generation == newest.Generation)
                throw new PoolException(ErrorId.RollBack, ForkText(ring.Member, last, newest, length));
            problems.Report($"disk {ring.Member.Name}: it has a commit of generation {last.Generation} that the pool went on without");
        }
    }

    private string ForkText(MemberDisk member, Root last, Root newest, int length) =>
        $"the disks of this pool were changed apart from each other: disk {member.Name} has {length} commits up to generation {last.Generation} that are not part of "
        + $"generation {newest.Generation} on disk {HoldersOf(newest)[0].Name}; mounting both together would lose one side. Take the disks of the side to be given up away, and mount again";
}
