namespace DynamicFs.Disks;

/// <summary>
/// Finds disks that answer much later than the others: mean time of the calls since the last look, compared with the median of all disks that had enough calls. For one thread.
/// </summary>
public sealed class DiskOutliers
{
    /// <summary>Fewer calls say nothing.</summary>
    private const int MinimumCalls = 8;

    /// <summary>This many times the median is an outlier.</summary>
    private const double Factor = 8;

    /// <summary>Below this nobody would notice.</summary>
    private static readonly TimeSpan s_floor = TimeSpan.FromMilliseconds(250);

    private readonly Dictionary<int, (long Count, TimeSpan Busy)> _before = [];
    private readonly Dictionary<int, (TimeSpan Mean, TimeSpan Median)> _found = [];

    public IReadOnlyList<MemberDisk> Find(IReadOnlyList<MemberDisk> members)
    {
        var means = new List<(MemberDisk Disk, TimeSpan Mean)>();
        foreach (MemberDisk member in members)
        {
            DiskQueueStatistics now = member.Queue.Statistics();
            (long count, TimeSpan busy) = _before.GetValueOrDefault(member.Index);
            _before[member.Index] = (now.CompletedCount, now.Busy);
            if (now.CompletedCount - count >= MinimumCalls && member.IsReadable)
                means.Add((member, (now.Busy - busy) / (now.CompletedCount - count)));
        }

        return Outliers(means);
    }

    public string Evidence(MemberDisk member)
    {
        (TimeSpan mean, TimeSpan median) = _found.GetValueOrDefault(member.Index);
        return $"its calls took {mean.TotalMilliseconds:0} ms, those of the other disks {median.TotalMilliseconds:0} ms";
    }

    internal IReadOnlyList<MemberDisk> Outliers(IReadOnlyList<(MemberDisk Disk, TimeSpan Mean)> means)
    {
        _found.Clear();
        if (means.Count < 3)
            return [];
        TimeSpan median = means.Select(m => m.Mean).Order().ElementAt((means.Count - 1) / 2);
        var outliers = new List<MemberDisk>();
        foreach ((MemberDisk disk, TimeSpan mean) in means)
        {
            if (mean < s_floor || mean < median * Factor)
                continue;
            _found[disk.Index] = (mean, median);
            outliers.Add(disk);
        }

        return outliers;
    }
}
