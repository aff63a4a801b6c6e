using DynamicFs.Disks;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Disks;

public sealed class DiskHealthTests
{
    private static readonly DateTimeOffset s_start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void The_history_keeps_the_newest_entries_and_counts_all_errors()
    {
        var health = DiskHealth.New(s_start, "create");
        for (int i = 0; i < 40; i++)
            health = health.With(new DiskEvent(s_start.AddSeconds(i), $"error {i}"), errors: 1);
        Assert.Equal(DiskHealth.MaxHistory, health.History.Count);
        Assert.Equal(("error 24", "error 39"), (health.History[0].Text, health.History[^1].Text));
        Assert.Equal(40, health.ErrorCount);
        health = health.With(new DiskEvent(s_start.AddSeconds(60), "error 39"), errors: 1);
        Assert.Equal((DiskHealth.MaxHistory, s_start.AddSeconds(60), 41L), (health.History.Count, health.History[^1].Time, health.ErrorCount));
    }

    [Fact]
    public void Texts_are_cut_and_are_one_line()
    {
        DiskHealth health = DiskHealth.New(s_start, "create").To(DiskState.Failed, new string('x', 500), s_start, "a\nb\ud800", "who");
        Assert.Equal(DiskHealth.MaxText, health.Reason.Length);
        Assert.Equal("a b ", health.Evidence);
        Assert.StartsWith("HEALTHY to FAILED: xxx", health.History[0].Text);
    }

    [Fact]
    public void A_member_tells_each_step_once_with_its_evidence()
    {
        using var member = new MemberDisk(3, DiskId.New(), "/mnt/d3", disk: null, DiskState.Healthy, new DiskQueue("d3", threads: 0));
        var steps = new List<DiskTransition>();
        member.StateChanged += steps.Add;
        member.ReportFailure(new DiskException("/mnt/d3", "read x", Errno.EIO), isWrite: false);
        Assert.Empty(steps);
        member.ReportFailure(new DiskException("/mnt/d3", "read y", Errno.EIO), isWrite: false);
        member.ReportFailure(new DiskException("/mnt/d3", "read z", Errno.EIO), isWrite: false);
        DiskTransition step = Assert.Single(steps);
        Assert.Equal((DiskState.Healthy, DiskState.Suspect, "disk /mnt/d3: read y: EIO", "engine"), (step.From, step.Health.State, step.Health.Evidence, step.Health.Who));
        Assert.Equal(3, member.Health.ErrorCount);
        member.ReportFailure(new DiskException("/mnt/d3", "write", Errno.EROFS), isWrite: true);
        member.Order(DiskState.Draining, "going", "", "operator");
        member.Observe(DiskSign.IdentityLost, "no label");
        Assert.Equal([DiskState.Suspect, DiskState.Degraded, DiskState.Draining, DiskState.Failed], steps.Select(s => s.Health.State));
        Assert.False(member.IsReadable);
    }

    [Fact]
    public void Full_is_not_broken()
    {
        using var member = new MemberDisk(0, DiskId.New(), "d", disk: null, DiskState.Healthy, new DiskQueue("d", threads: 0));
        for (int i = 0; i < 20; i++)
            member.ReportFailure(new DiskException("d", "write", i % 2 == 0 ? Errno.ENOSPC : Errno.EDQUOT), isWrite: true);
        Assert.Equal((DiskState.Healthy, 20L), (member.State, member.WriteFailureCount));
    }

    [Fact]
    public void Only_what_is_far_slower_than_the_others_is_an_outlier()
    {
        var outliers = new DiskOutliers();
        MemberDisk[] disks = [.. Enumerable.Range(0, 5).Select(i => new MemberDisk(i, DiskId.New(), $"d{i}", disk: null, DiskState.Healthy, new DiskQueue($"d{i}", threads: 0)))];
        Assert.Equal([disks[4]], outliers.Outliers(Means(disks, 20, 20, 30, 40, 260)));
        Assert.Contains("260 ms", outliers.Evidence(disks[4]));
        Assert.Contains("30 ms", outliers.Evidence(disks[4]));
        // All slow: the load, not a disk. All fast: nobody would notice.
        Assert.Empty(outliers.Outliers(Means(disks, 300, 300, 400, 500, 900)));
        Assert.Empty(outliers.Outliers(Means(disks, 1, 1, 1, 1, 200)));
        Assert.Empty(outliers.Outliers(Means(disks[..2], 1, 900)));
    }

    private static (MemberDisk, TimeSpan)[] Means(MemberDisk[] disks, params int[] milliseconds) =>
        [.. disks.Zip(milliseconds, (disk, time) => (disk, TimeSpan.FromMilliseconds(time)))];
}
