using System.Diagnostics;
using System.Globalization;
using DynamicFs.Harness;

namespace DynamicFs.KillTests.Pool;

/// <summary>Where a life of the daemon is to end, or to be held; null for any other moment.</summary>
internal sealed record NamedPoint(string Name, int Count);

/// <summary>One life of the daemon: a foreground mount as a process of its own group, from its start to its end.</summary>
internal sealed class Daemon : IDisposable
{
    private const int CodeOfKill = 128 + 9;
    private static readonly TimeSpan s_startLimit = TimeSpan.FromSeconds(90);

    private readonly PoolUnderTest _pool;
    private readonly Process _process;
    private readonly string _log;
    private bool _isDisposed;

    private Daemon(PoolUnderTest pool, Process process, string log, string marker) => (_pool, _process, _log, Marker) = (pool, process, log, marker);

    /// <summary>The daemon makes this file when it holds a thread at its point.</summary>
    public string Marker { get; }

    public bool HasEnded => _process.HasExited;

    /// <summary>It ended by SIGKILL, from outside or at its point.</summary>
    public bool WasKilled => _process.HasExited && _process.ExitCode == CodeOfKill;

    /// <summary>As <see cref="WasKilled"/>, for one whose mount answers no more: the process may need a moment to be gone.</summary>
    public bool IsBeingKilled => _process.WaitForExit(TimeSpan.FromSeconds(5)) && WasKilled;

    public string LogTail => string.Join('\n', File.ReadLines(_log).TakeLast(40));

    /// <summary>Starts a mount. With <paramref name="holds"/> a named point holds the thread instead of killing the process.</summary>
    public static Daemon Start(PoolUnderTest pool, NamedPoint? point, bool holds, IReadOnlyDictionary<string, string> settings)
    {
        string log = Path.Combine(pool.Home, "daemon.log"), marker = Path.Combine(pool.Home, "held");
        File.Delete(marker);
        var environment = new Dictionary<string, string>(pool.Variables.Concat(settings));
        if (point is not null)
            environment["DYNFS_KILL_AT"] = string.Create(CultureInfo.InvariantCulture, $"{point.Name}:{point.Count}");
        if (point is not null && holds)
            environment["DYNFS_KILL_MARKER"] = marker;
        string command = $"exec {KillBuild.Tool} mount {pool.Name} {pool.MountPoint} --foreground >{log} 2>&1";
        return new Daemon(pool, Shell.Start(["bash", "-c", command], environment), log, marker);
    }

    /// <summary>True when it serves, false when it was killed before; anything else is an error that shows the log.</summary>
    public bool WaitUntilServing()
    {
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < s_startLimit; Thread.Sleep(5))
        {
            if (_process.HasExited)
                return WasKilled ? false : throw new CommandException($"the pool does not mount (exit code {_process.ExitCode}):\n{LogTail}");
            if (File.Exists(Marker))
                return false;
            // A mount can be used before its daemon can be asked to end it.
            if (_pool.IsMounted && File.ReadLines(_log).Any(line => line.Contains(" serves on ", StringComparison.Ordinal)))
                return true;
        }

        throw new CommandException($"the daemon does not serve after {s_startLimit.TotalSeconds} s:\n{LogTail}");
    }

    /// <summary>SIGKILL, and the dead mount is taken away.</summary>
    public void Kill()
    {
        Shell.KillProcess(_process.Id);
        if (!_process.WaitForExit(TimeSpan.FromSeconds(20)))
            throw new CommandException("the killed daemon does not end");
        while (_pool.IsMounted)
            Shell.Run(["umount", "-l", _pool.MountPoint]).Succeeded();
    }

    /// <summary>A normal unmount; the daemon must end well.</summary>
    public void Unmount()
    {
        _pool.Unmount();
        if (!_process.WaitForExit(TimeSpan.FromSeconds(30)) || _process.ExitCode != 0)
            throw new CommandException($"the daemon did not end well after umount:\n{LogTail}");
    }

    public void Dispose()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        if (!_process.HasExited)
            Kill();
        _process.Dispose();
    }
}
