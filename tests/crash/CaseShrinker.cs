using System.Diagnostics;
using DynamicFs.CrashTests.Simulation;

namespace DynamicFs.CrashTests;

/// <summary>Makes a failing case small: fewer operations, fewer damaged disks, fewer losses. What is left still fails.</summary>
public static class CaseShrinker
{
    private const long StatesPerTry = 1500;

    public static CrashViolation Shrink(CrashViolation violation, TimeSpan limit)
    {
        var clock = Stopwatch.StartNew();
        CrashViolation smallest = violation;
        for (bool isSmaller = true; isSmaller && clock.Elapsed < limit;)
        {
            isSmaller = false;
            for (int index = smallest.Case!.Operations - 1; index >= 0 && clock.Elapsed < limit; index--)
            {
                if (!smallest.Case!.Skipped.Contains(index) && Without(smallest.Case, index, limit - clock.Elapsed) is { } smaller)
                    (smallest, isSmaller) = (smaller, true);
            }
        }

        return smallest.Case!.At.Count == 0 ? smallest : ShrinkState(smallest, limit, clock);
    }

    /// <summary>Any failing state of the workload without one operation.</summary>
    private static CrashViolation? Without(CrashCase failing, int index, TimeSpan limit)
    {
        var plan = new RunPlan(failing.Seed, failing.Operations, failing.Skipped.Append(index).ToHashSet(), failing.MaintenanceLevel);
        var report = new CampaignReport();
        var clock = Stopwatch.StartNew();
        new CrashCampaign { MaxViolations = 1 }.RunPlan(plan, report, () => report.States >= StatesPerTry || report.Violations.Count > 0 || clock.Elapsed > limit);
        return report.Violations.FirstOrDefault();
    }

    private static CrashViolation ShrinkState(CrashViolation failing, TimeSpan limit, Stopwatch clock)
    {
        RecordedRun run = RecordedRun.Record(failing.Case!.Plan);
        foreach (Damage damage in failing.Case.Damages)
            Try(failing.Case with { Damages = [.. failing.Case.Damages.Where(other => other != damage)] });
        CrashPoint point = failing.Case.At.Count == 1 ? run.World.CrashPointAt(failing.Case.At[0]) : run.World.CrashPointAt(failing.Case.At);
        for (int i = 0; i < point.Pending.Count && clock.Elapsed < limit; i++)
        {
            CrashSelection fates = SelectionText.Parse(failing.Case.Fates, point.Pending.Count)!;
            if (fates[i] != Survival.Kept)
                Try(failing.Case with { Fates = SelectionText.Format(fates.With(i, Survival.Kept)) });
        }

        return failing;

        void Try(CrashCase smaller)
        {
            if (SingleState.Judge(run, smaller) is { } found)
                failing = found;
        }
    }
}
