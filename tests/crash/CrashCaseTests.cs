using DynamicFs.CrashTests.Simulation;
using Xunit;

namespace DynamicFs.CrashTests;

/// <summary>A state is named by one line, and the line by itself finds the state again.</summary>
public sealed class CrashCaseTests
{
    [Theory]
    [InlineData("seed=1 ops=20")]
    [InlineData("seed=3 ops=20 maintenance=1 skip=2")]
    [InlineData("seed=3 ops=20 maintenance=2")]
    [InlineData("seed=7 ops=9 skip=1+4 at=120 fates=Kept@0-3,First.2.Garbage.77@4")]
    [InlineData("seed=0 ops=20 at=5+6+7 fates=none damage=Missing:1:5+Stale:2:99")]
    public void A_line_is_read_back(string line) => Assert.Equal(line, CrashCase.Parse(line, out _)!.ToString());

    [Theory]
    [InlineData("ops=20")]
    [InlineData("seed=-1")]
    [InlineData("seed=1 at=5")]
    [InlineData("seed=1 at=x fates=none")]
    [InlineData("seed=1 damage=Melted:1:2")]
    [InlineData("seed=1 damage=Missing:1")]
    [InlineData("seed=1 colour=red")]
    [InlineData("seed 1")]
    public void A_malformed_line_is_refused_with_a_reason(string line)
    {
        Assert.Null(CrashCase.Parse(line, out string problem));
        Assert.NotEmpty(problem);
    }

    [Fact]
    public void Selections_are_read_back()
    {
        RecordedRun run = RecordedRun.Record(new RunPlan(8, 12));
        int differentCount = 0;
        for (long sequence = run.FirstSequence; sequence <= run.LastSequence; sequence++)
        {
            CrashPoint point = run.World.CrashPointAt(sequence);
            CrashSelection selection = CrashSelection.Random(point, (int)sequence);
            CrashSelection? read = SelectionText.Parse(SelectionText.Format(selection), point.Pending.Count);
            Assert.Equal(point.Build(selection).Hash(), point.Build(read!).Hash());
            differentCount += point.Pending.Count > 0 ? 1 : 0;
        }

        Assert.True(differentCount > 3);
        Assert.Null(SelectionText.Parse("Kept@0-3", 3));
        Assert.Null(SelectionText.Parse("Kept@1", 2));
        Assert.Null(SelectionText.Parse("Gone@0", 1));
    }

    [Fact]
    public void The_same_plan_is_recorded_the_same_way()
    {
        RecordedRun first = RecordedRun.Record(new RunPlan(5, 15)), second = RecordedRun.Record(new RunPlan(5, 15));
        Assert.Equal(first.World.Log.Select(call => call.ToString()), second.World.Log.Select(call => call.ToString()));
        Assert.Equal(first.History, second.History);
    }
}
