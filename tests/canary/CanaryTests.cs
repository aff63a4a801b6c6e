using System.Globalization;
using DynamicFs.CrashTests;
using DynamicFs.Primitives;
using Xunit;
using Xunit.Abstractions;

namespace DynamicFs.CanaryTests;

/// <summary>The harness proves itself: the campaign finds each safety step that is broken on purpose, and finds nothing when none is.</summary>
public sealed class CanaryTests(ITestOutputHelper output)
{
    private const int Seed = 1;
    private const long MaxStates = 100_000;
    private const long ControlStates = 600;

    private static readonly TimeSpan _limit =
        TimeSpan.FromSeconds(int.Parse(Environment.GetEnvironmentVariable("DYNFS_CANARY_SECONDS") ?? "60", CultureInfo.InvariantCulture));

    /// <summary>Those that today's campaign is strong enough for.</summary>
    public static TheoryData<string> Names =>
    [
        "pages-not-synced", "root-not-synced", "new-file-directory-not-synced", "acknowledged-before-durable", "journal-not-replayed", "page-freed-when-dead",
        "page-reused-while-kept",
    ];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_broken_step_is_caught(string name)
    {
        CampaignReport report = Hunt(name, MaxStates, out long hits);
        Assert.True(hits > 0, $"the step was never broken in {report.States} states");
        Assert.True(report.Violations.Count > 0, $"{report.States} states, none of them wrong, although the step was broken {hits} times");
    }

    [Fact]
    public void Without_a_canary_nothing_is_caught()
    {
        CampaignReport report = Hunt("", ControlStates, out _);
        Assert.Empty(report.Violations);
        Assert.True(report.States > 0);
    }

    private CampaignReport Hunt(string name, long maxStates, out long hits)
    {
        Canary.Alive = name;
        try
        {
            var campaign = new CrashCampaign { MaxViolations = 1 };
            CampaignReport report = campaign.Run(Seed, maxStates, _limit);
            hits = Canary.HitCount;
            string first = report.Violations.Count == 0 ? "not caught" : report.Violations[0].What.Split('\n')[0];
            output.WriteLine($"CANARY {name}: {report.States} states, {report.Seconds:f1} s, broken {hits} times: {first}");
            return report;
        }
        finally
        {
            Canary.Alive = "";
        }
    }
}
