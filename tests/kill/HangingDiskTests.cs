using System.Text.Json;
using DynamicFs.Harness;
using DynamicFs.KillTests.Pool;
using Xunit;

namespace DynamicFs.KillTests;

/// <summary>
/// Disks that hang, fail or are slow under a real mount, through the fault seam of the test build. Nothing here asserts a speed: what must not hang has a limit far above what it needs
/// and far below for ever.
/// </summary>
public sealed class HangingDiskTests : IDisposable
{
    private const int Limit = 45;

    private readonly Scratch _scratch = new("hang");
    private readonly PoolUnderTest _pool;
    private readonly string _faults;

    public HangingDiskTests()
    {
        _faults = _scratch.Sub("faults");
        File.WriteAllText(_faults, "");
        _pool = new PoolUnderTest(_scratch, "pool", 6) { Program = KillBuild.Tool };
        foreach ((string name, string value) in (ReadOnlySpan<(string, string)>)
            [("DYNFS_TEST_FAULTS", _faults), ("DYNFS_TEST_HANG_MS", "1500"), ("DYNFS_TEST_GONE_MS", "8000"), ("DYNFS_TEST_CLEAN_MS", "6000")])
            _pool.SetVariable(name, value);
    }

    public void Dispose()
    {
        Faults();
        try
        {
            _pool.Dispose();
        }
        finally
        {
            _scratch.Dispose();
        }
    }

    [Fact]
    public void Two_disks_that_hang_stop_nothing_and_are_failed_when_they_go_on()
    {
        _pool.Create().Mount();
        Write("before", 1);
        _pool.Cli("sync", _pool.MountPoint).Succeeded();
        Faults($"{_pool.Disks[1]} hang", $"{_pool.Disks[4]} hang");

        // What is not in any cache has to be read around them.
        Shell.Bash("echo 1 >/proc/sys/vm/drop_caches; echo 2 >/proc/sys/vm/drop_caches").Succeeded();
        Check("before", 1);
        Assert.InRange(_pool.Cli(Limit, "status", _pool.Name).ExitCode, 0, 11);
        Write("during", 2);
        _pool.Cli(Limit, "sync", _pool.MountPoint).Succeeded();
        Check("during", 2);
        Await("FAILED", 1);
        Await("FAILED", 4);
        _pool.Cli(Limit, "sync", _pool.MountPoint).Succeeded();

        _pool.Unmount(Limit);
        // They still hang: mounting leaves them out.
        Assert.Equal(0, _pool.Cli(Limit, "mount", _pool.Name, _pool.MountPoint).ExitCode);
        Check("before", 1);
        Check("during", 2);
        Faults();
        _pool.Unmount(Limit);
    }

    [Fact]
    public void A_disk_that_hangs_for_a_moment_is_suspect_and_comes_back_by_itself()
    {
        _pool.Create().Mount();
        Write("before", 1);
        Faults($"{_pool.Disks[2]} hang");
        Write("during", 2);
        _pool.Cli(Limit, "sync", _pool.MountPoint).Succeeded();
        Await("SUSPECT", 2);
        Faults();
        Await("HEALTHY", 2);
        Write("after", 3);
        _pool.Cli(Limit, "sync", _pool.MountPoint).Succeeded();
        _pool.Unmount(Limit);
        _pool.Mount();
        Check("before", 1);
        Check("during", 2);
        Check("after", 3);
        _pool.Unmount(Limit);
        Assert.InRange(_pool.Cli(60, "fsck", _pool.Name).ExitCode, 0, 10);
    }

    [Fact]
    public void A_disk_that_fails_every_call_is_left_by_new_data_and_degraded()
    {
        _pool.Create().Mount();
        Write("before", 1);
        Faults($"{_pool.Disks[0]} error EIO");
        for (int i = 0; i < 6; i++)
        {
            Write($"during{i}", 2);
            _pool.Cli(Limit, "sync", _pool.MountPoint).Succeeded();
        }

        for (int i = 0; i < 12 && State(0) is "HEALTHY" or "SUSPECT"; i++)
            _pool.Cli(Limit, "probe-disks", _pool.Name);
        Assert.Contains(State(0), (string[])["DEGRADED", "FAILED"]);
        Check("before", 1);
        Check("during5", 2);
        Faults();
        _pool.Unmount(Limit);
    }

    private void Faults(params string[] lines)
    {
        File.WriteAllLines(_faults + ".new", lines);
        File.Move(_faults + ".new", _faults, overwrite: true);
    }

    private void Write(string name, int seed) => Shell.Run(
        ["bash", "-c", $"seq {seed} 7 99999999 | head -c 3000000 >{_pool.MountPoint}/{name}"], Limit).Succeeded();

    private void Check(string name, int seed) => Shell.Run(
        ["bash", "-c", $"seq {seed} 7 99999999 | head -c 3000000 | cmp - {_pool.MountPoint}/{name}"], Limit).Succeeded();

    private string State(int disk)
    {
        using JsonDocument health = JsonDocument.Parse(_pool.Cli(Limit, "health", _pool.Name, "--json").Output);
        return health.RootElement.GetProperty("disks")[disk].GetProperty("state").GetString()!;
    }

    private void Await(string state, int disk)
    {
        DateTime end = DateTime.UtcNow.AddSeconds(Limit);
        while (State(disk) != state)
        {
            if (DateTime.UtcNow > end)
                throw new CommandException($"disk {disk} is {State(disk)}, not {state}:\n{_pool.Cli(Limit, "health", _pool.Name).Output}");
            Thread.Sleep(250);
        }
    }
}
