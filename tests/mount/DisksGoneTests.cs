using System.Text.Json;
using DynamicFs.Harness;
using Xunit;

namespace DynamicFs.MountTests;

/// <summary>Disks that are not there: up to the policy's tolerance nothing is lost, beyond it nothing is ever wrong.</summary>
[Collection(MountCollection.Name)]
public sealed class DisksGoneTests(MountRun run)
{
    [Fact]
    public void Everything_reads_back_without_any_pair_of_six_disks()
    {
        using PoolUnderTest pool = run.NewPool().Create().Mount();
        var data = new DataSet(run, pool);
        pool.Unmount();
        for (int first = 0; first < 6; first++)
        {
            for (int second = first + 1; second < 6; second++)
            {
                pool.Pull(first);
                pool.Pull(second);
                pool.Mount();
                data.AssertIntact(pool);
                Assert.Equal("DEGRADED", State(pool));
                pool.Unmount();
                pool.PutBack(first);
                pool.PutBack(second);
            }
        }

        pool.Mount();
        data.AssertIntact(pool);
        Assert.Equal("OK", State(pool));
    }

    [Fact]
    public void Without_three_of_six_disks_nothing_is_ever_wrong()
    {
        using PoolUnderTest pool = run.NewPool().Create().Mount();
        var data = new DataSet(run, pool);
        pool.Unmount();
        foreach (int[] gone in (int[][])[[0, 1, 2], [3, 4, 5], [0, 2, 4], [1, 2, 5]])
        {
            foreach (int disk in gone)
                pool.Pull(disk);
            Outcome refused = pool.TryMount();
            Assert.Equal(21, refused.ExitCode);
            Assert.Contains("E_MISSING_DISKS", refused.Error, StringComparison.Ordinal);
            Assert.Contains(pool.Disks[gone[0]], refused.Error, StringComparison.Ordinal);
            Assert.False(pool.IsMounted);

            Outcome forced = pool.TryMount("--degraded");
            if (forced.ExitCode == 0)
            {
                data.AssertNeverWrong(pool);
                Assert.Equal(1, Shell.Bash($"touch {pool.MountPoint}/new 2>/dev/null").ExitCode);
                pool.Unmount();
            }
            else
            {
                Assert.Contains("E_", forced.Error, StringComparison.Ordinal);
                Assert.False(pool.IsMounted);
            }

            foreach (int disk in gone)
                pool.PutBack(disk);
        }

        pool.Mount();
        data.AssertIntact(pool);
        Assert.Equal("OK", State(pool));
    }

    [Fact]
    public void What_is_written_without_a_disk_outlives_another_one()
    {
        using PoolUnderTest pool = run.NewPool().Create().Mount();
        var before = new DataSet(run, pool);
        pool.Unmount();
        pool.Pull(1);
        pool.Mount();
        string[] later = [Path.Combine(pool.MountPoint, "later"), "file", "20000001", "99"];
        Shell.Run(["mkdir", later[0]]).Succeeded();
        run.Client(60, "write-pattern", later[0], later[1..]);
        pool.Unmount();
        pool.PutBack(1);
        foreach (int other in (int[])[0, 2, 5])
        {
            pool.Pull(other);
            pool.Mount();
            before.AssertIntact(pool);
            run.Client(60, "check-pattern", later[0], later[1..]);
            pool.Unmount();
            pool.PutBack(other);
        }
    }

    [Fact]
    public void A_mount_that_would_lose_commits_is_refused()
    {
        using PoolUnderTest pool = run.NewPool(3).Create().Mount();
        Shell.Bash($"echo one >{pool.MountPoint}/one").Succeeded();
        pool.Unmount();
        Shell.Bash($"cd {pool.Home}; mkdir old; cp -a d? old/").Succeeded();
        pool.Mount();
        Shell.Bash($"echo two >{pool.MountPoint}/two").Succeeded();
        pool.Unmount();

        // All disks come back as old images: only the registry has seen the newer commits.
        Shell.Bash($"cd {pool.Home}; mkdir new; mv d? new/; cp -a old/. .").Succeeded();
        Outcome refused = pool.TryMount();
        Assert.Equal(32, refused.ExitCode);
        Assert.Contains("E_ROLLBACK", refused.Error, StringComparison.Ordinal);
        Assert.False(pool.IsMounted);

        // One disk with the newer commits: its copies are enough, the older ones catch up.
        Shell.Bash($"cd {pool.Home}; rm -rf d1; cp -a new/d1 .").Succeeded();
        pool.Mount();
        Assert.Equal("one\ntwo\n", Shell.Bash($"cat {pool.MountPoint}/one {pool.MountPoint}/two").Succeeded().Output);
        pool.Unmount();

        Shell.Bash($"cd {pool.Home}; rm -rf d?; cp -a old/. .").Succeeded();
        pool.Mount("--accept-rollback");
        Assert.Equal("one\n", Shell.Bash($"cat {pool.MountPoint}/*").Succeeded().Output);
    }

    [Fact]
    public void Mount_waits_for_late_disks()
    {
        using PoolUnderTest pool = run.NewPool().Create();
        foreach (int disk in (int[])[0, 3, 5])
            pool.Pull(disk);
        using System.Diagnostics.Process late = Shell.Start(["bash", "-c", $"sleep 1; mv {pool.Disks[3]}.pulled {pool.Disks[3]}"]);
        pool.Mount("--wait-disks", "5s");
        Assert.Equal("DEGRADED", State(pool));
        pool.Unmount();
        pool.PutBack(0);
        pool.PutBack(5);
    }

    [Theory]
    [InlineData(1, null)]
    [InlineData(2, null)]
    [InlineData(3, null)]
    [InlineData(5, "rs:2+3")]
    [InlineData(9, "rs:6+3")]
    public void Every_policy_survives_what_it_promises(int diskCount, string? policy)
    {
        using PoolUnderTest pool = run.NewPool(diskCount, policy).Create().Mount();
        var data = new DataSet(run, pool);
        pool.Unmount();
        int tolerance = policy is null ? diskCount - 1 : 3;
        for (int disk = 0; disk < tolerance; disk++)
            pool.Pull(disk * 2 % diskCount);
        pool.Mount();
        data.AssertIntact(pool);
        pool.Unmount();
        for (int disk = 0; disk < tolerance; disk++)
            pool.PutBack(disk * 2 % diskCount);
    }

    private static string State(PoolUnderTest pool)
    {
        using JsonDocument status = JsonDocument.Parse(pool.Cli("status", pool.Name, "--json").Output);
        return status.RootElement.GetProperty("state").GetString()!;
    }
}
