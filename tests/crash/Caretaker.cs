using DynamicFs.CrashTests.Simulation;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Maintenance;
using DynamicFs.Primitives;

namespace DynamicFs.CrashTests;

/// <summary>
/// Does the maintenance of a workload, step by step as the engine's own thread does, with the commits that it waits for. Throws <see cref="InvalidOperationException"/> when its outcome is
/// wrong: a scrub that finds something on disks that nothing happened to, a drain that leaves something behind, an orphan where nothing was moved.
/// </summary>
internal sealed class Caretaker(EnginePool engine, RunPlan plan, SimulatedWorld world, Action onSynced)
{
    private const int MaxSteps = 400;
    private const int MaxCommits = 4;

    /// <summary>True when it came to its end and changed something.</summary>
    public bool Do(MaintenanceEvent care)
    {
        if (engine.Files.IsReadOnly)
            return false;
        try
        {
            return Run(care);
        }
        catch (Exception e) when (!plan.IsClean && e is PoolException or CorruptionException or DiskException)
        {
            // The maintenance thread tries it again later.
            return false;
        }
    }

    private bool Run(MaintenanceEvent care) => care.Kind switch
    {
        MaintenanceKind.Scrub => Scrub(),
        MaintenanceKind.Drain => Drain(plan.IsClean ? FullestOr(care.Disk) : engine.Members[care.Disk], staysEmpty: care.Seed % 3 == 0),
        MaintenanceKind.Offline => TakeAwayOrBack(engine.Members[care.Disk]),
        MaintenanceKind.Join => Join(),
        MaintenanceKind.CollectOrphans => Collect(),
        MaintenanceKind.Rebalance => Rebalance(),
        MaintenanceKind.Leave => Leave(plan.IsClean ? FullestOr(care.Disk) : engine.Members[care.Disk]),
        _ => Rebuild(readsAll: care.Seed % 2 == 0),
    };

    private bool Scrub()
    {
        ScrubStatus? ended = engine.TryScrub(Drive);
        if (ended is null || plan.IsOverload)
            return ended is not null;
        Expect(ended.Unrecoverable == 0, $"the scrub says that {ended.Unrecoverable} extents are lost");
        ScrubFinding? found = ended.Findings.FirstOrDefault(finding => finding.Kind is not (FragmentFindingKind.DiskMissing or FragmentFindingKind.Unplaced));
        Expect(!plan.IsClean || found is null, $"the scrub found {found} although nothing happened to these disks");
        return true;
    }

    private bool Rebuild(bool readsAll)
    {
        bool isAtRest = engine.TryRebuild(readsAll);
        return isAtRest && engine.Rebuilder.Status.RepairedExtents > 0;
    }

    /// <summary>Short workloads leave most disks with nothing to move: the one with the most fragments is emptied, after a commit that makes some.</summary>
    private MemberDisk FullestOr(int planned)
    {
        if (engine.Members.FirstOrDefault(member => member.State == DiskState.Draining) is { } draining)
            return draining;
        Expect(engine.Files.SyncAll() == Errno.None, "the commit before the drain fails");
        onSynced();
        var counts = new int[engine.Members.Count];
        engine.Files.Catalog.ForEach(ExtentId.None, (record, live) =>
        {
            foreach (var place in record.Fragments.Where(place => live > 0 && place.IsPlaced))
                counts[place.DiskIndex]++;
            return true;
        });
        return counts.Max() > 0 ? engine.Members[Array.IndexOf(counts, counts.Max())] : engine.Members[planned];
    }

    private bool Drain(MemberDisk member, bool staysEmpty)
    {
        if (member.State == DiskState.Draining)
        {
            member.SetState(DiskState.Healthy);
            return true;
        }

        if (!member.IsWritable)
            return false;
        bool isEmpty = Empty(member);
        if (!staysEmpty)
            member.SetState(DiskState.Healthy);
        return isEmpty && engine.Rebuilder.Status.RepairedExtents > 0;
    }

