namespace DynamicFs.KillTests.Campaign;

/// <summary>What a campaign did and found; its JSON is this.</summary>
internal sealed class Tally
{
    private readonly Dictionary<string, long> _totals = [];

    public string Filesystem { get; init; } = "";
    public int Seed { get; init; }
    public int Rounds { get; set; }

    /// <summary>Lives ended by SIGKILL, of serving daemons and of mounts.</summary>
    public int Kills { get; set; }
    public int MountsKilled { get; set; }

    /// <summary>Rounds in which disks lost power.</summary>
    public int Cuts { get; set; }
    public int DisksCut { get; set; }
    public int RoundsWithDisksAway { get; set; }
    public int Fscks { get; set; }
    public int Recoveries { get; set; }
    public long Operations { get; set; }
    public long MarksWritten { get; set; }

    /// <summary>Commits asked for through the control socket that the daemon said were done.</summary>
    public int CommitsAcknowledged { get; set; }

    /// <summary>Marks of each life that a returned sync covered.</summary>
    public long MarksAcknowledged { get; set; }
    public long MarksLost { get; set; }

    /// <summary>Transactions and commits of applications that their program said were durable.</summary>
    public long TransactionsCommitted { get; set; }
    public long TransactionsLost { get; set; }
    public double Seconds { get; set; }

    /// <summary>Lives that ended, or were held, at each named point.</summary>
    public SortedDictionary<string, int> Points { get; init; } = new(StringComparer.Ordinal);

    public List<string> Violations { get; init; } = [];

    public void NotePoint(string name) => Points[name] = Points.GetValueOrDefault(name) + 1;

    /// <summary>Takes a workload's total so far; returns that of all.</summary>
    public long NoteTotal(string workload, long total)
    {
        _totals[workload] = total;
        return _totals.Values.Sum();
    }
}
