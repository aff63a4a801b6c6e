using System.Text.Json;
using DynamicFs.Harness;
using Xunit;

namespace DynamicFs.MountTests;

/// <summary>Lost disks and bad bytes under a live mount: the verbs find them, heal them, and what was healed survives the next loss.</summary>
[Collection(MountCollection.Name)]
public sealed class HealingTests(MountRun run)
{
    [Fact]
    public void A_lost_disk_is_rebuilt_while_the_pool_is_in_use_and_others_may_be_lost_then()
    {
        using PoolUnderTest pool = run.NewPool(9, "rs:4+2").Create().Mount();
        run.Client(60, "write-pattern", pool.MountPoint, "large", "9000001", "7");
        string small = $"{pool.MountPoint}/small";
        Shell.Bash($"mkdir {small}").Succeeded();
        run.Client(60, "make-many", small, "200", "100");
        pool.Unmount();
        pool.Pull(1);
        pool.Pull(2);
        pool.Mount();

        Outcome rebuild = pool.Cli("rebuild", pool.Name, "--json");
        Assert.Equal(0, rebuild.ExitCode);
        using JsonDocument report = JsonDocument.Parse(rebuild.Output);
        // What had no spare left may have been restored by the mount itself already; that it was, the loss of two more disks shows.
        Assert.True(report.RootElement.GetProperty("scannedExtents").GetInt64() > 0, rebuild.Output);
        Assert.Equal((0L, "IDLE"), (report.RootElement.GetProperty("stillDegraded").GetInt64(), report.RootElement.GetProperty("phase").GetString()));
        pool.Cli("wait", pool.Name, "rebuild,scrub", "--timeout", "1m").Succeeded();
        run.Client(60, "check-pattern", pool.MountPoint, "large", "9000001", "7");
        pool.Unmount();

        // The label of the pool still has nine members: with four away it can only be looked at.
        pool.Pull(5);
        pool.Pull(6);
        pool.Cli("mount", pool.Name, pool.MountPoint, "--degraded").Succeeded();
        run.Client(60, "check-pattern", pool.MountPoint, "large", "9000001", "7");
        run.Client(60, "check-many", small, "200", "100");
    }

    [Fact]
    public void Rotten_bits_are_found_named_and_repaired_on_a_live_mount()
    {
        using PoolUnderTest pool = run.NewPool(6).Create().Mount();
        run.Client(60, "write-pattern", pool.MountPoint, "large", "9000001", "7");
        pool.Cli("sync", pool.MountPoint).Succeeded();
        Shell.Bash($"f=$(ls -S {pool.Disks[2]}/.dynfs/fragments/*/* | head -1); printf X | dd of=$f bs=1 seek=$(($(stat -c %s $f) - 100)) conv=notrunc status=none").Succeeded();

        Outcome found = pool.Cli("scrub", pool.Name);
        Assert.Equal(10, found.ExitCode);
        Assert.Contains("    /large\n", found.Output, StringComparison.Ordinal);
        Assert.Contains($"of {pool.Disks[2]}/.dynfs/fragments/", found.Output, StringComparison.Ordinal);
        Assert.Equal(0, pool.Cli("scrub", pool.Name, "--repair").ExitCode);
        Assert.Equal(0, pool.Cli("scrub", pool.Name, "--path", "/large").ExitCode);
        Assert.Equal(0, pool.Cli("scrub", pool.Name, "--disk", "2", "--limit", "1G").ExitCode);
        pool.Cli("audit", "verify", pool.Name).Succeeded();
        Assert.Contains("1 files in the quarantine", pool.Cli("orphan-stats", pool.Name).Succeeded().Output, StringComparison.Ordinal);
        pool.Cli("detect-orphans", pool.Name).Succeeded();
        Assert.Equal(11, pool.Cli("what-if", pool.Name, "--fail", "0,1").ExitCode);
        Assert.Equal(12, pool.Cli("what-if", pool.Name, "--fail", "0,1,3").ExitCode);
        run.Client(60, "check-pattern", pool.MountPoint, "large", "9000001", "7");
        pool.Unmount();
        pool.Cli(120, "fsck", pool.Name).Succeeded();
    }
}
