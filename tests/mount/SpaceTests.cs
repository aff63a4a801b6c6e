using System.Globalization;
using DynamicFs.Harness;
using Xunit;

namespace DynamicFs.MountTests;

/// <summary>A pool on small memory filesystems that runs full: an honest ENOSPC, what was taken stays readable, deleting always works and gives space back.</summary>
[Collection(MountCollection.Name)]
public sealed class SpaceTests(MountRun run)
{
    private const int DiskMebibytes = 160;

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
