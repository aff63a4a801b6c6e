using Xunit;
using Xunit.Abstractions;

namespace DynamicFs.CrashTests;

/// <summary>The gate's share of the crash campaign: fixed seeds, every one of them always.</summary>
public sealed class CrashCampaignTests(ITestOutputHelper output)
{
    [Fact]
    public void EveryStateOfTheFixedSeedsIsAStateOfTheModel()
    {
        var campaign = new CrashCampaign { MaxViolations = 3 };
        CampaignReport report = campaign.Run(firstSeed: 1, maxStates: long.Parse(Environment.GetEnvironmentVariable("DYNFS_CRASH_STATES") ?? "400", System.Globalization.CultureInfo.InvariantCulture), maxTime: TimeSpan.FromSeconds(120));
        output.WriteLine($"{report.States} states, {report.CrashPoints} crash points, {report.Runs} runs, {report.StatesPerSecond:f0} states/s");
        foreach (CrashViolation violation in report.Violations)
            output.WriteLine($"{violation.Reproduce}\n{violation.What}");
        Assert.Empty(report.Violations);
        Assert.True(report.States > 0);
    }
}
