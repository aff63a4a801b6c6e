using System.Text.Json;
using DynamicFs.Harness;
using DynamicFs.KillTests.Pool;
using Xunit;

namespace DynamicFs.KillTests;

/// <summary>What dies while its disk is away goes when the disk is back, by itself, under a real mount whose background work does not wait for minutes.</summary>
public sealed class OrphanSweepTests : IDisposable
{
    private const int Limit = 60;

    private readonly Scratch _scratch = new("sweep");
    private readonly PoolUnderTest _pool;
    private int _away;

    public OrphanSweepTests()
    {
        _pool = new PoolUnderTest(_scratch, "pool", 7) { Program = KillBuild.Tool };
        _pool.SetVariable("DYNFS_KILL_PERIOD_MS", "500");
    }

    public void Dispose()
    {
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
    public void A_disk_that_was_away_is_freed_of_what_died_meanwhile()
    {
        _pool.Create().Mount();
        Write("stays", 1);
        _pool.Cli(Limit, "sync", _pool.MountPoint).Succeeded();
        int[] before = [.. Enumerable.Range(0, _pool.Disks.Count).Select(disk => FilesOf(disk, "fragments"))];
        Write("dies", 2);
        _pool.Unmount(Limit);
        // In an extent of its own, and there is a disk more than that has fragments.
        _away = Enumerable.Range(1, _pool.Disks.Count - 1).First(disk => FilesOf(disk, "fragments") > before[disk]);
        _pool.Pull(_away);
        _pool.Mount();
        File.Delete($"{_pool.MountPoint}/dies");
        for (int i = 0; i < 18; i++)
        {
            Write("turns", 3);
            _pool.Cli(Limit, "sync", _pool.MountPoint).Succeeded();
        }

        _pool.Unmount(Limit);
        _pool.PutBack(_away);
        Assert.NotEqual(0, Files("fragments"));
        _pool.Mount();
        Await("what died is in the quarantine", () => Files("quarantine") > 0 && Stats() is { Orphans: 0, InQuarantine: > 0 });
        Check("stays", 1);
        _pool.Remount();
        Await("the quarantine is empty", () => Stats() is { Orphans: 0, InQuarantine: 0 });
        Assert.Equal(0, Files("quarantine"));
        Check("stays", 1);
        Check("turns", 3);
        _pool.Cli(Limit, "audit", "verify", _pool.Name).Succeeded();
        _pool.Cli(Limit, "wait", _pool.Name, "rebuild").Succeeded();
        _pool.Unmount(Limit);
        _pool.Cli(Limit, "fsck", _pool.Name).Succeeded();
    }

    private void Write(string name, int seed) => Shell.Run(["bash", "-c", $"seq {seed} 7 99999999 | head -c 3000000 >{_pool.MountPoint}/{name}"], Limit).Succeeded();

    private void Check(string name, int seed) => Shell.Run(["bash", "-c", $"seq {seed} 7 99999999 | head -c 3000000 | cmp - {_pool.MountPoint}/{name}"], Limit).Succeeded();

    private int Files(string directory) => FilesOf(_away, directory);

    private int FilesOf(int disk, string directory) => Directory.GetFiles($"{_pool.Disks[disk]}/.dynfs/{directory}", "*", SearchOption.AllDirectories).Length;

    private (long Orphans, long InQuarantine) Stats()
    {
        Outcome outcome = _pool.Cli(Limit, "orphan-stats", _pool.Name, "--json");
        // While a disk is being looked at anew nothing is judged.
        if (outcome.ExitCode != 0)
            return (-1, -1);
        using JsonDocument stats = JsonDocument.Parse(outcome.Output);
        return (stats.RootElement.GetProperty("count").GetInt64(), stats.RootElement.GetProperty("inQuarantine").GetInt64());
    }

    private void Await(string what, Func<bool> isThere)
    {
        DateTime end = DateTime.UtcNow.AddSeconds(Limit);
        while (!isThere())
        {
            if (DateTime.UtcNow > end)
                throw new CommandException($"not yet after {Limit} s: {what}; {Stats()}");
            Thread.Sleep(250);
        }
    }
}
