using System.Diagnostics;
using DynamicFs.CrashTests.Simulation;
using DynamicFs.Primitives;

namespace DynamicFs.CrashTests;

/// <summary>What a campaign did and found.</summary>
public sealed class CampaignReport
{
    public long States { get; set; }
    public long CrashPoints { get; set; }
    public int Runs { get; set; }
    public long StatesWithMissingDisks { get; set; }
    public List<CrashViolation> Violations { get; } = [];
    public double Seconds { get; set; }
    public double StatesPerSecond => Seconds > 0 ? States / Seconds : 0;
}

/// <summary>Records workloads and judges the states of every moment in them, until time or states are used up.</summary>
public sealed class CrashCampaign
{
    private static readonly (int Disks, RedundancyScheme Scheme)[] _shapes =
    [
        (6, RedundancyScheme.ReedSolomon(4, 2)),
        (3, RedundancyScheme.Replica(3)),
        (3, RedundancyScheme.ReedSolomon(2, 1)),
        (2, RedundancyScheme.Replica(2)),
    ];

    /// <summary>Operations of one workload.</summary>
    public int Operations { get; init; } = 14;

    /// <summary>Most states that are tried at one crash point.</summary>
    public int StatesPerPoint { get; init; } = 24;

    public int Threads { get; init; } = 2;

    /// <summary>Stops after so many violations.</summary>
    public int MaxViolations { get; init; } = 5;

    public CampaignReport Run(int firstSeed, long maxStates, TimeSpan maxTime)
    {
        var report = new CampaignReport();
        var clock = Stopwatch.StartNew();
        int seed = firstSeed - 1;
        var threads = new Thread[Threads];
        for (int i = 0; i < Threads; i++)
        {
            threads[i] = new Thread(() =>
            {
                while (report.States < maxStates && clock.Elapsed < maxTime && report.Violations.Count < MaxViolations)
                    RunSeed(Interlocked.Increment(ref seed), report, () => report.States >= maxStates || clock.Elapsed >= maxTime);
            });
            threads[i].Start();
        }

        foreach (Thread thread in threads)
            thread.Join();
        report.Seconds = clock.Elapsed.TotalSeconds;
        return report;
    }

    /// <summary>All crash points of one seed.</summary>
    public void RunSeed(int seed, CampaignReport report, Func<bool>? isOver = null)
    {
        (int disks, RedundancyScheme scheme) = _shapes[(uint)seed % _shapes.Length];
        RecordedRun run;
        try
        {
            run = RecordedRun.Record(seed, Operations, disks, scheme);
        }
        catch (Exception e)
        {
            lock (report)
                report.Violations.Add(new CrashViolation($"seed={seed}", $"the workload itself failed: {e}"));
            return;
        }

        lock (report)
            report.Runs++;
        var seen = new HashSet<ulong>();
        var random = new Random(seed);
        for (long sequence = run.FirstSequence; sequence <= run.LastSequence; sequence++)
        {
            CrashPoint point = run.World.CrashPointAt(sequence);
            var options = new CrashStates(ExhaustiveLimit: 4, SampleCount: 8, TornSectors: 3, Seed: seed);
            int taken = 0;
            foreach ((CrashSelection selection, SimulatedWorld world) in Choose(point, seen, options, random))
            {
                if (isOver?.Invoke() == true || report.Violations.Count >= MaxViolations)
                    return;
                List<int> missing = random.Next(3) == 0 ? Missing(random, disks, scheme) : [];
                CrashViolation? violation = CrashJudge.Judge(run, sequence, selection.ToString(), world, missing);
                lock (report)
                {
                    report.States++;
                    if (missing.Count > 0)
                        report.StatesWithMissingDisks++;
                    if (violation is not null)
                        report.Violations.Add(violation);
                }

                if (++taken >= StatesPerPoint)
                    break;
            }

            lock (report)
                report.CrashPoints++;
        }
    }

    /// <summary>The first states (all kept, all lost, single ones) always; of the rest a random choice, so that the budget reaches every kind.</summary>
    private static IEnumerable<(CrashSelection Selection, SimulatedWorld World)> Choose(CrashPoint point, HashSet<ulong> seen, CrashStates options, Random random)
    {
        int index = 0;
        foreach (CrashSelection selection in options.Enumerate(point))
        {
            if (index++ >= 4 && random.Next(4) != 0)
                continue;
            SimulatedWorld world = point.Build(selection);
            if (seen.Add(world.Hash()))
                yield return (selection, world);
        }
    }

    private static List<int> Missing(Random random, int disks, RedundancyScheme scheme)
    {
        List<int> all = [.. Enumerable.Range(0, disks)];
        List<int> missing = [];
        for (int n = random.Next(1, scheme.Tolerance + 1); n > 0; n--)
        {
            int at = random.Next(all.Count);
            missing.Add(all[at]);
            all.RemoveAt(at);
        }

        return missing;
    }
}
