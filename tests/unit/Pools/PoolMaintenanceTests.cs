using System.Text.Json;
using DynamicFs.Primitives;
using DynamicFs.UnitTests.Cli;
using Xunit;

namespace DynamicFs.UnitTests.Pools;

/// <summary>The maintenance verbs on a pool that is not mounted: their verdicts, exit codes and JSON.</summary>
public sealed class PoolMaintenanceTests
{
    private const int Large = 3_000_000;

    [Fact]
    public void ScrubFindsRepairsAndIsClean()
    {
        using var disks = new PoolOnDisk(6);
        disks.Write("file", Large);
        string bad = disks.Fragments(2).MaxBy(path => new FileInfo(path).Length)!;
        PoolOnDisk.Flip(bad, new FileInfo(bad).Length - 3000);

        CliRun looked = disks.Cli("scrub", "tank", "--json");
        Assert.Equal(10, looked.ExitCode);
        JsonElement finding = JsonDocument.Parse(looked.Out).RootElement.GetProperty("findings").EnumerateArray().Single();
        Assert.Equal("/file", finding.GetProperty("files").EnumerateArray().Single().GetString());
        Assert.EndsWith(finding.GetProperty("file").GetString()!, bad, StringComparison.Ordinal);

        Assert.Contains("would be rewritten", disks.Cli("scrub", "tank", "--repair", "--dry-run").Out, StringComparison.Ordinal);
        Assert.Equal(0, disks.Cli("scrub", "tank", "--repair").ExitCode);
        CliRun clean = disks.Cli("scrub", "tank");
        Assert.Equal(0, clean.ExitCode);
        Assert.Contains("0 degraded, 0 unrecoverable", clean.Out, StringComparison.Ordinal);
        CliRun audit = disks.Cli("audit", "verify", "tank");
        Assert.Equal(0, audit.ExitCode);
        Assert.Contains("3 lines", audit.Out, StringComparison.Ordinal);
        Assert.Equal("OK", disks.Fsck().Report.State);
    }

    [Fact]
    public void WhatIsLostIsNamedAndWhatIfKnewIt()
    {
        using var disks = new PoolOnDisk(6);
        disks.Write("file", Large);
        CliRun two = disks.Cli("what-if", "tank", "--fail", "0,1");
        Assert.Equal(11, two.ExitCode);
        CliRun three = disks.Cli("what-if", "tank", "--fail", "0,1,2", "--json");
        Assert.Equal(12, three.ExitCode);
        Assert.Equal("/file", JsonDocument.Parse(three.Out).RootElement.GetProperty("lostFiles").EnumerateArray().Single().GetString());

        foreach (int disk in (int[])[1, 2, 3])
        {
            foreach (string fragment in disks.Fragments(disk))
                File.Delete(fragment);
        }

        CliRun scrub = disks.Cli("scrub", "tank", "--repair", "--json");
        Assert.Equal(12, scrub.ExitCode);
        Assert.Equal("/file", JsonDocument.Parse(scrub.Out).RootElement.GetProperty("poisoned").EnumerateArray().First().GetProperty("files").EnumerateArray().Single().GetString());
        Assert.Equal(12, disks.Cli("rebuild", "tank").ExitCode);
    }

    [Fact]
    public void RebuildRestoresAndOrphansAreCollectedWhenTheDiskIsBack()
    {
        using var disks = new PoolOnDisk(8);
        disks.Write("file", Large);
        disks.Pull(1);
        CliRun rebuilt = disks.Cli("rebuild", "tank");
        Assert.True(rebuilt.ExitCode == 0, $"{rebuilt.ExitCode}: {rebuilt.Out}{rebuilt.Error}");
        Assert.Equal(21, disks.Cli("detect-orphans", "tank").ExitCode);
        using (Pool without = disks.Open())
        {
            // Until no kept root is as old as the rebuild, the places that were left are parked, not orphans.
            for (int i = 0; i < 20; i++)
            {
                PoolOnDisk.WriteTo(without, $"later{i}", 10);
                without.Commit();
            }

            without.Close();
        }

        disks.PutBack(1);
        Assert.Equal(0, disks.Cli("scrub", "tank").ExitCode);
        int left = disks.Fragments(1).Length;
        CliRun found = disks.Cli("detect-orphans", "tank");
        Assert.Contains($"{left} orphans", found.Out, StringComparison.Ordinal);
        Assert.Contains($"{left} orphans", disks.Cli("cleanup-orphans", "tank", "--dry-run").Out, StringComparison.Ordinal);
        Assert.Equal(left, disks.Fragments(1).Length);
        Assert.Contains($"{left} moved to the quarantine", disks.Cli("cleanup-orphans", "tank").Out, StringComparison.Ordinal);
        Assert.Empty(disks.Fragments(1));
        Assert.Contains($"{left} files in the quarantine", disks.Cli("orphan-stats", "tank").Out, StringComparison.Ordinal);
        Assert.Contains($"{left} unlinked", disks.Cli("cleanup-orphans", "tank", "--older-than", "0s").Out, StringComparison.Ordinal);
        using Pool pool = disks.Open();
        Assert.Equal(Errno.None, PoolOnDisk.Read(pool, "file", Large));
    }

