using System.Diagnostics;
using DynamicFs.Harness;
using Xunit;

namespace DynamicFs.MountTests;

/// <summary>Mounting, unmounting, being killed, being mounted twice, losing the registry.</summary>
[Collection(MountCollection.Name)]
public sealed class LifecycleTests(MountRun run)
{
    private const int SignalTerminate = 15;

    [Fact]
    public void A_second_opener_is_refused_and_changes_nothing()
    {
        using PoolUnderTest pool = run.NewPool().Create().Mount();
        Shell.Bash($"echo kept >{pool.MountPoint}/file").Succeeded();
        string elsewhere = Path.Combine(pool.Home, "elsewhere");
        Directory.CreateDirectory(elsewhere);
        // By path and with a state directory of its own, so that nothing but the lock on the disks can tell.
        Outcome second = Shell.Run([PoolUnderTest.Tool, "mount", pool.Disks[2], elsewhere], 60, new Dictionary<string, string> { ["DYNFS_STATE_DIR"] = Path.Combine(pool.StateDirectory, "other") });
        AssertLocked(second);
        AssertLocked(pool.Cli("fsck", pool.Name));
        Assert.Equal("kept\n", Shell.Bash($"cat {pool.MountPoint}/file; ls -A {elsewhere}").Succeeded().Output);
    }

    [Fact]
    public void What_was_synced_survives_the_daemons_death()
    {
        using PoolUnderTest pool = run.NewPool().Create().Mount();
        using Process client = Shell.Start(run.ClientCommand("synced-then-wait", pool.MountPoint, "50"));
        Assert.Equal("synced", client.StandardOutput.ReadLine());
        Thread.Sleep(1500);
        pool.Crash();
        Shell.KillGroup(client);
        pool.Mount();
        run.Client(60, "check-synced", pool.MountPoint, "50");
        pool.Unmount();
        pool.Cli("fsck", pool.Name).Succeeded();
    }

    [Fact]
    public void A_directory_sync_moves_everything_before_it_to_safety()
    {
        using PoolUnderTest pool = run.NewPool().Create().Mount();
        Shell.Bash($"cp -a /usr/lib/git-core {pool.MountPoint}/programs && sync {pool.MountPoint}").Succeeded();
        pool.Crash();
        pool.Mount();
        Manifest.AssertSame(Manifest.Of("/usr/lib/git-core"), Manifest.Of($"{pool.MountPoint}/programs"));
    }

    [Fact]
    public void What_nobody_synced_is_safe_after_the_stated_time()
    {
        using PoolUnderTest pool = run.NewPool().Create().Mount();
        Shell.Bash($"echo aged >{pool.MountPoint}/file").Succeeded();
        Thread.Sleep(8000); // 5 s, and the time of one commit on a busy machine
        pool.Crash();
        pool.Mount();
        Assert.Equal("aged\n", Shell.Bash($"cat {pool.MountPoint}/file").Succeeded().Output);
    }

    [Theory]
    [InlineData("dynfs")]
    [InlineData("umount")]
    [InlineData("fusermount3")]
    [InlineData("SIGTERM")]
    public void Every_way_to_unmount_keeps_everything(string way)
    {
        using PoolUnderTest pool = run.NewPool(3).Create().Mount();
        Shell.Bash($"cp -a /usr/include/asm-generic {pool.MountPoint}/headers").Succeeded();
        switch (way)
        {
            case "umount":
                Shell.Run(["umount", pool.MountPoint]).Succeeded();
                break;
            case "fusermount3":
                Shell.Run(["fusermount3", "-u", pool.MountPoint]).Succeeded();
                break;
            case "SIGTERM":
                Shell.KillProcess(pool.DaemonProcess()!.Value, SignalTerminate);
                break;
            default:
                pool.Unmount();
                break;
        }

        pool.WaitForDaemonEnd();
        Assert.False(pool.IsMounted);
        pool.Mount();
        Manifest.AssertSame(Manifest.Of("/usr/include/asm-generic"), Manifest.Of($"{pool.MountPoint}/headers"));
    }

    [Fact]
    public void A_busy_mount_is_not_taken_away()
    {
        using PoolUnderTest pool = run.NewPool(3).Create().Mount();
        using Process user = Shell.Start(["bash", "-c", $"cd {pool.MountPoint} && echo there && sleep 60"]);
        Assert.Equal("there", user.StandardOutput.ReadLine());
        Assert.NotEqual(0, pool.Cli("umount", pool.MountPoint).ExitCode);
        Assert.Equal("", Shell.Bash($"ls {pool.MountPoint}").Succeeded().Output);
        Shell.KillGroup(user);
        pool.Unmount();
    }

