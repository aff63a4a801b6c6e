using System.Text.Json;
using DynamicFs.Harness;
using Xunit;

namespace DynamicFs.MountTests;

/// <summary>States of disks on a real pool: what an operator says, what a probe finds, and that both are still there after a remount.</summary>
[Collection(MountCollection.Name)]
public sealed class DiskHealthTests(MountRun run)
{
    [Fact]
    public void What_an_operator_says_counts_at_once_and_after_a_remount()
    {
        using PoolUnderTest pool = run.NewPool(7).Create().Mount();
        using JsonDocument change = Json(pool.Cli("set-disk-health", pool.Name, "d2", "suspect", "--reason", "noisy bearing", "--json"));
        Assert.Equal(("HEALTHY", "SUSPECT"), (Text(change, "stateBefore"), Text(change, "state")));
        Assert.Contains("noisy bearing", File.ReadAllText($"{pool.Disks[1]}/.dynfs/disk.json"), StringComparison.Ordinal);
        int before = Fragments(pool, 1);
        run.Client(60, "write-pattern", pool.MountPoint, "file", "3000001", "7");
        pool.Cli("sync", pool.MountPoint).Succeeded();
        Assert.Equal(before, Fragments(pool, 1));
        Assert.NotEqual(0, Fragments(pool, 0));

        pool.Remount();
        Outcome health = pool.Cli("health", pool.Name, "--json");
        Assert.Equal(10, health.ExitCode);
        using JsonDocument report = JsonDocument.Parse(health.Output);
        JsonElement disk = report.RootElement.GetProperty("disks")[1];
        Assert.Equal(("SUSPECT", "noisy bearing"), (disk.GetProperty("state").GetString(), disk.GetProperty("reason").GetString()));
        Assert.StartsWith("operator ", disk.GetProperty("who").GetString(), StringComparison.Ordinal);
        Assert.Contains("disk 1", report.RootElement.GetProperty("causes")[0].GetString(), StringComparison.Ordinal);

        pool.Unmount();
        pool.Cli("set-disk-health", pool.Name, "1", "HEALTHY").Succeeded();
        Assert.Equal(0, pool.Cli("health", pool.Name).ExitCode);
        pool.Mount();
        Assert.Equal(0, pool.Cli("health", pool.Name).ExitCode);
        run.Client(60, "check-pattern", pool.MountPoint, "file", "3000001", "7");
    }

    [Fact]
    public void A_state_that_would_make_files_unreadable_is_refused_with_their_names()
    {
        using PoolUnderTest pool = run.NewPool(2, "replica:1").Create().Mount();
        Shell.Bash($"mkdir {pool.MountPoint}/photos").Succeeded();
        for (int i = 0; i < 6; i++)
        {
            run.Client(60, "write-pattern", $"{pool.MountPoint}/photos", $"picture{i}", "100001", $"{i}");
            pool.Cli("sync", pool.MountPoint).Succeeded();
        }

        // One copy only: whichever disk has fragments and is not the only one with metadata cannot be given up.
        Outcome[] refused = [pool.Cli("set-disk-health", pool.Name, "0", "FAILED"), pool.Cli("set-disk-health", pool.Name, "1", "FAILED")];
        Assert.All(refused, outcome => Assert.Equal(21, outcome.ExitCode));
        Assert.All(refused, outcome => Assert.Contains("E_DISK_NEEDED", outcome.Error, StringComparison.Ordinal));
        Assert.Contains(refused, outcome => outcome.Error.Contains("\n  /photos/picture", StringComparison.Ordinal));
        Assert.Equal(0, pool.Cli("health", pool.Name).ExitCode);

        Assert.Equal(2, pool.Cli("set-disk-health", pool.Name, "0", "BROKEN").ExitCode);
        Assert.Equal(20, pool.Cli("set-disk-health", pool.Name, "d9", "FAILED").ExitCode);
    }

    [Fact]
    public void A_pool_that_was_forced_out_of_healthy_disks_gets_them_back()
    {
        using PoolUnderTest pool = run.NewPool(3).Create().Mount();
        run.Client(60, "write-pattern", pool.MountPoint, "file", "100001", "1");
        pool.Cli("sync", pool.MountPoint).Succeeded();
        pool.Cli("set-disk-health", pool.Name, "0", "FAILED").Succeeded();
        Assert.Equal(21, pool.Cli("set-disk-health", pool.Name, "1", "SUSPECT").ExitCode);
        pool.Cli("set-disk-health", pool.Name, "1", "SUSPECT", "--force").Succeeded();
        pool.Cli("set-disk-health", pool.Name, "2", "SUSPECT", "--force").Succeeded();
        run.Client(60, "check-pattern", pool.MountPoint, "file", "100001", "1");
        pool.Unmount();
        foreach (string disk in (string[])["0", "1", "2"])
            pool.Cli("set-disk-health", pool.Name, disk, "HEALTHY").Succeeded();
        pool.Mount();
        run.Client(60, "check-pattern", pool.MountPoint, "file", "100001", "1");
        run.Client(60, "write-pattern", pool.MountPoint, "more", "100001", "2");
        Assert.Equal("OK", Text(Json(pool.Cli("status", pool.Name, "--json")), "state"));
    }

    [Fact]
    public void A_directory_that_was_replaced_by_an_empty_one_is_a_lost_disk()
    {
        using PoolUnderTest pool = run.NewPool().Create().Mount();
        var data = new DataSet(run, pool);
        Shell.Bash($"mv {pool.Disks[3]} {pool.Disks[3]}.away && mkdir {pool.Disks[3]}").Succeeded();
        Outcome probed = pool.Cli("probe-disks", pool.Name, "--json");
        Assert.Equal(10, probed.ExitCode);
        using JsonDocument report = JsonDocument.Parse(probed.Output);
        JsonElement disk = report.RootElement.GetProperty("disks")[3];
        Assert.Equal(("IDENTITY_LOST", "FAILED"), (disk.GetProperty("found").GetString(), disk.GetProperty("state").GetString()));
        data.AssertIntact(pool);
        run.Client(60, "write-pattern", pool.MountPoint, "after", "3000001", "3");
        pool.Unmount();
        Assert.Empty(Directory.GetFileSystemEntries(pool.Disks[3]));

        // It comes back: nobody but an operator takes a lost disk back.
        Shell.Bash($"rmdir {pool.Disks[3]} && mv {pool.Disks[3]}.away {pool.Disks[3]}").Succeeded();
        pool.Mount();
        Assert.Equal(10, pool.Cli("health", pool.Name).ExitCode);
        pool.Cli("set-disk-health", pool.Name, "3", "HEALTHY", "--reason", "was only moved").Succeeded();
        data.AssertIntact(pool);
        run.Client(60, "check-pattern", pool.MountPoint, "after", "3000001", "3");
    }

    private static int Fragments(PoolUnderTest pool, int disk) =>
        Directory.EnumerateFiles($"{pool.Disks[disk]}/.dynfs/fragments", "*", SearchOption.AllDirectories).Count();

    private static JsonDocument Json(Outcome outcome) => JsonDocument.Parse(outcome.Succeeded().Output);

    private static string Text(JsonDocument document, string name) => document.RootElement.GetProperty(name).GetString()!;
}
