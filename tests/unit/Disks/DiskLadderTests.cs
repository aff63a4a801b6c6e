using DynamicFs.Disks;
using Xunit;

namespace DynamicFs.UnitTests.Disks;

/// <summary>The table of the ladder: every state against every sign, and the counting of errors over time.</summary>
public sealed class DiskLadderTests
{
    private static readonly DateTimeOffset s_start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("HEALTHY", "Error", "HEALTHY")]
    [InlineData("HEALTHY", "WriteError", "SUSPECT")]
    [InlineData("HEALTHY", "Slow", "SUSPECT")]
    [InlineData("HEALTHY", "Hung", "SUSPECT")]
    [InlineData("HEALTHY", "Gone", "FAILED")]
    [InlineData("HEALTHY", "ReadOnly", "DEGRADED")]
    [InlineData("HEALTHY", "IdentityLost", "FAILED")]
    [InlineData("HEALTHY", "Clean", "HEALTHY")]
    [InlineData("SUSPECT", "Error", "SUSPECT")]
    [InlineData("SUSPECT", "WriteError", "SUSPECT")]
    [InlineData("SUSPECT", "Slow", "SUSPECT")]
    [InlineData("SUSPECT", "Hung", "SUSPECT")]
    [InlineData("SUSPECT", "Gone", "FAILED")]
    [InlineData("SUSPECT", "ReadOnly", "DEGRADED")]
    [InlineData("SUSPECT", "IdentityLost", "FAILED")]
    [InlineData("SUSPECT", "Clean", "SUSPECT")]
    [InlineData("DEGRADED", "Error", "DEGRADED")]
    [InlineData("DEGRADED", "WriteError", "DEGRADED")]
    [InlineData("DEGRADED", "Slow", "DEGRADED")]
    [InlineData("DEGRADED", "Hung", "DEGRADED")]
    [InlineData("DEGRADED", "Gone", "FAILED")]
    [InlineData("DEGRADED", "ReadOnly", "DEGRADED")]
    [InlineData("DEGRADED", "IdentityLost", "FAILED")]
    [InlineData("DEGRADED", "Clean", "DEGRADED")]
    [InlineData("DRAINING", "Error", "DRAINING")]
    [InlineData("DRAINING", "WriteError", "DRAINING")]
    [InlineData("DRAINING", "Slow", "DRAINING")]
    [InlineData("DRAINING", "Hung", "DRAINING")]
    [InlineData("DRAINING", "Gone", "FAILED")]
    [InlineData("DRAINING", "ReadOnly", "DRAINING")]
    [InlineData("DRAINING", "IdentityLost", "FAILED")]
    [InlineData("DRAINING", "Clean", "DRAINING")]
    [InlineData("FAILED", "Error", "FAILED")]
    [InlineData("FAILED", "WriteError", "FAILED")]
    [InlineData("FAILED", "Slow", "FAILED")]
    [InlineData("FAILED", "Hung", "FAILED")]
    [InlineData("FAILED", "Gone", "FAILED")]
    [InlineData("FAILED", "ReadOnly", "FAILED")]
    [InlineData("FAILED", "IdentityLost", "FAILED")]
    [InlineData("FAILED", "Clean", "FAILED")]
    public void One_sign(string from, string sign, string expected)
    {
        Assert.True(DiskStateName.TryParse(from, out DiskState state));
        LadderPosition next = DiskLadder.Next(LadderPosition.At(state, isOrdered: false, s_start), Enum.Parse<DiskSign>(sign), s_start, LadderLimits.Default, out string? reason);
        Assert.Equal(expected, DiskStateName.Of(next.State));
        Assert.Equal(from != expected, reason is not null);
    }

    [Fact]
    public void Every_state_and_every_sign_is_in_the_table()
    {
        int rows = typeof(DiskLadderTests).GetMethod(nameof(One_sign))!.GetCustomAttributesData().Count(a => a.AttributeType == typeof(InlineDataAttribute));
        Assert.Equal(Enum.GetValues<DiskState>().Length * Enum.GetValues<DiskSign>().Length, rows);
    }

    [Fact]
    public void The_second_error_within_ten_minutes_makes_a_disk_suspect()
    {
        LadderPosition position = At(DiskState.Healthy);
        position = Next(position, DiskSign.Error, 0, out _);
        Assert.Equal(DiskState.Healthy, position.State);
        // The first is forgotten when the next comes ten minutes later.
        position = Next(position, DiskSign.Error, 600, out _);
        Assert.Equal(DiskState.Healthy, position.State);
        position = Next(position, DiskSign.Error, 1199, out string? reason);
        Assert.Equal(DiskState.Suspect, position.State);
        Assert.Equal("2 errors within 10 minutes", reason);
    }

    [Fact]
    public void The_tenth_error_makes_it_degraded_and_a_failed_write_counts_twice()
    {
        LadderPosition position = At(DiskState.Healthy);
        for (int i = 0; i < 9; i++)
            position = Next(position, DiskSign.Error, i, out _);
        Assert.Equal(DiskState.Suspect, position.State);
        position = Next(position, DiskSign.Error, 9, out string? reason);
        Assert.Equal((DiskState.Degraded, "10 errors within 10 minutes"), (position.State, reason));

        position = At(DiskState.Healthy);
        for (int i = 0; i < 4; i++)
            position = Next(position, DiskSign.WriteError, i, out _);
        Assert.Equal(DiskState.Suspect, position.State);
        Assert.Equal(DiskState.Degraded, Next(position, DiskSign.WriteError, 5, out _).State);
    }

    [Fact]
    public void Only_suspect_returns_and_only_after_a_clean_window()
    {
        LadderPosition position = Next(At(DiskState.Healthy), DiskSign.Slow, 0, out _);
        position = Next(position, DiskSign.Clean, 599, out _);
        Assert.Equal(DiskState.Suspect, position.State);
        // Any trouble starts the window anew.
        position = Next(position, DiskSign.Error, 599, out _);
        position = Next(position, DiskSign.Clean, 1198, out _);
        Assert.Equal(DiskState.Suspect, position.State);
        position = Next(position, DiskSign.Clean, 1199, out string? reason);
        Assert.Equal((DiskState.Healthy, "nothing wrong for 10 minutes"), (position.State, reason));
        Assert.Empty(position.Errors);

        foreach (DiskState state in (DiskState[])[DiskState.Degraded, DiskState.Draining, DiskState.Failed])
            Assert.Equal(state, Next(At(state), DiskSign.Clean, 1_000_000, out _).State);
    }

    [Fact]
    public void What_an_operator_ordered_does_not_end_by_itself()
    {
        LadderPosition position = DiskLadder.Order(DiskState.Suspect, s_start);
        Assert.Equal(DiskState.Suspect, Next(position, DiskSign.Clean, 1_000_000, out _).State);
        Assert.Equal(DiskState.Failed, Next(position, DiskSign.IdentityLost, 1, out _).State);
    }

    private static LadderPosition At(DiskState state) => LadderPosition.At(state, isOrdered: false, s_start);

    private static LadderPosition Next(LadderPosition at, DiskSign sign, int second, out string? reason) =>
        DiskLadder.Next(at, sign, s_start.AddSeconds(second), LadderLimits.Default, out reason);
}
