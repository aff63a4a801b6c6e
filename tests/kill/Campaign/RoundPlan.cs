using DynamicFs.KillTests.Pool;

namespace DynamicFs.KillTests.Campaign;

/// <summary>How the life of a round ends, and what happens to the pool before.</summary>
internal sealed record RoundPlan
{
    /// <summary>Disks that are missing from this round's mount on; those of the round before come back stale.</summary>
    public IReadOnlyCollection<int> Away { get; init; } = [];

    /// <summary>Mounts that are killed first: at a named point, or (null) after <see cref="InterruptAfter"/>.</summary>
    public IReadOnlyList<NamedPoint?> Interrupted { get; init; } = [];

    public TimeSpan InterruptAfter { get; init; }

    /// <summary>Where the life ends; null for the random moment <see cref="Length"/>, which also ends a life that never gets to its point.</summary>
    public NamedPoint? Point { get; init; }

    public TimeSpan Length { get; init; }

    /// <summary>Full commits are asked for from outside of the mount meanwhile.</summary>
    public bool Commits { get; init; }

    /// <summary>Disks that lose power, in this order; none when the daemon is only killed.</summary>
    public IReadOnlyList<int> Cut { get; init; } = [];

    /// <summary>How long the daemon lives on after the cut.</summary>
    public TimeSpan Grace { get; init; }

    public override string ToString() =>
        $"away [{string.Join(' ', Away)}], {(Point is null ? $"after {Length.TotalMilliseconds:0} ms" : $"at {Point.Name} x{Point.Count}")}"
        + (Cut.Count > 0 ? $", cut [{string.Join(' ', Cut)}], grace {Grace.TotalMilliseconds:0} ms" : "")
        + (Interrupted.Count > 0 ? $", mounts killed: {string.Join(' ', Interrupted.Select(point => point?.Name ?? $"{InterruptAfter.TotalMilliseconds:0}ms"))}" : "");
}

/// <summary>Plans from a seed.</summary>
/// <param name="allDisks">No disk is ever away or fails alone: then nothing may be left behind on any.</param>
/// <param name="readsWhileCut">
/// The workload reads while disks are cut. An extent that an earlier cut left one fragment short, and that was not rebuilt yet, survives one more failed disk, not two.
/// </param>
internal sealed class RoundPlans(Random random, bool allDisks = false, bool readsWhileCut = false)
{
    /// <summary>Points of a serving daemon, with the largest count that a short life reaches.</summary>
    public static IReadOnlyList<NamedPoint> Serving { get; } =
    [
        new("fragment-before-rename", 40), new("fragment-after-rename", 40),
        new("commit-before-pages", 3), new("pages-before-sync", 6), new("commit-before-root", 3), new("root-on-one-disk", 18), new("commit-after-root", 3),
        new("journal-before-sync", 200), new("journal-before-answer", 60),
        new("compaction-before-extent", 8), new("compaction-after-extent", 8),
        new("delete-before-fragments", 12), new("delete-after-fragments", 12),
    ];

    /// <summary>Points of rebuild and of orphan collection, which a life comes to when disks are away, or were.</summary>
    public static IReadOnlyList<NamedPoint> Rebuilding { get; } =
    [
        new("rebuild-before-sync", 3), new("rebuild-before-publish", 3), new("rebuild-in-commit", 2), new("rebuild-before-delete", 4),
        new("orphan-after-quarantine", 6),
    ];

    /// <summary>Points of joining and leaving, which no plan comes to yet.</summary>
    public static IReadOnlyList<NamedPoint> Membership { get; } =
    [
        new("join-after-label", 1), new("join-before-root", 1), new("join-after-root", 1), new("leave-before-root", 1), new("leave-after-root", 1),
    ];

    /// <summary>Points of a mount.</summary>
    public static IReadOnlyList<NamedPoint> Mounting { get; } =
    [
        new("mount-before-replay", 1), new("mount-after-replay", 1), new("mount-in-leftovers", 12), new("mount-after-commit", 1),
        new("fresh-file-before-rename", 3), new("fresh-file-after-rename", 3), new("root-on-one-disk", 8), new("commit-before-root", 1), new("pages-before-sync", 3),
    ];

    /// <summary>A kill. In every other round two disks are away.</summary>
    public RoundPlan Kill(int round)
    {
        RoundPlan plan = Common();
        if (round % 2 == 0 || allDisks)
            return plan;
        return plan with
        {
            Away = Some(KilledPool.Tolerance, []),
            Point = plan.Point is not null && random.Next(3) == 0 ? Counted(Rebuilding) : plan.Point,
        };
    }

    /// <summary>As <see cref="Kill(int)"/>, at a given point and after a mount that dies at another.</summary>
    public RoundPlan Kill(int round, NamedPoint serving, NamedPoint mounting) => Kill(round) with
    {
        Point = serving with { Count = 1 + (serving.Count / 4) },
        Interrupted = [mounting with { Count = 1 }],
        // Fragments are deleted only when sixteen newer roots exist.
        Commits = serving.Name.StartsWith("delete", StringComparison.Ordinal),
    };

    /// <summary>A power cut of all disks, or of one or two while the pool serves on.</summary>
    public RoundPlan Cut(int round)
    {
        // A disk that fails under a write may leave an extent one fragment short, which nothing mends yet: one more may be away, not two.
        bool isPartial = round % 3 == 2 && !allDisks;
        int[] away = round % 5 == 4 && !allDisks && !(isPartial && readsWhileCut) ? Some(1, []) : [];
        int[] all = Some(KilledPool.DiskCount, away);
        RoundPlan plan = Common() with { Away = away, Interrupted = [] };
        if (isPartial)
            return plan with { Cut = all[..(readsWhileCut ? 1 : random.Next(1, KilledPool.Tolerance + 1 - away.Length))], Grace = Milliseconds(200, 2500) };
        NamedPoint? point = random.Next(4) == 0 ? Counted(Mounting) : plan.Point;
        return plan with { Cut = all, Grace = Milliseconds(0, 300), Point = point };
    }

    private RoundPlan Common() => new()
    {
        Point = random.Next(2) == 0 ? Counted(Serving) : null,
        Length = Milliseconds(100, 1800),
        Commits = random.Next(3) == 0,
        InterruptAfter = Milliseconds(100, 900),
        Interrupted = random.Next(4) == 0 ? [random.Next(3) == 0 ? null : Counted(Mounting)] : [],
    };

    private NamedPoint Counted(IReadOnlyList<NamedPoint> points)
    {
        NamedPoint point = points[random.Next(points.Count)];
        return point with { Count = random.Next(1, point.Count + 1) };
    }

    private int[] Some(int count, int[] without)
    {
        int[] disks = [.. Enumerable.Range(0, KilledPool.DiskCount).Except(without)];
        random.Shuffle(disks);
        return disks.Length <= count ? disks : disks[..count];
    }

    private TimeSpan Milliseconds(int from, int to) => TimeSpan.FromMilliseconds(random.Next(from, to));
}
