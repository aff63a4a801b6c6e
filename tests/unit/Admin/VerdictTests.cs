using DynamicFs.Admin;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Admin;

public sealed class VerdictTests
{
    private static readonly VerdictInput Healthy = new() { Name = "tank", Total = 6, Tolerance = 2, Redundancy = new RedundancyStatus(10, 10, 0, 0, 0, 2) };

    [Fact]
    public void AllGoodIsOk()
    {
        Verdict verdict = Verdict.Judge(Healthy);
        Assert.Equal((PoolState.Ok, ExitCode.Done, "OK", "none"), (verdict.State, verdict.ExitCode, verdict.StateName, verdict.Action));
        Assert.Contains("2 disks may fail", verdict.Impact);
    }

    [Fact]
    public void AMissingDiskIsDegradedAndNamed()
    {
        Verdict verdict = Verdict.Judge(Healthy with { Missing = 1, MissingText = "/mnt/d3", Redundancy = new RedundancyStatus(10, 2, 8, 0, 0, 1) });
        Assert.Equal((PoolState.Degraded, ExitCode.Degraded), (verdict.State, verdict.ExitCode));
        Assert.Contains("/mnt/d3", verdict.Summary);
        Assert.Contains("1 more disk may fail", verdict.Impact);
        Assert.Contains("/mnt/d3", verdict.Action);
    }

    [Fact]
    public void BeforeExtentsAreCountedTheMissingDisksSayHowManyMoreMayFail()
        => Assert.Contains("next disk that fails loses data", Verdict.Judge(Healthy with { Missing = 2, MissingText = "a, b", Redundancy = null }).Impact);

    [Fact]
    public void ExtentsWithoutSpareAreAtRisk()
    {
        Verdict missing = Verdict.Judge(Healthy with { Missing = 2, MissingText = "/mnt/d3, /mnt/d4", Redundancy = new RedundancyStatus(10, 0, 2, 8, 0, 0) });
        Assert.Equal((PoolState.Degraded, ExitCode.NoSpareRedundancy, "DEGRADED"), (missing.State, missing.ExitCode, missing.StateName));
        Verdict verdict = Verdict.Judge(Healthy with { Redundancy = new RedundancyStatus(10, 0, 2, 8, 0, 0) });
        Assert.Equal((PoolState.AtRisk, ExitCode.NoSpareRedundancy, "AT_RISK"), (verdict.State, verdict.ExitCode, verdict.StateName));
    }

    [Fact]
    public void LossOutweighsEverything()
    {
        Verdict verdict = Verdict.Judge(Healthy with { Missing = 3, ReadOnlyReason = "degraded", Redundancy = new RedundancyStatus(10, 0, 2, 7, 1, 0) });
        Assert.Equal((PoolState.DataLoss, ExitCode.DataLost), (verdict.State, verdict.ExitCode));
        Assert.Contains("1 of 10 extents", verdict.Summary);
    }

    [Fact]
    public void MoreMissingThanThePolicySurvivesIsUnavailable()
    {
        Verdict verdict = Verdict.Judge(Healthy with { Missing = 3, MissingText = "a, b, c", Redundancy = new RedundancyStatus(0, 0, 0, 0, 0, 2) });
        Assert.Equal((PoolState.Unavailable, ExitCode.DataLost), (verdict.State, verdict.ExitCode));
        Assert.Contains("a, b, c", verdict.Action);
    }

    [Fact]
    public void ReadOnlyByAFailureIsNotOk()
    {
        Verdict verdict = Verdict.Judge(Healthy with { ReadOnlyReason = "the commit failed" });
        Assert.Equal((PoolState.ReadOnly, ExitCode.Degraded), (verdict.State, verdict.ExitCode));
        Assert.Contains("the commit failed", verdict.Summary);
    }

    [Fact]
    public void APolicyWithoutRedundancyIsOkButSaysSo()
        => Assert.Contains("no spare copy", Verdict.Judge(new VerdictInput { Name = "x", Total = 1, Tolerance = 0, Redundancy = new RedundancyStatus(3, 3, 0, 3, 0, 0) }).Impact);

    [Fact]
    public void EveryStateNameReadsBack()
    {
        foreach (PoolState state in Enum.GetValues<PoolState>())
            Assert.Equal(state, Verdict.StateOf(Verdict.NameOf(state)));
    }
}
