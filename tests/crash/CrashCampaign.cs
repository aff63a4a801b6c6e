using System.Diagnostics;
using DynamicFs.CrashTests.Simulation;

namespace DynamicFs.CrashTests;

/// <summary>Records workloads and judges the states of every moment in them, until time or states are used up.</summary>
public sealed class CrashCampaign
{
    /// <summary>Operations of one workload.</summary>
    public int Operations { get; init; } = CrashCase.DefaultOperations;

    /// <summary>Most states that are tried at one crash point.</summary>
    public int StatesPerPoint { get; init; } = 12;

    /// <summary>For the hunt after a broken step: few states at each point, so that all of a workload is soon come by.</summary>
    public const int StatesPerPointOfHunt = 4;

    public int Threads { get; init; } = 2;

    /// <summary>Stops after so many violations.</summary>
    public int MaxViolations { get; init; } = 5;

    public CampaignReport Run(int firstSeed, long maxStates, TimeSpan maxTime)
    {
        var report = new CampaignReport();
        var clock = Stopwatch.StartNew();
        int seed = firstSeed - 1;
        bool IsOver() => report.States >= maxStates || clock.Elapsed >= maxTime || report.Violations.Count >= MaxViolations;
        var threads = new Thread[Threads];
        for (int i = 0; i < Threads; i++)
        {
            threads[i] = new Thread(() =>
            {
                while (!IsOver())
                    RunSeed(Interlocked.Increment(ref seed), report, IsOver);
            });
            threads[i].Start();
        }

        foreach (Thread thread in threads)
            thread.Join();
        report.Seconds = clock.Elapsed.TotalSeconds;
        return report;
    }

    /// <summary>All crash points of one seed.</summary>
    public void RunSeed(int seed, CampaignReport report, Func<bool>? isOver = null) => RunPlan(new RunPlan(seed, Operations, maintenance: MaintenancePlan.AllKinds), report, isOver);

    /// <summary>Judges the one state of a case, or all of its workload when it names no moment.</summary>
    public CampaignReport Replay(CrashCase replayed)
    {
        var report = new CampaignReport();
        var clock = Stopwatch.StartNew();
        if (replayed.At.Count == 0)
            RunPlan(replayed.Plan, report);
        else if (TryRecord(replayed.Plan, report) is { } run && SingleState.Judge(run, replayed) is { } violation)
            report.Violations.Add(violation);
        report.States = Math.Max(report.States, 1);
        report.Seconds = clock.Elapsed.TotalSeconds;
        return report;
    }

    /// <summary>All crash points of one workload.</summary>
    public void RunPlan(RunPlan plan, CampaignReport report, Func<bool>? isOver = null)
    {
        if (TryRecord(plan, report) is not { } run)
            return;
        var seen = new HashSet<ulong>();
        var random = new Random(plan.Seed);
        var rounds = RoundMoments.Find(run.World.Log, run.FirstSequence).ToDictionary(round => round.Last);
        for (long sequence = run.FirstSequence; sequence <= run.LastSequence; sequence++)
        {
            LoggedCall call = run.World.Log[(int)sequence - 1];
            if (!call.IsChange && !call.IsBarrier)
                continue;
            if (!RunPoint(run, run.World.CrashPointAt(sequence), [sequence], seen, random, report, isOver))
                return;
            if (rounds.TryGetValue(sequence, out RoundMoments? round))
            {
                long[] moments = round.Choose(random, run.World.DiskCount);
                if (!RunPoint(run, run.World.CrashPointAt(moments), moments, seen, random, report, isOver))
                    return;
            }

            lock (report)
            {
                report.CrashPoints++;
                string kind = CrashPointKind.Of(call);
                report.CrashPointKinds[kind] = report.CrashPointKinds.GetValueOrDefault(kind) + 1;
            }
        }
    }

    private static RecordedRun? TryRecord(RunPlan plan, CampaignReport report)
    {
        try
        {
            var run = RecordedRun.Record(plan);
            lock (report)
            {
                report.Runs++;
                report.LaterLives += run.LaterLives;
                foreach ((string kind, long count) in run.Faults)
                    report.CountFault(kind, count);
                foreach ((MaintenanceKind kind, long count) in run.Maintained)
                    report.Maintenance[kind.ToString()] = report.Maintenance.GetValueOrDefault(kind.ToString()) + count;
            }

            return run;
        }
        catch (Exception e)
        {
            var recorded = CrashCase.Of(plan);
            lock (report)
                report.Violations.Add(new CrashViolation(recorded.ToString(), $"while the workload was recorded: {e}") { Case = recorded });
            return null;
        }
    }

    /// <summary>The states of one moment. False when it is over.</summary>
    private bool RunPoint(
        RecordedRun run, CrashPoint point, IReadOnlyList<long> at, HashSet<ulong> seen, Random random, CampaignReport report, Func<bool>? isOver)
    {
        CrashCase found = CrashCase.Of(run.Plan) with { At = at };
        int taken = 0;
        foreach (CrashSelection selection in Choose(point, run.Plan.Seed, random))
        {
            var chosen = found with { Fates = SelectionText.Format(selection), Damages = StateDamage.Choose(run.Plan, random) };
            if (!SingleState.TryBuild(run, chosen, point, selection, out SimulatedWorld world, out List<Fault> faults))
                continue;

            // The same bytes have to show more once more was acknowledged, and may meet other trouble: judged again, but counted once.
            ulong contents = SingleState.HashOf(world, chosen);
            if (seen.Add(SingleState.KeyOf(contents, chosen, run.OldestAllowed(at.Min()))))
            {
                if (isOver?.Invoke() == true)
                    return false;
                CrashViolation? violation = CrashJudge.Judge(run, chosen, world, isThorough: random.Next(4) == 0);
                Count(report, chosen, faults, violation, isNew: seen.Add(contents));
                if (++taken >= StatesPerPoint)
                    break;
            }
        }

        return isOver?.Invoke() != true;
    }

    private void Count(CampaignReport report, CrashCase judged, List<Fault> faults, CrashViolation? violation, bool isNew)
    {
        lock (report)
        {
            report.States += isNew ? 1 : 0;
            report.Judgements++;
            if (judged.Damages.Any(damage => damage.Kind == DamageKind.Missing))
                report.StatesWithMissingDisks++;
            if (judged.At.Count > 1)
                report.StatesWithOwnMoments++;
            foreach (Damage damage in judged.Damages.Where(damage => damage.Kind != DamageKind.FailsInRecovery))
                report.CountFault(damage.Kind.ToString());
            foreach (Fault fault in faults.Where(fault => fault.HitCount > 0))
                report.CountFault($"{fault.Kind}InRecovery");
            if (violation is not null && report.Violations.Count < MaxViolations)
                report.Violations.Add(violation);
        }
    }

    /// <summary>The first states (all kept, all lost) always; of the rest a random choice, so that the budget reaches every kind.</summary>
    private static IEnumerable<CrashSelection> Choose(CrashPoint point, int seed, Random random)
    {
        var options = new CrashStates(ExhaustiveLimit: 4, SampleCount: 8, TornSectors: 3, Seed: seed);
        int index = 0;
        foreach (CrashSelection selection in options.Enumerate(point))
        {
            if (index++ < 2 || random.Next(4) == 0)
                yield return selection;
        }
    }
}
