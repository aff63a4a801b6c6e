namespace DynamicFs.CrashTests;

/// <summary>What a campaign did and found.</summary>
public sealed class CampaignReport
{
    /// <summary>Different post-crash contents of the disks that were judged.</summary>
    public long States { get; set; }

    /// <summary>How often a state was judged: the same contents count once, but are judged anew when more was acknowledged, or when something else goes wrong on top.</summary>
    public long Judgements { get; set; }

    /// <summary>Moments of recorded workloads at which the power went.</summary>
    public long CrashPoints { get; set; }

    /// <summary>Recorded workloads.</summary>
    public int Runs { get; set; }

    public long StatesWithMissingDisks { get; set; }

    /// <summary>States whose disks were stopped at different moments of one round.</summary>
    public long StatesWithOwnMoments { get; set; }

    /// <summary>Power cuts and restarts in the middle of workloads; what follows is judged as well, the recovery first of all.</summary>
    public long LaterLives { get; set; }

    /// <summary>Faults on top of power cuts: at rest, in recovery, in the workload.</summary>
    public SortedDictionary<string, long> Faults { get; } = new(StringComparer.Ordinal);

    /// <summary>Maintenance in the workloads that came to its end and changed something, by kind.</summary>
    public SortedDictionary<string, long> Maintenance { get; } = new(StringComparer.Ordinal);

    /// <summary>The calls right after which the power went, by what they did to which file.</summary>
    public SortedDictionary<string, long> CrashPointKinds { get; } = new(StringComparer.Ordinal);

    public List<CrashViolation> Violations { get; } = [];
    public double Seconds { get; set; }
    public double StatesPerSecond => Seconds > 0 ? States / Seconds : 0;

    public void CountFault(string kind, long count = 1) => Faults[kind] = Faults.GetValueOrDefault(kind) + count;
}
