using System.Diagnostics;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging;

namespace DynamicFs.Maintenance;

/// <summary>
/// The background workers of a mounted pool and the thread that steps them. A worker that fails is logged and tried again later; one that breaks an
/// invariant turns the pool READ_ONLY.
/// </summary>
internal sealed partial class Workers : IDisposable
{
    private static readonly TimeSpan s_idleRest = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_failureRest = TimeSpan.FromSeconds(30);

    private readonly MaintenanceParts _parts;
    private readonly ManualResetEventSlim _stop = new();
    private readonly AutoResetEvent _wake = new(false);
    private readonly Thread _thread;
    private long _activity;

    public Workers(MaintenanceParts parts)
    {
        _parts = parts;
        Rebuilder = new Rebuilder(parts);
        _thread = new Thread(Run) { Name = "maintenance", IsBackground = true, Priority = ThreadPriority.BelowNormal };
    }

    public Rebuilder Rebuilder { get; }
    public Throttle RebuildThrottle { get; } = new();

    public void Start() => _thread.Start();

    /// <summary>Looks for work now instead of at the next tick.</summary>
    public void Wake() => _wake.Set();

    public void Dispose()
    {
        _stop.Set();
        _wake.Set();
        if (_thread.IsAlive)
            _thread.Join();
        _stop.Dispose();
        _wake.Dispose();
    }

    private void Run()
    {
        while (!_stop.IsSet)
        {
            TimeSpan rest = Turn();
            if (rest > TimeSpan.Zero)
                _wake.WaitOne(rest);
        }
    }

    private TimeSpan Turn()
    {
        if (_parts.Files.IsReadOnly)
            return s_failureRest;
        try
        {
            long bytes = Rebuilder.Status.DoneBytes;
            long began = Stopwatch.GetTimestamp();
            if (Rebuilder.Step() != StepOutcome.Busy)
                return s_idleRest;
            long activity = _parts.Files.Activity;
            bool isInUse = activity != _activity;
            _activity = activity;
            return RebuildThrottle.RestAfter(Stopwatch.GetElapsedTime(began), Math.Max(0, Rebuilder.Status.DoneBytes - bytes), isInUse);
        }
        catch (Exception e) when (e is PoolException or CorruptionException or DiskException)
        {
            LogFailed(_parts.Log, e.Message);
            return s_failureRest;
        }
        catch (Exception e)
        {
            LogDefect(_parts.Log, e);
            _parts.Files.TurnReadOnly();
            return s_failureRest;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "maintenance failed and is tried again: {Reason}")]
    private static partial void LogFailed(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Critical, Message = "an invariant broke in maintenance: the pool is READ_ONLY now; unmount, mount again and report this")]
    private static partial void LogDefect(ILogger log, Exception exception);
}