    [Fact]
    public void ADeadDiskLeavesByForceWhenWhatItHeldCanNeverBeRebuilt()
    {
        using var disks = new PoolOnDisk(7, "rs:4+2");
        disks.Write("file", Large);
        disks.Write("other", 200_000);
        int[] holders = [.. Enumerable.Range(0, 7).Where(disk => disks.Fragments(disk).Any(path => new FileInfo(path).Length > 500_000))];
        foreach (int disk in holders.Take(2))
        {
            foreach (string fragment in disks.Fragments(disk).Where(path => new FileInfo(path).Length > 500_000))
                File.Delete(fragment);
        }

        int dead = holders[2];
        disks.Pull(dead);
        Assert.Equal(12, disks.Cli("rebuild", "tank").ExitCode);
        CliRun refused = disks.Cli("disk", "remove", "tank", $"{dead}");
        Assert.Equal(21, refused.ExitCode);
        Assert.Contains("--force", refused.Error, StringComparison.Ordinal);
        CliRun removed = disks.Cli("disk", "remove", "tank", $"{dead}", "--force");
        Assert.True(removed.ExitCode == 0, removed.Error);
        Assert.Contains("could not be rebuilt", removed.Out, StringComparison.Ordinal);
        using Pool pool = disks.Open();
        Assert.Equal(Errno.None, PoolOnDisk.Read(pool, "other", 200_000));
        Assert.Equal(Errno.EIO, PoolOnDisk.Read(pool, "file", Large));
    }

    [Fact]
    public void ADiskThatLeftIsNotMissingInWhatIf()
    {
        using var disks = new PoolOnDisk(7, "rs:4+2");
        disks.Write("file", Large);
        Assert.Equal(0, disks.Cli("disk", "drain", "tank", "6").ExitCode);
        CliRun removed = disks.Cli("disk", "remove", "tank", "6");
        Assert.True(removed.ExitCode == 0, $"{removed.ExitCode}: {removed.Out}{removed.Error}");
        CliRun two = disks.Cli("what-if", "tank", "--fail", "0,1", "--json");
        Assert.Equal(11, two.ExitCode);
        Assert.True(JsonDocument.Parse(two.Out).RootElement.GetProperty("mountable").GetBoolean());
    }

    [Fact]
    public void ADrainThatCannotEndSaysWhatStays()
    {
        using var disks = new PoolOnDisk(6, "rs:4+2");
        disks.Write("file", Large);
        CliRun drain = disks.Cli("disk", "drain", "tank", "5", "--force");
        Assert.Equal(1, drain.ExitCode);
        Assert.Contains("stay on the disk", drain.Out, StringComparison.Ordinal);
        Assert.Contains("no HEALTHY disk with room is left", drain.Out, StringComparison.Ordinal);
        Assert.Equal(21, disks.Cli("disk", "remove", "tank", "5").ExitCode);
    }

    [Fact]
    public void FsckRebuildMakesThePoolWhole()
    {
        using var disks = new PoolOnDisk(6);
        disks.Write("file", Large);
        foreach (string fragment in disks.Fragments(4))
            File.Delete(fragment);
        PoolOnDisk.Flip(disks.Fragments(2)[0], 5000);
        Assert.Equal(11, disks.Cli("fsck", "tank").ExitCode);
        Assert.Equal(0, disks.Cli("fsck", "tank", "--rebuild").ExitCode);
        Assert.Equal(0, disks.Cli("fsck", "tank").ExitCode);
    }

    /// <summary>Directories on one device are equally full whatever is in them; tests/mount has disks of their own.</summary>
    [Fact]
    public void RebalanceSaysThatThereIsNothingToMove()
    {
        using var disks = new PoolOnDisk(7);
        disks.Write("file", Large);
        CliRun plan = disks.Cli("rebalance", "tank", "--plan", "--json");
        Assert.Equal(0, plan.ExitCode);
        JsonElement report = JsonDocument.Parse(plan.Out).RootElement;
        Assert.Equal(("PLANNED", 0L, 7), (report.GetProperty("phase").GetString(), report.GetProperty("plannedBytes").GetInt64(), report.GetProperty("disks").GetArrayLength()));
        CliRun run = disks.Cli("rebalance", "tank");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("nothing to move", run.Out, StringComparison.Ordinal);
        Assert.Equal(21, disks.Cli("rebalance", "tank", "resume").ExitCode);
    }

    [Theory]
    [InlineData("rebalance", "tank", "now")]
    [InlineData("rebalance", "tank", "status", "--plan")]
    [InlineData("scrub", "tank", "--dry-run")]
    [InlineData("scrub", "tank", "now")]
    [InlineData("scrub", "tank", "--limit", "fast")]
    [InlineData("scrub", "tank", "pause", "--repair")]
    [InlineData("rebuild", "tank", "stop")]
    [InlineData("cleanup-orphans", "tank", "--older-than", "yesterday")]
    public void WhatMakesNoSenseIsRefused(params string[] arguments)
    {
        using var disks = new PoolOnDisk(3);
        Assert.Equal(2, disks.Cli(arguments).ExitCode);
    }
}
