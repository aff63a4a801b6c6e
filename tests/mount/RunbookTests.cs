using DynamicFs.Harness;
using Xunit;

namespace DynamicFs.MountTests;

/// <summary>Every command of the runbooks, as it is written, in the trouble that it is written for.</summary>
[Collection(MountCollection.Name)]
public sealed class RunbookTests(MountRun run)
{
    [Fact]
    public void Bit_rot()
    {
        using PoolUnderTest pool = run.NewPool().Create().Mount();
        run.Client(60, "write-pattern", pool.MountPoint, "file", "9000001", "7");
        pool.Cli("sync", pool.MountPoint).Succeeded();
        Shell.Bash($"f=$(ls -S {pool.Disks[2]}/.dynfs/fragments/*/* | head -1); printf X | dd of=$f bs=1 seek=$(($(stat -c %s $f) - 100)) conv=notrunc status=none").Succeeded();
        var book = new Runbook("bitrot", pool);
        Assert.Contains("    /file\n", book.Run("dynfs scrub tank --limit 50M").Output, StringComparison.Ordinal);
        Assert.Contains("would be rewritten", book.Run("dynfs scrub tank --repair --dry-run").Output, StringComparison.Ordinal);
        Assert.Contains("1 repaired", book.Run("dynfs scrub tank --repair").Output, StringComparison.Ordinal);
        book.Run("dynfs audit verify tank");
        book.Run("dynfs health tank");
        book.Run("dynfs scrub tank status");
        book.Run("dynfs cleanup-orphans tank --older-than 1h");
        book.AssertDone();
        run.Client(60, "check-pattern", pool.MountPoint, "file", "9000001", "7");
    }

    [Fact]
    public void A_disk_failed()
    {
        using PoolUnderTest pool = run.NewPool();
        using var disks = new LoopDisks(pool);
        pool.Create().Mount();
        run.Client(60, "write-pattern", pool.MountPoint, "file", "9000001", "7");
        pool.Cli("sync", pool.MountPoint).Succeeded();
        string elsewhere = Directory.CreateDirectory($"{pool.Home}/elsewhere").FullName;
        Runbook book = new Runbook("disk-failed", pool).Where("/mnt/d2", pool.Disks[1]).Where("/dev/sdb1", $"{pool.Disks[1]}.image").Where("/mnt/new-place", elsewhere);

        disks.Abort(1);
        pool.Cli("probe-disks", pool.Name);
        Assert.Contains("DEGRADED", book.Run("dynfs health tank").Output, StringComparison.Ordinal);
        Assert.Contains("READ_ONLY", book.Run("dynfs probe-disks tank").Output, StringComparison.Ordinal);
        book.Run("dynfs disk offline tank d2");
        book.Run("umount /mnt/d2");
        book.Run("e2fsck -fp /dev/sdb1");
        book.Run("mount /dev/sdb1 /mnt/d2");
        book.Run("dynfs disk online tank d2");

        disks.Detach(1);
        Assert.Contains("IDENTITY_LOST", pool.Cli("probe-disks", pool.Name).Output, StringComparison.Ordinal);
        disks.Mount(1);
        book.Run("dynfs disk online tank d2");

        Shell.Bash($"mount --bind {pool.Disks[1]} {elsewhere}").Succeeded();
        disks.Detach(1);
        Assert.Contains("IDENTITY_LOST", pool.Cli("probe-disks", pool.Name).Output, StringComparison.Ordinal);
        book.Run("dynfs disk online tank d2 --path /mnt/new-place");

        pool.Cli("set-disk-health", pool.Name, "1", "SUSPECT").Succeeded();
        disks.Mount(1);
        pool.Cli("disk", "online", pool.Name, "1", "--path", pool.Disks[1]).Succeeded();
        pool.Cli("set-disk-health", pool.Name, "1", "SUSPECT").Succeeded();
        book.Run("dynfs set-disk-health tank d2 HEALTHY --reason \"new cable\"");
        book.Run("dynfs rebuild tank");
        book.RunUntil("dynfs health tank", health => health.Output.Contains("OK", StringComparison.Ordinal));
        book.AssertDone();
        Shell.Bash($"umount {elsewhere}");
        pool.Remount();
        run.Client(60, "check-pattern", pool.MountPoint, "file", "9000001", "7");
    }

