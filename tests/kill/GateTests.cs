using System.Text.RegularExpressions;
using DynamicFs.Harness;
using DynamicFs.KillTests.Campaign;
using DynamicFs.KillTests.Pool;
using DynamicFs.KillTests.Workloads;
using Xunit;
using Xunit.Abstractions;

[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace DynamicFs.KillTests;

/// <summary>The short form of tools/kill-campaign. Seeds are fresh and shown; timing makes every run another one anyway.</summary>
public sealed partial class GateTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("ext4", true, 0, 5)]
    [InlineData("xfs", false, 5, 9)]
    [InlineData("btrfs", false, 9, 13)]
    public void Nothing_acknowledged_is_lost_when_the_daemon_is_killed(string filesystem, bool allDisks, int from, int to)
    {
        Assert.Equal(13, RoundPlans.Serving.Count);
        using KillCampaign campaign = Campaign(filesystem, random => [new MarkWorkload(random)], out RoundPlans plans, allDisks);
        for (int round = from; round < to; round++)
            campaign.Round(plans.Kill(round, RoundPlans.Serving[round], RoundPlans.Mounting[round % RoundPlans.Mounting.Count]));
        campaign.Finish(0, 10);
        if (allDisks)
            campaign.CheckNothingIsLeft();
        AssertUseful(campaign.Tally);
        output.WriteLine($"came to {string.Join(' ', campaign.Tally.Points.Keys)}");
        Assert.NotEmpty(campaign.Tally.Points);
    }

    /// <summary>A point that was renamed away would never be reached, and nobody would notice.</summary>
    [Fact]
    public void The_harness_knows_exactly_the_points_of_the_engine()
    {
        string sources = Repository.File("src/DynamicFs");
        IEnumerable<string> inEngine = Directory.EnumerateFiles(sources, "*.cs", SearchOption.AllDirectories)
            .SelectMany(path => KillPointName().Matches(File.ReadAllText(path))).Select(match => match.Groups[1].Value);
        IEnumerable<string> known = RoundPlans.Serving.Concat(RoundPlans.Mounting).Concat(RoundPlans.Rebuilding).Concat(RoundPlans.Membership).Select(point => point.Name);
        Assert.Equal(inEngine.Distinct().Order(), known.Distinct().Order());
    }

    [Theory]
    [InlineData("ext4-writeback", true)]
    [InlineData("xfs", false)]
    public void Nothing_acknowledged_is_lost_when_the_disks_lose_power(string filesystem, bool allDisks)
    {
        using KillCampaign campaign = Campaign(filesystem, random => [new MarkWorkload(random)], out RoundPlans plans, allDisks);
        for (int round = 0; round < 5; round++)
            campaign.Round(plans.Cut(round));
        campaign.Finish(0, 10);
        if (allDisks)
            campaign.CheckNothingIsLeft();
        Assert.True(campaign.Tally.Cuts >= 5);
        AssertUseful(campaign.Tally);
    }

    [Fact]
    public void Databases_and_repositories_survive_kills_and_power_cuts()
    {
        using KillCampaign campaign = Campaign("ext4-writeback", Applications, out RoundPlans plans, readsWhileCut: true);
        for (int round = 0; round < 2; round++)
        {
            campaign.Round(plans.Kill(round) with { Interrupted = [] });
            campaign.Round(plans.Cut(round));
        }

        campaign.Finish(0, 10);
        output.WriteLine($"{campaign.Tally.TransactionsCommitted} transactions");
        Assert.True(campaign.Tally.TransactionsCommitted > 0);
    }

    /// <summary>A daemon that syncs nothing keeps its promises through every kill; a power cut must find it out.</summary>
    [Fact]
    public void A_daemon_that_does_not_sync_is_found_out_by_a_power_cut()
    {
        using KillCampaign campaign = Campaign("ext4-writeback", random => [new MarkWorkload(random)], out _);
        campaign.Settings["DYNFS_NO_FSYNC"] = "1";
        Assert.Throws<KillViolationException>(() =>
        {
            for (int round = 0; round < 6; round++)
                campaign.Round(new RoundPlan { Length = TimeSpan.FromMilliseconds(500), Cut = [0, 1, 2, 3, 4, 5] });
        });
    }

    internal static IReadOnlyList<IWorkload> Applications(Random random) =>
        [new SqliteWorkload("WAL", "FULL"), new SqliteWorkload("DELETE", "EXTRA"), new SqliteWorkload("TRUNCATE", "FULL"), new GitWorkload()];

    [GeneratedRegex(@"KillPoint\.Reach\(""([^""]+)""\)")]
    private static partial Regex KillPointName();

    private KillCampaign Campaign(string filesystem, Func<Random, IReadOnlyList<IWorkload>> workloads, out RoundPlans plans, bool allDisks = false, bool readsWhileCut = false)
    {
        int seed = Environment.TickCount;
        output.WriteLine($"{filesystem}, seed {seed}");
        plans = new RoundPlans(new Random(seed), allDisks, readsWhileCut);
        return new KillCampaign(DiskKind.Named(filesystem), seed, workloads, output.WriteLine);
    }

    /// <summary>A run in which nothing was promised proves nothing.</summary>
    private void AssertUseful(Tally tally)
    {
        output.WriteLine($"{tally.Kills} kills, {tally.MarksAcknowledged} of {tally.MarksWritten} marks acknowledged");
        Assert.True(tally.MarksAcknowledged > 0);
        Assert.Equal(0, tally.MarksLost);
    }
}
