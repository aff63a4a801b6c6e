using System.Text.Json;
using DynamicFs.Harness;
using Xunit;

namespace DynamicFs.MountTests;

/// <summary>
/// What happens to real disks while programs write: one becomes read-only, is unmounted, is replaced by an empty directory, runs full. Nobody who writes notices; the disk is judged as it should be,
/// and healed as the runbooks say; in the end everything is there and fsck finds nothing.
/// </summary>
[Collection(MountCollection.Name)]
public sealed class DisksUnderLoadTests(MountRun run)
{
    [Fact]
    public void A_disk_that_becomes_read_only_is_degraded()
    {
        using PoolUnderTest pool = run.NewPool();
        using var disks = new LoopDisks(pool);
        pool.Create().Mount();
        using var writer = new SteadyWriter(pool);
        writer.AwaitMore(3);
        disks.Abort(1);
        Await(pool, 1, "DEGRADED");
        writer.AwaitMore(5);

        // docs/operations/disk-failed.md
        pool.Cli("disk", "offline", pool.Name, "d2").Succeeded();
        disks.Unmount(1);
        Assert.InRange(Shell.Run(["e2fsck", "-fp", $"{pool.Disks[1]}.image"]).ExitCode, 0, 1);
        disks.Mount(1);
        pool.Cli("disk", "online", pool.Name, "d2").Succeeded();
        AssertHealed(pool, writer);
    }

    [Theory]
    [InlineData(0)]
    public void A_disk_that_is_unmounted_is_failed_and_nothing_lands_in_its_place(int disk)
    {
        using PoolUnderTest pool = run.NewPool();
        using var disks = new LoopDisks(pool);
        pool.Create().Mount();
        using var writer = new SteadyWriter(pool);
        writer.AwaitMore(3);
        disks.Detach(disk);
        Await(pool, disk, "FAILED");
        writer.AwaitMore(5);
        Assert.Empty(Directory.GetFileSystemEntries(pool.Disks[disk]));

        disks.Mount(disk);
        pool.Cli("disk", "online", pool.Name, $"d{disk + 1}").Succeeded();
        AssertHealed(pool, writer);
    }

    [Fact]
    public void A_disk_whose_directory_is_replaced_by_an_empty_one_is_failed()
    {
        using PoolUnderTest pool = run.NewPool().Create().Mount();
        using var writer = new SteadyWriter(pool);
        writer.AwaitMore(3);
        Shell.Bash($"mv {pool.Disks[2]} {pool.Disks[2]}.away && mkdir {pool.Disks[2]}").Succeeded();
        Await(pool, 2, "FAILED");
        writer.AwaitMore(5);
        Assert.Empty(Directory.GetFileSystemEntries(pool.Disks[2]));

        Shell.Bash($"rmdir {pool.Disks[2]} && mv {pool.Disks[2]}.away {pool.Disks[2]}").Succeeded();
        pool.Cli("disk", "online", pool.Name, "d3").Succeeded();
        AssertHealed(pool, writer);
    }

    [Theory]
    [InlineData(0)]
    public void A_disk_that_is_full_to_the_last_byte_is_routed_around(int disk)
    {
        using PoolUnderTest pool = run.NewPool(7);
        using var disks = new LoopDisks(pool);
        pool.Create().Mount();
        using var writer = new SteadyWriter(pool);
        writer.AwaitMore(3);
        disks.FillUp(disk);
        Assert.True(disks.FreeBytes(disk) < 65536, "the disk is not full");
        writer.AwaitMore(12);
        pool.Cli("sync", pool.MountPoint).Succeeded();
        Assert.DoesNotContain(State(pool, disk), (string[])["FAILED", "DEGRADED"]);
        writer.Stop();
        pool.Remount();
        writer.Check();

        disks.Empty(disk);
        pool.Cli("probe-disks", pool.Name);
        pool.Cli(120, "rebuild", pool.Name).Succeeded();
        pool.Unmount();
        Assert.Equal(0, pool.Cli(60, "fsck", pool.Name).ExitCode);
    }

    /// <summary>What was written meanwhile is given all its fragments; then there is nothing to find.</summary>
    private static void AssertHealed(PoolUnderTest pool, SteadyWriter writer)
    {
        writer.AwaitMore(3);
        writer.Stop();
        pool.Cli(120, "rebuild", pool.Name).Succeeded();
        pool.AwaitHealthy();
        pool.Remount();
        writer.Check();
        pool.Unmount();
        pool.Cli(60, "fsck", pool.Name).Succeeded();
    }

    private static string State(PoolUnderTest pool, int disk)
    {
        using JsonDocument health = JsonDocument.Parse(pool.Cli("health", pool.Name, "--json").Output);
        return health.RootElement.GetProperty("disks")[disk].GetProperty("state").GetString()!;
    }

    private static void Await(PoolUnderTest pool, int disk, string state)
    {
        DateTime end = DateTime.UtcNow.AddSeconds(60);
        while (State(pool, disk) != state)
        {
            if (DateTime.UtcNow > end)
                throw new CommandException($"disk {disk} is {State(pool, disk)}, not {state}:\n{pool.Cli("health", pool.Name).Output}");
            Thread.Sleep(200);
        }
    }
}
