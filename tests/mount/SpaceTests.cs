using System.Globalization;
using System.Text.Json;
using DynamicFs.Harness;
using Xunit;

namespace DynamicFs.MountTests;

/// <summary>A pool on small memory filesystems that runs full: an honest ENOSPC, what was taken stays readable, deleting always works and gives space back.</summary>
[Collection(MountCollection.Name)]
public sealed class SpaceTests(MountRun run)
{
    private const int DiskMebibytes = 160;
    private const int SmallDiskMebibytes = 100;
    private const string First = "80000001";

    [Fact]
    public void A_full_pool_says_so_and_can_be_emptied_again()
    {
        using PoolUnderTest pool = run.NewPool();
        string disks = string.Join(' ', pool.Disks);
        Shell.Bash($"for disk in {disks}; do mount -t tmpfs -o size={DiskMebibytes}m tmpfs $disk; done").Succeeded();
        try
        {
            pool.Cli(["create", pool.Name, .. pool.Disks]).Succeeded(); // each on its own device: no flag needed
            pool.Mount();
            long promised = Available(pool), first = Fill(pool, "first");
            Assert.True(first > promised * 6 / 10, $"statfs promised {promised} bytes, {first} could be written");
            Assert.True(first < DiskMebibytes * 4L << 20, $"{first} bytes cannot have redundancy on these disks");
            Outcome more = Shell.Bash($"head -c 100000000 /dev/zero >{pool.MountPoint}/more && sync {pool.MountPoint}/more");
            Assert.Contains("No space left", more.Error, StringComparison.Ordinal);

            Shell.Bash($"rm -f {pool.MountPoint}/first {pool.MountPoint}/more && sync {pool.MountPoint}").Succeeded();
            long second = Settled(pool, promised);
            Assert.True(second > first * 8 / 10, $"of {first} bytes only {second} can be written after deleting them");
            Fill(pool, "second");
            pool.Remount();
            Shell.Bash($"rm {pool.MountPoint}/second").Succeeded();
            pool.Unmount();
            pool.Cli("fsck", pool.Name).Succeeded();
        }
        finally
        {
            pool.Dispose();
            Shell.Bash($"for disk in {disks}; do umount $disk; done").Succeeded();
        }
    }

    /// <summary>Seven disks, so that a rebuild has somewhere to go while there is room.</summary>
    [Fact]
    public void A_full_pool_reads_commits_deletes_and_rebuilds_what_fits()
    {
        using PoolUnderTest pool = run.NewPool(7);
        string disks = string.Join(' ', pool.Disks);
        Shell.Bash($"for disk in {disks}; do mount -t tmpfs -o size={SmallDiskMebibytes}m tmpfs $disk; done").Succeeded();
        try
        {
            pool.Cli(["create", pool.Name, .. pool.Disks]).Succeeded();
            pool.Mount();
            run.Client(60, "write-pattern", pool.MountPoint, "first", First, "5");
            Fill(pool, "second");
            pool.Cli("sync", pool.MountPoint).Succeeded();

            // One of seven is lost: what has room is rebuilt, the rest says why not, and nothing is lost.
            int before = Fragments(pool);
            pool.Cli("set-disk-health", pool.Name, "6", "FAILED").Succeeded();
            Outcome rebuild = pool.Cli(120, "rebuild", pool.Name, "--json");
            Assert.InRange(rebuild.ExitCode, 0, 10);
            using JsonDocument report = JsonDocument.Parse(rebuild.Output);
            Assert.True(Fragments(pool) > before, "something had room");
            Assert.True(report.RootElement.GetProperty("stillDegraded").GetInt64() > 0, "not everything had room");
            Assert.Equal(0, report.RootElement.GetProperty("lost").GetInt64());
            run.Client(60, "check-pattern", pool.MountPoint, "first", First, "5");

            Shell.Bash($"rm {pool.MountPoint}/second").Succeeded();
            pool.Cli("sync", pool.MountPoint).Succeeded();
            Shell.Bash($"for i in $(seq 100); do mkdir {pool.MountPoint}/made 2>/dev/null && exit; sleep 0.1; done; exit 1").Succeeded();
            pool.Remount();
            run.Client(60, "check-pattern", pool.MountPoint, "first", First, "5");
            Shell.Bash($"rm {pool.MountPoint}/first && echo enough >{pool.MountPoint}/small && sync {pool.MountPoint}/small").Succeeded();
            pool.Cli("set-disk-health", pool.Name, "6", "HEALTHY").Succeeded();
            pool.Cli(120, "rebuild", pool.Name).Succeeded();
            pool.Unmount();
            pool.Cli("fsck", pool.Name).Succeeded();
        }
        finally
        {
            pool.Dispose();
            Shell.Bash($"for disk in {disks}; do umount $disk; done").Succeeded();
        }
    }

    private static int Fragments(PoolUnderTest pool) =>
        pool.Disks.Sum(disk => Directory.EnumerateFiles($"{disk}/.dynfs/fragments", "*", SearchOption.AllDirectories).Count());

    private long Fill(PoolUnderTest pool, string name)
        => long.Parse(run.Client(120, "fill-up", pool.MountPoint, name, "10000000000", "5"), CultureInfo.InvariantCulture);

    private static long Available(PoolUnderTest pool)
        => long.Parse(Shell.Bash($"stat -f -c '%a * %S' {pool.MountPoint} | sed 's/.*/echo $((&))/' | bash").Succeeded().Output, CultureInfo.InvariantCulture);

    // Deleted space comes back with the commits that follow, in the background.
    private static long Settled(PoolUnderTest pool, long wanted)
    {
        long available = 0;
        for (int tries = 0; tries < 100 && available < wanted * 9 / 10; tries++)
        {
            available = Available(pool);
            Thread.Sleep(200);
        }

        return available;
    }
}
