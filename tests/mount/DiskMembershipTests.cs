using System.Text.Json;
using DynamicFs.Harness;
using Xunit;

namespace DynamicFs.MountTests;

/// <summary>Disks join, are emptied, replaced and removed, go away and come back, with the pool mounted and not.</summary>
[Collection(MountCollection.Name)]
public sealed class DiskMembershipTests(MountRun run)
{
    [Fact]
    public void A_disk_joins_and_another_leaves_and_everything_is_found_again()
    {
        using PoolUnderTest pool = run.NewPool(4).Create().Mount();
        var data = new DataSet(run, pool);
        string added = NewDirectory(pool, "d5");
        Refused(pool, "E_SAME_DEVICE", "disk", "add", pool.Name, added);
        Refused(pool, "E_DISK_IN_USE", "disk", "add", pool.Name, pool.Disks[2], "--allow-same-device");
        Refused(pool, "E_DISK_STATE", "disk", "remove", pool.Name, "0");
        pool.Cli("disk", "add", pool.Name, added, "--allow-same-device").Succeeded();
        pool.Cli(120, "disk", "drain", pool.Name, "d1", "--wait").Succeeded();
        pool.Cli(120, "disk", "remove", pool.Name, "d1").Succeeded();
        Assert.Equal([1, 2, 3, 4], Disks(pool).Select(disk => disk.GetProperty("index").GetInt32()));
        Assert.False(Directory.Exists($"{pool.Disks[0]}/.dynfs"));
        data.AssertIntact(pool);
        Assert.Equal(0, pool.Cli("health", pool.Name).ExitCode);

        // Without the registry, from the label of a disk that was there from the start.
        pool.Unmount();
        Assert.Equal(0, pool.Cli(60, "fsck", pool.Name).ExitCode);
        Directory.Delete(pool.StateDirectory, recursive: true);
        Directory.CreateDirectory(pool.StateDirectory);
        pool.Cli("mount", pool.Disks[3], pool.MountPoint).Succeeded();
        Assert.Equal(4, Disks(pool).Count(disk => disk.GetProperty("present").GetBoolean()));
        data.AssertIntact(pool);

        // The place of the disk that left can become a disk again.
        pool.Cli("disk", "add", pool.Name, pool.Disks[0], "--allow-same-device").Succeeded();
        Assert.Equal([1, 2, 3, 4, 5], Disks(pool).Select(disk => disk.GetProperty("index").GetInt32()));
    }

    [Fact]
    public void A_replaced_disk_leaves_by_itself_also_when_it_is_gone()
    {
        using PoolUnderTest pool = run.NewPool(3).Create().Mount();
        var data = new DataSet(run, pool);
        string[] added = [NewDirectory(pool, "n1"), NewDirectory(pool, "n2")];
        Refused(pool, "E_DISK_STATE", "disk", "replace", pool.Name, "0", added[0], "--allow-same-device");
        Assert.Empty(Directory.GetFileSystemEntries(added[0]));
        pool.Cli("disk", "replace", pool.Name, "0", added[0], "--allow-same-device", "--even-if-healthy").Succeeded();
        AwaitMembers(pool, 1, 2, 3);
        data.AssertIntact(pool);

        pool.Unmount();
        pool.Pull(1);
        pool.Mount();
        pool.Cli("disk", "replace", pool.Name, "1", added[1], "--allow-same-device").Succeeded();
        AwaitMembers(pool, 2, 3, 4);
        data.AssertIntact(pool);
        AwaitHealthy(pool);

        // The disk that was pulled comes back: it is nobody any more, and changes nothing.
        pool.Unmount();
        pool.PutBack(1);
        pool.Mount();
        Assert.Equal([2, 3, 4], Disks(pool).Select(disk => disk.GetProperty("index").GetInt32()));
        data.AssertIntact(pool);
        pool.Unmount();
        Assert.Equal(0, pool.Cli(60, "fsck", pool.Name).ExitCode);
    }

    [Fact]
    public void Work_that_cannot_end_well_is_refused_before_anything_changes()
    {
        using PoolUnderTest pool = run.NewPool(6).Create().Mount();
        Refused(pool, "E_DISK_NEEDED", "disk", "drain", pool.Name, "0");
        Refused(pool, "E_DISK_STATE", "disk", "drain", pool.Name, "0", "--cancel");
        Refused(pool, "E_NOT_FOUND", "disk", "drain", pool.Name, "17");
        Refused(pool, "E_DISK_PATH", "disk", "add", pool.Name, $"{pool.Home}/nowhere");
        Refused(pool, "E_DISK_PATH", "disk", "add", pool.Name, $"{pool.MountPoint}", "--allow-same-device");
        Assert.Equal(0, pool.Cli("health", pool.Name).ExitCode);
    }

