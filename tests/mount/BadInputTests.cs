using DynamicFs.Harness;
using Xunit;

namespace DynamicFs.MountTests;

/// <summary>Input that makes no sense or could do harm: a clear text with the id and the next step, the right exit code, and nothing changed.</summary>
[Collection(MountCollection.Name)]
public sealed class BadInputTests(MountRun run)
{
    private static int _number;

    [Theory]
    [InlineData(20, "E_DISK_PATH", "create p d1 d2 nothing --allow-same-device")]
    [InlineData(20, "E_DISK_PATH", "create p d1 d2 file --allow-same-device")]
    [InlineData(21, "E_DISK_SYMLINK", "create p d1 d2 link --allow-same-device")]
    [InlineData(21, "E_DISK_NOT_EMPTY", "create p d1 d2 full --allow-same-device")]
    [InlineData(21, "E_SAME_DEVICE", "create p d1 d2 d3")]
    [InlineData(21, "E_", "create p d1 d2 d1 --allow-same-device")]
    [InlineData(2, "E_POLICY_INVALID", "create p d1 d2 d3 --allow-same-device --policy raid5")]
    [InlineData(2, "E_POLICY_INVALID", "create p d1 d2 d3 --allow-same-device --policy replica:0")]
    [InlineData(2, "E_POLICY_INVALID", "create p d1 d2 d3 --allow-same-device --policy rs:2+0")]
    [InlineData(2, "E_POLICY_INVALID", "create p d1 d2 d3 --allow-same-device --policy rs:30+3")]
    [InlineData(2, "E_POLICY_TOO_WIDE", "create p d1 d2 d3 --allow-same-device --policy rs:4+2")]
    [InlineData(2, "E_USAGE", "create 1/bad d1 --allow-same-device")]
    [InlineData(33, "E_DISK_READ_ONLY", "create p d1 readonly --allow-same-device")]
    [InlineData(20, "E_NOT_FOUND", "mount nothing d1")]
    [InlineData(20, "E_NOT_FOUND", "status nothing")]
    [InlineData(20, "E_NOT_FOUND", "mount $PWD/d1 d2")]
    [InlineData(20, "E_NOT_MOUNTED", "umount d1")]
    [InlineData(20, "E_NOT_MOUNTED", "sync d1")]
    [InlineData(20, "E_NOT_MOUNTED", "explain full/file")]
    [InlineData(20, "E_NOT_FOUND", "fsck nothing")]
    [InlineData(20, "E_NOT_FOUND", "roots nothing")]
    [InlineData(2, "", "frobnicate")]
    [InlineData(2, "", "create")]
    [InlineData(2, "", "mount p d1 --no-such-option")]
    public void It_is_refused_and_nothing_changes(int exitCode, string id, string command)
    {
        string home = run.Scratch.Sub($"bad{++_number}");
        Shell.Bash($$"""
            mkdir -p {{home}}/d1 {{home}}/d2 {{home}}/d3 {{home}}/full {{home}}/readonly {{home}}/state; cd {{home}}
            echo kept >full/file; echo kept >file; ln -s d3 link
            mount --bind readonly readonly && mount -o remount,ro,bind readonly
            """).Succeeded();
        try
        {
            string before = Everything(home);
            Outcome outcome = Run(home, command);
            Assert.True(outcome.ExitCode == exitCode, $"exit code {outcome.ExitCode}: {outcome.Error}");
            Assert.Contains(id, outcome.Error, StringComparison.Ordinal);
            Assert.Equal(before, Everything(home));
        }
        finally
        {
            Shell.Bash($"umount {home}/readonly").Succeeded();
        }
    }

