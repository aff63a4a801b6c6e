using System.Globalization;
using Xunit;
using Xunit.Abstractions;

namespace DynamicFs.CrashTests;

/// <summary>The gate's share of the crash campaign: the kept seeds, fixed ones, and fresh ones.</summary>
public sealed class CrashCampaignTests(ITestOutputHelper output)
{
    private const int FixedSeed = 1;

    /// <summary>No measure: two minutes on two idle cores.</summary>
    private static readonly TimeSpan _limit = TimeSpan.FromHours(1);

    private static long States =>
        long.Parse(Environment.GetEnvironmentVariable("DYNFS_CRASH_STATES") ?? "100000", CultureInfo.InvariantCulture);

    public static TheoryData<string> Kept => [.. KeptSeeds.Read().Select(kept => kept.ToString())];

    [Theory]
    [MemberData(nameof(Kept))]
    public void Kept_seeds_stay_right(string line)
    {
        CampaignReport report = new CrashCampaign { MaxViolations = 1 }.Replay(CrashCase.Parse(line, out _)!);
        AssertRight(report, 0);
    }

    [Fact]
    public void Every_state_of_fixed_and_fresh_seeds_is_a_state_of_the_model()
    {
        CampaignMemory.KeepFreed();
        int fresh = Random.Shared.Next(1_000_000, int.MaxValue / 2);
        output.WriteLine($"fresh seeds from {fresh}");
        foreach (int seed in (int[])[FixedSeed, fresh])
        {
            CampaignReport report = new CrashCampaign { MaxViolations = 3 }.Run(seed, (States + 1) / 2, _limit);
            AssertRight(report, seed);
            Assert.True(report.States >= States / 2, $"{report.States} states in {report.Seconds:f0} s");
        }
    }

    private void AssertRight(CampaignReport report, int seed)
    {
        output.WriteLine(Program.Summary(report, seed));
        foreach (CrashViolation violation in report.Violations)
            output.WriteLine($"tools/crash-campaign --replay '{violation.Reproduce}'\n{violation.What}");
        Assert.Empty(report.Violations);
    }
}