    [Fact]
    public void The_registry_is_only_a_cache()
    {
        using PoolUnderTest pool = run.NewPool().Create().Mount();
        Shell.Bash($"echo kept >{pool.MountPoint}/file").Succeeded();
        pool.Unmount();
        Directory.Delete(pool.StateDirectory, recursive: true);
        Assert.Equal(20, pool.TryMount().ExitCode);
        pool.Cli("mount", pool.Disks[4], pool.MountPoint).Succeeded();
        Assert.Equal("kept\n", Shell.Bash($"cat {pool.MountPoint}/file").Succeeded().Output);
        pool.Remount(); // by name again
        Assert.Equal("kept\n", Shell.Bash($"cat {pool.MountPoint}/file").Succeeded().Output);
    }

    [Fact]
    public void A_read_only_mount_writes_nothing()
    {
        using PoolUnderTest pool = run.NewPool(3).Create().Mount();
        Shell.Bash($"echo kept >{pool.MountPoint}/file").Succeeded();
        pool.Unmount();
        string before = Fragments(pool);
        pool.Mount("-o", "ro");
        Outcome write = Shell.Bash($"echo new >{pool.MountPoint}/new");
        Assert.Contains("Read-only file system", write.Error, StringComparison.Ordinal);
        Assert.Equal("kept\n", Shell.Bash($"cat {pool.MountPoint}/file").Succeeded().Output);
        pool.Unmount();
        Assert.Equal(before, Fragments(pool));
    }

    [Fact]
    public void Mount_by_the_systems_tool_works()
    {
        using PoolUnderTest pool = run.NewPool(3).Create();
        // mount(8) finds mount.fuse by cutting the type at its last dot, so the path of the program must have none (temporary directories may).
        string program = $"/tmp/dynfs-program-{Environment.ProcessId}";
        File.CreateSymbolicLink(program, PoolUnderTest.Tool);
        try
        {
            Shell.Bash($"mount -t fuse.{program} {pool.Name} {pool.MountPoint} -o noatime,x-test", 60, pool.Variables).Succeeded();
        }
        finally
        {
            File.Delete(program);
        }

        string line = File.ReadLines("/proc/self/mounts").Single(text => text.Contains($" {pool.MountPoint} ", StringComparison.Ordinal));
        Assert.StartsWith($"{pool.Name} {pool.MountPoint} fuse.dynfs rw,", line, StringComparison.Ordinal);
        Assert.Contains(",noatime,", line, StringComparison.Ordinal);
        int daemon = pool.DaemonProcess()!.Value;
        Shell.Bash($"echo kept >{pool.MountPoint}/file").Succeeded();
        pool.Cli("mount", pool.Name, pool.MountPoint, "-o", "remount,ro").Succeeded();
        Assert.Contains("Read-only", Shell.Bash($"touch {pool.MountPoint}/new").Error, StringComparison.Ordinal);
        pool.Cli("mount", pool.Name, pool.MountPoint, "-o", "remount,rw").Succeeded();
        Shell.Bash($"touch {pool.MountPoint}/new").Succeeded();
        Assert.Equal(daemon, pool.DaemonProcess());
    }

    [Fact]
    public void Every_verb_answers_in_json()
    {
        using PoolUnderTest pool = run.NewPool().Create().Mount();
        Shell.Bash($"head -c 20000000 /dev/zero | tr '\\0' x >{pool.MountPoint}/file").Succeeded();
        foreach (string[] verb in (string[][])[["sync", pool.MountPoint], ["status", pool.Name], ["status"], ["disk", "list", pool.Name], ["roots", pool.Name], ["explain", $"{pool.MountPoint}/file"]])
            AssertJson(pool.Cli([.. verb, "--json"]));
        pool.Unmount();
        foreach (string[] verb in (string[][])[["status", pool.Name], ["disk", "list", pool.Name], ["roots", pool.Name], ["fsck", pool.Name]])
            AssertJson(pool.Cli([.. verb, "--json"]));
    }

    [Fact]
    public void Mount_lets_go_of_its_callers_output()
    {
        using PoolUnderTest pool = run.NewPool(3).Create();
        Outcome mounted = pool.TryMount().Succeeded();
        Assert.False(mounted.StreamsHeld);
    }

    private static void AssertLocked(Outcome outcome)
    {
        Assert.Equal(30, outcome.ExitCode);
        Assert.Contains("E_LOCKING", outcome.Error, StringComparison.Ordinal);
    }

    private static void AssertJson(Outcome outcome)
    {
        outcome.Succeeded();
        using var document = System.Text.Json.JsonDocument.Parse(outcome.Output);
        Assert.Equal(1, document.RootElement.GetProperty("schemaVersion").GetInt32());
    }

    private static string Fragments(PoolUnderTest pool)
        => Shell.Bash($"cd {pool.Home} && find d*/ -type f ! -name disk.json ! -name lock -printf '%p %s %T@\\n' | sort").Succeeded().Output;
}
