using System.Globalization;
using System.Text.Json;
using DynamicFs.Harness;

namespace DynamicFs.KillTests.Pool;

/// <summary>
/// A pool of six disks (rs:4+2) that is killed again and again: its disks, its state directory, its lives. Owns what must not outlive it; the scratch
/// directory's watcher cleans up after a harness that was killed itself.
/// </summary>
internal sealed class KilledPool : IDisposable
{
    public const int DiskCount = 6;
    public const int Tolerance = 2;

    private readonly Scratch _scratch;
    private readonly PoolUnderTest _pool;
    private Daemon? _daemon;

    public KilledPool(DiskKind kind)
    {
        _scratch = new Scratch("kill");
        try
        {
            _pool = new PoolUnderTest(_scratch, "pool", DiskCount) { Program = KillBuild.Tool };
            Disks = [.. _pool.Disks.Select(path => new KillDisk(kind, path))];
            _pool.Create("--allow-nonempty");
        }
        catch
        {
            _scratch.Dispose();
            throw;
        }
    }

    public IReadOnlyList<KillDisk> Disks { get; }
    public string Home => _pool.Home;
    public string MountPoint => _pool.MountPoint;
    public string StateDirectory => _pool.StateDirectory;
    public Daemon Daemon => _daemon ?? throw new CommandException("the pool has no daemon");

    /// <summary>Settings of every daemon: background work is hurried, so that short lives have some of it.</summary>
    public Dictionary<string, string> Settings { get; } = new() { ["DYNFS_KILL_PERIOD_MS"] = "700" };

    /// <summary>Starts a life. False when it was killed, or held, at its point before it served.</summary>
    public bool Mount(NamedPoint? point = null, bool holds = false)
    {
        _daemon?.Dispose();
        _daemon = Daemon.Start(_pool, point, holds, Settings);
        return _daemon.WaitUntilServing();
    }

    /// <summary>Starts a life and kills it after a while, wherever it is then.</summary>
    public void MountAndKill(TimeSpan after)
    {
        _daemon?.Dispose();
        _daemon = Daemon.Start(_pool, null, holds: false, Settings);
        Thread.Sleep(after);
        if (_daemon is { HasEnded: true, WasKilled: false })
            throw new CommandException($"the pool does not mount:\n{_daemon.LogTail}");
        _daemon.Kill();
    }

    /// <summary>Copies everything to DYNFS_KILL_KEEP, when that is set, before the scratch directory goes.</summary>
    public void KeepForInspection()
    {
        if (Environment.GetEnvironmentVariable("DYNFS_KILL_KEEP") is not { Length: > 0 } target)
            return;
        _daemon?.Dispose();
        Shell.Bash($"mkdir -p {target} && cp -a --sparse=always {Home}/. {target}/ && rm -rf {target}/mnt", limitSeconds: 300);
    }

    /// <summary>Exactly these disks are away from now on; only while nothing is mounted.</summary>
    public void SetAway(IReadOnlyCollection<int> away)
    {
        for (int index = 0; index < Disks.Count; index++)
        {
            if (Disks[index].IsAttached && away.Contains(index))
                Disks[index].Detach();
            else if (!Disks[index].IsAttached && !away.Contains(index))
                Disks[index].Attach();
        }
    }

    /// <summary>Takes the power from disks, each at its own moment, in the order given.</summary>
    public void Cut(IEnumerable<int> disks) => Shell.Run([KillBuild.Client, "cut", .. disks.Select(index => Disks[index].Path)]).Succeeded();

    public void Recover(IEnumerable<int> disks)
    {
        foreach (int index in disks)
            Disks[index].Recover();
    }

    /// <summary>What an operator does when the power of a disk is back: only SUSPECT returns by itself, and not within the seconds of a life.</summary>
    public void ReviveDisks()
    {
        Outcome look = _pool.Cli(60, "health", _pool.Name, "--json");
        if (!look.Output.StartsWith('{'))
            throw new CommandException($"health: {look.Error}");
        using var health = JsonDocument.Parse(look.Output);
        foreach (JsonElement disk in health.RootElement.GetProperty("disks").EnumerateArray())
        {
            string index = disk.GetProperty("index").GetInt32().ToString(CultureInfo.InvariantCulture);
            if (disk.GetProperty("present").GetBoolean() && disk.GetProperty("state").GetString() is "SUSPECT" or "DEGRADED" or "FAILED")
                _pool.Cli(60, "set-disk-health", _pool.Name, index, "HEALTHY", "--reason", "its power is back").Succeeded();
        }
    }

    /// <summary>fsck of the unmounted pool must find nothing worse than what the missing or stale disks explain.</summary>
    public void Fsck(params int[] expected)
    {
        Outcome outcome = _pool.Cli(120, "fsck", _pool.Name);
        if (!expected.Contains(outcome.ExitCode))
            throw new CommandException($"fsck ended with {outcome.ExitCode}, expected {string.Join(" or ", expected)}:\n{outcome.Output}\n{outcome.Error}");
    }

    public void Dispose()
    {
        try
        {
            _daemon?.Dispose();
        }
        finally
        {
            _scratch.Dispose();
        }
    }
}