    [Fact]
    public void An_offline_disk_is_let_go_of_and_taken_back()
    {
        using PoolUnderTest pool = run.NewPool(3).Create().Mount();
        var data = new DataSet(run, pool);
        data.AssertIntact(pool);
        pool.Cli("disk", "offline", pool.Name, "1").Succeeded();
        int daemon = pool.DaemonProcess()!.Value;
        Assert.DoesNotContain(Directory.EnumerateFiles($"/proc/{daemon}/fd"), link => (new FileInfo(link).LinkTarget ?? "").StartsWith(pool.Disks[1] + "/", StringComparison.Ordinal));
        Assert.Equal(10, pool.Cli("status", pool.Name).ExitCode);
        run.Client(60, "write-pattern", pool.MountPoint, "meanwhile", "3000001", "5");
        pool.Cli("sync", pool.MountPoint).Succeeded();
        Refused(pool, "E_DISK_FOREIGN", "disk", "online", pool.Name, "1", "--path", pool.Disks[0]);
        pool.Cli("disk", "online", pool.Name, "1").Succeeded();
        Assert.Equal("HEALTHY", Disks(pool)[1].GetProperty("state").GetString());
        data.AssertIntact(pool);
        run.Client(60, "check-pattern", pool.MountPoint, "meanwhile", "3000001", "5");
    }

    [Fact]
    public void Disks_change_while_nothing_is_mounted()
    {
        using PoolUnderTest pool = run.NewPool(3).Create().Mount();
        var data = new DataSet(run, pool);
        pool.Unmount();
        pool.Cli("disk", "add", pool.Name, NewDirectory(pool, "d4"), "--allow-same-device").Succeeded();
        Assert.Contains(" moved in ", pool.Cli(120, "disk", "drain", pool.Name, "2").Succeeded().Output, StringComparison.Ordinal);
        pool.Cli(120, "disk", "remove", pool.Name, "2").Succeeded();
        pool.Mount();
        Assert.Equal([0, 1, 3], Disks(pool).Select(disk => disk.GetProperty("index").GetInt32()));
        data.AssertIntact(pool);
    }

    /// <summary>The short form of tools/drain-campaign.</summary>
    [Fact]
    public void Emptying_a_disk_goes_on_after_each_kill_and_ends()
    {
        using PoolUnderTest pool = run.NewPool(4).Create().Mount();
        var data = new DataSet(run, pool);
        pool.Cli("sync", pool.MountPoint).Succeeded();
        pool.Cli("disk", "drain", pool.Name, "0").Succeeded();
        foreach (int moment in (int[])[50, 400, 1100])
        {
            Thread.Sleep(moment);
            pool.Crash();
            pool.Mount();
            Assert.Equal("DRAINING", Disks(pool)[0].GetProperty("state").GetString());
            data.AssertIntact(pool);
        }

        pool.Cli(120, "disk", "drain", pool.Name, "0", "--wait").Succeeded();
        pool.Cli(120, "disk", "remove", pool.Name, "0").Succeeded();
        data.AssertIntact(pool);
        pool.Unmount();
        Assert.Equal(0, pool.Cli(60, "fsck", pool.Name).ExitCode);
    }

    private static string NewDirectory(PoolUnderTest pool, string name) => Directory.CreateDirectory(Path.Combine(pool.Home, name)).FullName;

    private static void Refused(PoolUnderTest pool, string id, params string[] arguments)
    {
        Outcome outcome = pool.Cli(arguments);
        Assert.NotEqual(0, outcome.ExitCode);
        Assert.Contains(id, outcome.Error, StringComparison.Ordinal);
    }

    private static JsonElement[] Disks(PoolUnderTest pool)
    {
        using JsonDocument list = JsonDocument.Parse(pool.Cli("disk", "list", pool.Name, "--json").Succeeded().Output);
        return [.. list.RootElement.GetProperty("disks").EnumerateArray().Select(disk => disk.Clone())];
    }

    // A disk that was slow for a moment on a busy machine is SUSPECT until a clean probe window has passed.
    private static void AwaitHealthy(PoolUnderTest pool)
    {
        DateTime end = DateTime.UtcNow.AddSeconds(90);
        for (Outcome health = pool.Cli("health", pool.Name); health.ExitCode != 0; health = pool.Cli("health", pool.Name))
        {
            if (DateTime.UtcNow > end)
                throw new CommandException($"not healthy:\n{health.Output}");
            Thread.Sleep(500);
        }
    }

    private static void AwaitMembers(PoolUnderTest pool, params int[] expected)
    {
        DateTime end = DateTime.UtcNow.AddSeconds(90);
        while (!Disks(pool).Select(disk => disk.GetProperty("index").GetInt32()).SequenceEqual(expected))
        {
            if (DateTime.UtcNow > end)
                throw new CommandException($"the members are not {string.Join(' ', expected)}:\n{pool.Cli("health", pool.Name).Output}");
            Thread.Sleep(500);
        }
    }
}