    [Fact]
    public void Disks_are_replaced_added_and_removed()
    {
        using PoolUnderTest pool = run.NewPool(6, "rs:3+2");
        using var disks = new LoopDisks(pool);
        pool.Create().Mount();
        run.Client(60, "write-pattern", pool.MountPoint, "file", "40000001", "7");
        pool.Cli("sync", pool.MountPoint).Succeeded();
        Runbook book = new("disk-replaced", pool);
        foreach (string name in (string[])["n1", "n2"])
        {
            string added = Directory.CreateDirectory($"{pool.Home}/{name}").FullName;
            LoopDisks.Make(added, 256);
            book.Where($"/mnt/{name}", added);
        }

        try
        {
            pool.Cli("set-disk-health", pool.Name, "d2", "DEGRADED").Succeeded();
            book.Run("dynfs disk replace tank d2 /mnt/n1");
            book.RunUntil("dynfs health tank", health => !health.Output.Contains(pool.Disks[1], StringComparison.Ordinal));
            book.Run("dynfs disk list tank");
            book.Run("dynfs disk add tank /mnt/n2");
            Assert.Contains("n2", book.Run("dynfs rebalance tank --plan").Output, StringComparison.Ordinal);
            book.Run("dynfs rebalance tank");
            Assert.NotEmpty(Directory.EnumerateFiles($"{pool.Home}/n2/.dynfs/fragments", "*", SearchOption.AllDirectories));
            book.Run("dynfs disk drain tank d3");
            book.Run("dynfs disk drain tank d3 --cancel");
            book.Run("dynfs disk drain tank d3 --wait");
            book.Run("dynfs disk remove tank d3");
            book.Run("dynfs disk offline tank d4");
            book.Run("dynfs disk online tank d4");
            book.AssertDone();
            pool.Cli(120, "rebuild", pool.Name).Succeeded();
            pool.Remount();
            run.Client(60, "check-pattern", pool.MountPoint, "file", "40000001", "7");
            pool.Unmount();
            pool.Cli(60, "fsck", pool.Name).Succeeded();
        }
        finally
        {
            pool.Dispose();
            Shell.Bash($"umount -l {pool.Home}/n1; umount -l {pool.Home}/n2");
        }
    }

    [Fact]
    public void A_pool_mounts_degraded_read_only_or_not_at_all()
    {
        using PoolUnderTest pool = run.NewPool().Create().Mount();
        run.Client(60, "write-pattern", pool.MountPoint, "file", "100001", "7");
        pool.Unmount();
        var book = new Runbook("degraded-at-mount", pool);
        pool.Pull(3);
        book.Run("dynfs health tank");
        pool.Pull(4);
        pool.Pull(5);
        book.Run("dynfs mount tank /data");
        string late = string.Join(' ', pool.Disks.Skip(3));
        using (System.Diagnostics.Process process = Shell.Start(["bash", "-c", $"sleep 1; for d in {late}; do mv $d.pulled $d; done"]))
            book.Run("dynfs mount tank /data --wait-disks 60s");
        run.Client(60, "check-pattern", pool.MountPoint, "file", "100001", "7");
        foreach (string disk in (string[])["0", "1", "2", "3"])
            pool.Cli("set-disk-health", pool.Name, disk, "SUSPECT", "--force").Succeeded();
        pool.Unmount();
        book.Run("dynfs mount tank /data --degraded");
        Assert.Equal(1, Shell.Bash($"touch {pool.MountPoint}/new 2>/dev/null").ExitCode);
        book.Run("dynfs umount /data");
        pool.WaitForDaemonEnd();
        book.Run("dynfs set-disk-health tank d1 HEALTHY");
        book.Run("dynfs set-disk-health tank d2 HEALTHY");
        book.Run("dynfs mount tank /data");
        book.AssertDone();
        Shell.Bash($"echo writable >{pool.MountPoint}/new").Succeeded();
    }

    [Fact]
    public void The_pool_is_full()
    {
        using PoolUnderTest pool = run.NewPool(3);
        string added = Directory.CreateDirectory($"{pool.Home}/n1").FullName;
        string disks = string.Join(' ', pool.Disks);
        Shell.Bash($"for disk in {disks} {added}; do mount -t tmpfs -o size=100m tmpfs $disk; done").Succeeded();
        try
        {
            pool.Cli(["create", pool.Name, .. pool.Disks]).Succeeded();
            pool.Mount();
            run.Client(60, "write-pattern", pool.MountPoint, "file", "9000001", "7");
            Assert.Contains("No space left", Shell.Bash($"head -c 400000000 /dev/zero >{pool.MountPoint}/more").Error, StringComparison.Ordinal);
            Runbook book = new Runbook("pool-full", pool).Where("/mnt/n1", added);
            book.Run("dynfs status tank");
            book.Run("dynfs disk list tank");
            Shell.Bash($"rm {pool.MountPoint}/more").Succeeded();
            book.Run("dynfs sync /data");
            book.Run("dynfs disk add tank /mnt/n1");
            book.Run("dynfs rebalance tank");
            book.AssertDone();
            run.Client(60, "check-pattern", pool.MountPoint, "file", "9000001", "7");
        }
        finally
        {
            pool.Dispose();
            Shell.Bash($"for disk in {disks} {added}; do umount $disk; done").Succeeded();
        }
    }

    [Fact]
    public void Every_page_with_commands_is_run_here()
    {
        string[] pages = [.. Directory.EnumerateFiles(Repository.File("docs/operations"), "*.md").Where(page => Runbook.Parse(File.ReadAllText(page)).Any()).Select(page => Path.GetFileNameWithoutExtension(page)!).Order(StringComparer.Ordinal)];
        Assert.Equal(["bitrot", "daemon", "degraded-at-mount", "disk-failed", "disk-replaced", "guide", "pool-full"], pages);
    }
}
