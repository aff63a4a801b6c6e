using DynamicFs.Files;
using DynamicFs.Maintenance;
using Xunit;

namespace DynamicFs.UnitTests.Maintenance;

/// <summary>The controller alone, on a clock that is moved by hand: what programs wait for decides how much of the time maintenance gets.</summary>
public sealed class ForegroundPaceTests
{
    private static readonly TimeSpan s_step = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_usual = TimeSpan.FromMilliseconds(1);

    private readonly ManualClock _clock = new();
    private readonly ForegroundLatency _latency;

    public ForegroundPaceTests()
    {
        _latency = new ForegroundLatency(_clock);
        Pace = new ForegroundPace(_latency, _clock);
    }

    private ForegroundPace Pace { get; }

    [Fact]
    public void NobodyThereIsFullSpeed()
    {
        for (int i = 0; i < 10; i++)
            Assert.Equal(TimeSpan.Zero, Step());
        Assert.Equal((1.0, false), (Pace.Share, Pace.IsInUse));
    }

    [Fact]
    public void WhoComesGetsRestsAtOnceAndWhoGoesGivesThemBack()
    {
        Calls(1, s_usual);
        TimeSpan rest = Step();
        Assert.Equal((ForegroundPace.FirstShare, true), (Pace.Share, Pace.IsInUse));
        Assert.Equal(s_step * ((1 - ForegroundPace.FirstShare) / ForegroundPace.FirstShare), rest);
        _clock.Advance(ForegroundPace.IdleAfter);
        Assert.Equal(TimeSpan.Zero, Step());
        Assert.Equal((1.0, false), (Pace.Share, Pace.IsInUse));
    }

    [Fact]
    public void CallsThatGetSlowSlowMaintenanceDownToALittle()
    {
        for (int i = 0; i < 12; i++)
            Round(quiet: s_usual, disturbed: s_usual * 4);
        Assert.Equal(ForegroundPace.LeastShare, Pace.Share);
        Assert.InRange(Step(), s_step * 18.9, s_step * 19.1);
    }

    [Fact]
    public void CallsThatDoNotSufferLetItGrowButNotToAll()
    {
        for (int i = 0; i < 40; i++)
            Round(quiet: s_usual, disturbed: s_usual * 1.1);
        Assert.Equal(ForegroundPace.MostShare, Pace.Share, 3);
    }

    [Fact]
    public void ALoadThatIsSlowByItselfIsNoReason()
    {
        for (int i = 0; i < 10; i++)
            Round(quiet: s_usual * 50, disturbed: s_usual * 50);
        Assert.True(Pace.Share > ForegroundPace.FirstShare, "as slow in rests as in steps");
    }

    [Fact]
    public void TheKindThatSuffersMostCounts()
    {
        for (int i = 0; i < 12; i++)
        {
            Pace.Begin();
            Calls(ForegroundPace.EnoughCalls, s_usual);
            Calls(ForegroundPace.EnoughCalls, s_usual * 20, ForegroundKind.Sync);
            Pace.End(s_step);
            Calls(ForegroundPace.EnoughCalls, s_usual);
            Calls(ForegroundPace.EnoughCalls, s_usual * 5, ForegroundKind.Sync);
        }

        Assert.Equal(ForegroundPace.LeastShare, Pace.Share);
    }

    [Fact]
    public void AShortDisturbanceIsForgotten()
    {
        Round(quiet: s_usual, disturbed: s_usual * 4);
        Round(quiet: s_usual, disturbed: s_usual * 4);
        double low = Pace.Share;
        for (int i = 0; i < 6; i++)
            Round(quiet: s_usual, disturbed: s_usual);
        Assert.True(Pace.Share > low + 0.2, $"{low} to {Pace.Share}");
    }

    [Fact]
    public void TooFewCallsDecideNothing()
    {
        Calls(1, s_usual);
        for (int i = 0; i < 3; i++)
        {
            Pace.Begin();
            Calls(2, s_usual * 100);
            Pace.End(s_step);
            Calls(2, s_usual);
        }

        Assert.Equal(ForegroundPace.FirstShare, Pace.Share);
    }

    [Fact]
    public void ACallThatDoesNotEndIsSomebody()
    {
        using (_latency.Begin(ForegroundKind.Read))
        {
            Step();
            _clock.Advance(TimeSpan.FromMinutes(1));
            Step();
            Assert.True(Pace.IsInUse);
        }

        _clock.Advance(TimeSpan.FromMinutes(1));
        Step();
        _clock.Advance(TimeSpan.FromMinutes(1));
        Step();
        Assert.False(Pace.IsInUse);
    }

    private TimeSpan Step()
    {
        Pace.Begin();
        _clock.Advance(s_step);
        return Pace.End(s_step);
    }

    private void Round(TimeSpan quiet, TimeSpan disturbed)
    {
        Pace.Begin();
        Calls(ForegroundPace.EnoughCalls, disturbed);
        Pace.End(s_step);
        Calls(ForegroundPace.EnoughCalls, quiet);
    }

    private void Calls(int count, TimeSpan each, ForegroundKind kind = ForegroundKind.Read)
    {
        for (int i = 0; i < count; i++)
        {
            using (_latency.Begin(kind))
                _clock.Advance(each);
        }
    }
}
