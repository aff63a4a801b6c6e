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
    private static readonly TimeSpan s_endLimit = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan s_failureRest = TimeSpan.FromSeconds(30);

    private const long LeastBackgroundBytesPerSecond = 8 << 20;
    private const long BackgroundSeconds = 10 * 24 * 3600;

    private readonly MaintenanceParts _parts;
    private readonly Throttle _backgroundThrottle = new();
    private readonly ManualResetEventSlim _stop = new();
    private readonly AutoResetEvent _wake = new(false);
    private readonly Thread _thread;
    private readonly OrphanSweep _sweep;

    public Workers(MaintenanceParts parts)
    {
        _parts = parts;
        (Rebuilder, Rebalancer, Scrubber, Orphans) = (new Rebuilder(parts), new Rebalancer(parts), new Scrubber(parts), new OrphanCollector(parts));
        _sweep = new OrphanSweep(parts, Orphans);
        _thread = new Thread(Run) { Name = "maintenance", IsBackground = true, Priority = ThreadPriority.BelowNormal };
    }

    /// <summary>Enough to keep disks and processors busy while one of them waits; each has a few MiB in hand.</summary>
    public static int HelperCount => Math.Clamp(Environment.ProcessorCount, 1, 3);

    public MaintenanceParts Parts => _parts;
    public Rebuilder Rebuilder { get; }
    public Throttle RebuildThrottle { get; } = new();
    public Rebalancer Rebalancer { get; }
    public Throttle RebalanceThrottle { get; } = new();
    public Scrubber Scrubber { get; }
    public Throttle ScrubThrottle { get; } = new();
    public OrphanCollector Orphans { get; }

    public void Start() => _thread.Start();

    /// <summary>Looks for work now instead of at the next tick.</summary>
    public void Wake() => _wake.Set();

    public void Dispose()
    {
        _stop.Set();
        _wake.Set();
        // A disk that hangs may hold the thread; the end of the process takes it along.
        bool hasEnded = !_thread.IsAlive || _thread.Join(s_endLimit);
        Scrubber.Save();
        if (!hasEnded)
            return;
        _parts.Crew.Dispose();
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
        try
        {
            // A pool that turned READ_ONLY, or was opened so, can still be verified.
            TimeSpan? rest = _parts.Files.IsReadOnly ? null : Turn(Rebuilder.Step, () => Rebuilder.Status.DoneBytes, RebuildThrottle)
                ?? Turn(_sweep.Step, static () => 0, _backgroundThrottle)
                ?? Turn(Rebalancer.Step, () => Rebalancer.Status.DoneBytes, RebalanceThrottle);
            return rest ?? Turn(Scrubber.Step, () => Scrubber.Status.DoneBytes, ScrubThrottleNow()) ?? Idle();
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

    /// <summary>One step; null when the worker had nothing to do.</summary>
    private TimeSpan? Turn(Func<StepOutcome> step, Func<long> doneBytes, Throttle throttle)
    {
        long bytes = doneBytes();
        long began = Stopwatch.GetTimestamp();
        StepOutcome outcome = StepOutcome.Idle;
        TimeSpan took, rest;
        _parts.Pace.Begin();
        try
        {
            outcome = step();
        }
        finally
        {
            took = Stopwatch.GetElapsedTime(began);
            rest = _parts.Pace.End(took);
        }

        if (outcome != StepOutcome.Busy)
            return null;
        TimeSpan due = throttle.RestAfter(took, Math.Max(0, doneBytes() - bytes));
        return due > rest ? due : rest;
    }

    /// <summary>A scrub that nobody asked for takes ten days, not all that the disks can give.</summary>
    private Throttle ScrubThrottleNow()
    {
        ScrubStatus status = Scrubber.Status;
        if (!status.Request.IsBackground || ScrubThrottle.LimitBytesPerSecond > 0)
            return ScrubThrottle;
        _backgroundThrottle.LimitBytesPerSecond = Math.Max(LeastBackgroundBytesPerSecond, status.TotalBytes / BackgroundSeconds);
        return _backgroundThrottle;
    }

    private static TimeSpan Idle() => s_idleRest;

    [LoggerMessage(Level = LogLevel.Warning, Message = "maintenance failed and is tried again: {Reason}")]
    private static partial void LogFailed(ILogger log, string reason);

    [LoggerMessage(Level = LogLevel.Critical, Message = "an invariant broke in maintenance: the pool is READ_ONLY now; unmount, mount again and report this")]
    private static partial void LogDefect(ILogger log, Exception exception);
}
