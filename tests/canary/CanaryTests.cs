using System.Globalization;
using DynamicFs.CrashTests;
using DynamicFs.Primitives;
using Xunit;
using Xunit.Abstractions;

namespace DynamicFs.CanaryTests;

/// <summary>
/// The harness proves itself: the campaign finds each safety step that is broken on purpose, and finds nothing when none is. The seeds are the first ones that do;
/// <c>tools/crash-campaign --canary</c> starts every hunt at seed 1.
/// </summary>
public sealed class CanaryTests(ITestOutputHelper output)
{
    private const long MaxStates = 100_000;
    private const long ControlStates = 500;

    private static readonly TimeSpan _limit =
        TimeSpan.FromSeconds(int.Parse(Environment.GetEnvironmentVariable("DYNFS_CANARY_SECONDS") ?? "120", CultureInfo.InvariantCulture));

    /// <summary>Where a hunt begins, when the first workloads do not come by that step.</summary>
    private static readonly Dictionary<string, int> _seeds = new()
    {
        ["read-back-not-compared"] = 10,
        ["failed-sync-believed"] = 12,
        ["min-write-ignored"] = 10,
        ["orphans-not-freed"] = 7,
        ["fragment-header-not-verified"] = 2,
        ["extent-deleted-when-dead"] = 23,
        ["commit-quorum-ignored"] = 84,
        ["extent-deleted-while-kept"] = 52,
        ["rebuilt-before-durable"] = 277,
        ["moved-fragment-deleted-early"] = 277,
        ["moved-fragment-deleted-while-kept"] = 242,
        ["orphans-without-kept-roots"] = 501,
        ["scrub-without-parity"] = 52,
    };

    public static TheoryData<string> Names => [.. Canary.All];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_broken_step_is_caught(string name)
    {
        CampaignReport report = Hunt(name, _seeds.GetValueOrDefault(name, 1), MaxStates, out long hits);
        Assert.True(hits > 0, $"the step was never broken in {report.States} states");
        Assert.True(report.Violations.Count > 0, $"{report.States} states, none of them wrong, although the step was broken {hits} times");
    }

    /// <summary>The same workloads as above: it is the broken step that is caught.</summary>
    [Fact]
    public void Without_a_canary_nothing_is_caught()
    {
        foreach (int seed in _seeds.Values.Append(1).Distinct())
        {
            CampaignReport report = Hunt("", seed, ControlStates, out _);
            Assert.Empty(report.Violations);
            Assert.True(report.States > 0);
        }
    }

    private CampaignReport Hunt(string name, int seed, long maxStates, out long hits)
    {
        CampaignMemory.KeepFreed();
        Canary.Alive = name;
        try
        {
            CampaignReport report = new CrashCampaign { MaxViolations = 1, StatesPerPoint = CrashCampaign.StatesPerPointOfHunt }.Run(seed, maxStates, _limit);
            hits = Canary.HitCount;
            CrashViolation? first = report.Violations.Count == 0 ? null : report.Violations[0];
            output.WriteLine($"CANARY {name}: {report.States} states, {report.Runs} runs, {report.Seconds:f1} s, broken {hits} times: {first?.Reproduce ?? "not caught"}: {first?.What.Split('\n')[0]}");
            return report;
        }
        finally
        {
            Canary.Alive = "";
        }
    }
}