    [Theory]
    [InlineData(21, "E_DISK_IN_USE", "create other d1 e1 --allow-same-device")]
    [InlineData(21, "E_DISK_IN_USE", "create other d1 e1 --allow-same-device --allow-nonempty")]
    [InlineData(21, "E_NAME_TAKEN", "create pool e1 e2 --allow-same-device")]
    [InlineData(20, "E_MOUNT_POINT", "mount pool nothing")]
    [InlineData(20, "E_MOUNT_POINT", "mount pool file")]
    [InlineData(21, "E_MOUNT_POINT_NOT_EMPTY", "mount pool full")]
    [InlineData(2, "E_USAGE", "mount pool mnt -o bogus")]
    public void With_a_pool_there_it_is_refused_and_nothing_changes(int exitCode, string id, string command)
    {
        string home = HomeWithPool();
        string before = Everything(home);
        Outcome outcome = Run(home, command);
        Assert.True(outcome.ExitCode == exitCode, $"exit code {outcome.ExitCode}: {outcome.Error}");
        Assert.Contains(id, outcome.Error, StringComparison.Ordinal);
        Assert.Equal(before, Everything(home));
    }

    [Fact]
    public void A_pool_beside_other_files_leaves_them_alone()
    {
        using PoolUnderTest pool = run.NewPool(3);
        foreach (string disk in pool.Disks)
            Shell.Bash($"cd {disk}; mkdir own; echo kept >own/file; echo kept >.hidden").Succeeded();
        string before = Others(pool);
        pool.Create("--allow-nonempty").Mount();
        Shell.Bash($"cp -a /usr/include/asm-generic {pool.MountPoint}/").Succeeded();
        pool.Unmount();
        Assert.Equal(before, Others(pool));
    }

    [Theory]
    [InlineData("formatVersion", "s/(\"formatVersion\": *)[0-9]+/\\1 99/")]
    public void A_pool_of_a_newer_format_is_refused(string what, string edit)
    {
        using PoolUnderTest pool = run.NewPool(3).Create();
        foreach (string disk in pool.Disks)
            Shell.Bash($"f={disk}/.dynfs/disk.json; grep -q {what} $f; sed -E -i '{edit}' $f").Succeeded();
        Outcome outcome = pool.TryMount();
        // Either the version is seen (40), or the label's checksum no longer holds and no disk can be believed.
        Assert.Contains(outcome.ExitCode, (int[])[40, 31, 21]);
        Assert.False(pool.IsMounted);
    }

    [Fact]
    public void Help_names_every_exit_code()
    {
        string help = Run(run.Scratch.Path, "--help").Succeeded().Output;
        foreach (string code in (string[])["10", "11", "12", "20", "21", "30", "31", "32", "33", "34", "40"])
            Assert.Contains(code, help, StringComparison.Ordinal);
    }

    private string HomeWithPool()
    {
        string home = run.Scratch.Sub($"bad{++_number}");
        Shell.Bash($"mkdir -p {home}/d1 {home}/d2 {home}/e1 {home}/e2 {home}/full {home}/mnt {home}/state; cd {home}; echo kept >full/file; echo kept >file").Succeeded();
        Run(home, "create pool d1 d2 --allow-same-device").Succeeded();
        return home;
    }

    private static Outcome Run(string home, string command)
        => Shell.Bash($"cd {home}; {PoolUnderTest.Tool} {command}", 30, new Dictionary<string, string> { ["DYNFS_STATE_DIR"] = Path.Combine(home, "state") });

    // The state directory may be touched (locks, logs) but not its registry.
    private static string Everything(string home) => Shell.Bash($$"""
        cd {{home}}
        find . -path ./state -prune -o -printf '%P %y %m %s %T@ %l\n' | sort
        find . -path ./state -prune -o -type f -print0 | sort -z | xargs -0 -r b2sum
        """).Succeeded().Output;

    private static string Others(PoolUnderTest pool)
        => Shell.Bash($"cd {pool.Home}; find d*/own d*/.hidden -printf '%p %y %m %s %T@\\n' | sort; cat d*/own/file d*/.hidden").Succeeded().Output;
}
