using DynamicFs.CrashTests.Simulation;
using DynamicFs.Disks;
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

    public void Do(MaintenanceEvent care)
    {
        if (engine.Files.IsReadOnly)
            return;
        try
        {
            Run(care);
        }
        catch (Exception e) when (!plan.IsClean && e is PoolException or CorruptionException or DiskException)
        {
            // The maintenance thread tries it again later.
        }
    }

    private void Run(MaintenanceEvent care)
    {
        switch (care.Kind)
        {
            case MaintenanceKind.Scrub:
                Scrub();
                break;
            case MaintenanceKind.Drain:
                Drain(plan.IsClean ? FullestOr(care.Disk) : engine.Members[care.Disk], staysEmpty: care.Seed % 3 == 0);
                break;
            case MaintenanceKind.Offline:
                TakeAwayOrBack(engine.Members[care.Disk]);
                break;
            case MaintenanceKind.Join:
                Join();
                break;
            case MaintenanceKind.CollectOrphans:
                Collect();
                break;
            default:
                engine.TryRebuild(readsAll: care.Seed % 2 == 0);
                break;
        }
    }

    private void Scrub()
    {
        ScrubStatus? ended = engine.TryScrub(Drive);
        if (ended is null || plan.IsOverload)
            return;
        Expect(ended.Unrecoverable == 0, $"the scrub says that {ended.Unrecoverable} extents are lost");
        ScrubFinding? found = ended.Findings.FirstOrDefault(finding => finding.Kind is not (Extents.FragmentFindingKind.DiskMissing or Extents.FragmentFindingKind.Unplaced));
        Expect(!plan.IsClean || found is null, $"the scrub found {found} although nothing happened to these disks");
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

    private void Drain(MemberDisk member, bool staysEmpty)
    {
        if (member.State == DiskState.Draining)
        {
            member.SetState(DiskState.Healthy);
            return;
        }

        if (!member.IsWritable)
            return;
        member.SetState(DiskState.Draining);
        bool isAtRest = Drive(engine.Rebuilder.Step);
        if (plan.IsClean)
        {
            Expect(isAtRest, "the drain does not come to an end");
            engine.Files.Catalog.ForEach(ExtentId.None, (record, live) =>
            {
                Expect(live == 0 || record.Fragments.All(place => place.DiskIndex != member.Index), $"extent {record.Id} still has a fragment on the disk that was emptied");
                return true;
            });
        }

        if (!staysEmpty)
            member.SetState(DiskState.Healthy);
    }

    private void TakeAwayOrBack(MemberDisk member)
    {
        if (member.IsPresent)
            engine.Detach(member.Index);
        else
            engine.Attach(member.Index, world.Open(member.Index));
        Drive(engine.Rebuilder.Step);
    }

    private void Join()
    {
        if (engine.Members.Count > plan.Disks)
            return;
        Errno errno = engine.Join(world.Open(plan.Disks));
        Expect(!plan.IsClean || errno == Errno.None, $"joining answers {errno}");
        if (errno != Errno.None)
            return;
        Expect(engine.Metadata.Root.Shape.MemberCount == plan.Disks + 1, "the disk is no member although the commit says so");
        onSynced();
    }

    private void Collect()
    {
        List<Orphan> found = engine.Orphans.Detect();
        Expect(!plan.IsClean || plan.Maintenance.MovesFragments || found.Count == 0, $"{found.Count} orphans although nothing was moved: {string.Join(", ", found.Take(3))}");
        engine.Orphans.Collect(found, TimeSpan.Zero);
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