    /// <summary>False when something stays on it.</summary>
    private bool Empty(MemberDisk member)
    {
        member.SetState(DiskState.Draining);
        bool isAtRest = Drive(engine.Rebuilder.Step);
        if (plan.IsClean && engine.Members.Count(m => m.IsWritable) >= plan.Scheme.Width)
        {
            Expect(isAtRest, "the drain does not come to an end");
            engine.Files.Catalog.ForEach(ExtentId.None, (record, live) =>
            {
                Expect(live == 0 || record.Fragments.All(place => place.DiskIndex != member.Index), $"extent {record.Id} still has a fragment on the disk that was emptied");
                return true;
            });
        }

        return isAtRest;
    }

    private bool Leave(MemberDisk member)
    {
        if (engine.Members.Count(m => !m.HasLeft) <= plan.Scheme.Width || !(member.IsWritable || member.State == DiskState.Draining) || !Empty(member))
            return false;

        // Its copy of the metadata moves with a commit.
        Errno errno = Errno.EBUSY;
        for (int i = 0; i < MaxCommits && errno == Errno.EBUSY; i++)
        {
            if (engine.Files.SyncAll() != Errno.None)
                return false;
            onSynced();
            errno = engine.Leave(member.Index);
        }

        Expect(!plan.IsClean || errno == Errno.None, $"leaving answers {errno}");
        if (errno != Errno.None)
            return false;
        Expect(engine.Metadata.Root.Shape.Members[member.Index].Value == Guid.Empty, "the disk is a member although the commit says that it has left");
        onSynced();
        return true;
    }

    private bool Rebalance()
    {
        if (engine.Files.SyncAll() != Errno.None)
            return false;
        onSynced();
        engine.Rebalancer.Request();
        bool isAtRest = Drive(engine.Rebalancer.Step);
        bool hasMoved = isAtRest && engine.Rebalancer.Status.MovedFragments > 0;
        if (!plan.IsClean)
            return hasMoved;
        Expect(isAtRest, "the rebalance does not come to an end");
        Expect(engine.Rebalancer.Status.FailedExtents == 0, $"{engine.Rebalancer.Status.FailedExtents} extents could not be moved");
        engine.Files.Catalog.ForEach(ExtentId.None, (record, live) =>
        {
            FragmentPlace[] placed = [.. record.Fragments.Where(place => place.IsPlaced)];
            Expect(live == 0 || placed.DistinctBy(place => place.DiskIndex).Count() == placed.Length, $"extent {record.Id} has two fragments on one disk");
            return true;
        });
        return hasMoved;
    }

    private bool TakeAwayOrBack(MemberDisk member)
    {
        if (member.HasLeft)
            return false;
        if (member.IsPresent)
            engine.Detach(member.Index);
        else
            engine.Attach(member.Index, world.Open(member.Index));
        return Drive(engine.Rebuilder.Step);
    }

    private bool Join()
    {
        if (engine.Members.Count > plan.Disks)
            return false;
        int before = engine.Metadata.Root.Shape.MemberCount;
        Errno errno = engine.Join(world.Open(plan.Disks));
        Expect(!plan.IsClean || errno == Errno.None, $"joining answers {errno}");
        if (errno != Errno.None)
            return false;
        Expect(engine.Metadata.Root.Shape.MemberCount == before + 1, "the disk is no member although the commit says so");
        onSynced();
        return true;
    }

    private bool Collect()
    {
        List<Orphan> found = engine.Orphans.Detect();
        Expect(!plan.IsClean || plan.Maintenance.MovesFragments || found.Count == 0, $"{found.Count} orphans although nothing was moved: {string.Join(", ", found.Take(3))}");
        engine.Orphans.Collect(found, TimeSpan.Zero);
        return found.Count > 0;
    }

    /// <summary>True when there is nothing left to do.</summary>
    private bool Drive(Func<StepOutcome> step)
    {
        for (int i = 0; i < MaxSteps; i++)
        {
            StepOutcome outcome = step();
            if (outcome == StepOutcome.Idle)
                return true;
            if (outcome != StepOutcome.Waiting)
                continue;
            if (engine.Files.SyncAll() != Errno.None)
                return false;
            onSynced();
        }

        return false;
    }

    private static void Expect(bool isRight, string otherwise)
    {
        if (!isRight)
            throw new InvalidOperationException(otherwise);
    }
}
