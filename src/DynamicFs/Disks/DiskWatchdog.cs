namespace DynamicFs.Disks;

/// <summary>How long calls to a disk may take.</summary>
public sealed record WatchdogLimits
{
    public static readonly WatchdogLimits Default = new();

    /// <summary>A call that has run for so long is given up, and its disk is SUSPECT.</summary>
    public TimeSpan Hang { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A disk whose calls have not returned for so long is FAILED.</summary>
    public TimeSpan Gone { get; init; } = TimeSpan.FromSeconds(60);

    public TimeSpan Tick { get; init; } = TimeSpan.FromMilliseconds(200);
}

/// <summary>
/// Watches how long the calls to the disks of a pool have been running. Its thread calls no disk and waits for nobody, so nothing that hangs can stop it: everything
/// that was handed to a disk ends within the limit and a tick, one way or the other.
/// </summary>
public sealed class DiskWatchdog : IDisposable
{
    private readonly Func<IEnumerable<MemberDisk>> _members;
    private readonly WatchdogLimits _limits;
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread _thread;
    private readonly HashSet<MemberDisk> _gone = [];

    public DiskWatchdog(Func<IEnumerable<MemberDisk>> members, WatchdogLimits limits)
    {
        (_members, _limits) = (members, limits);
        _thread = new Thread(Run) { Name = "disk watchdog", IsBackground = true, Priority = ThreadPriority.AboveNormal };
        _thread.Start();
    }

    public void Dispose()
    {
        _stop.Set();
        _thread.Join();
        _stop.Dispose();
    }

    internal void Look()
    {
        foreach (MemberDisk member in _members())
        {
            var patient = member.Disk as PatientDisk;
            long oldestMs = Math.Max(member.Queue.OldestInFlightMs, patient?.Calls.OldestInFlightMs ?? 0);
            patient?.IsLagging = oldestMs > DiskPatience.ReadAround.TotalMilliseconds;
            if (oldestMs < _limits.Hang.TotalMilliseconds)
            {
                _gone.Remove(member);
                continue;
            }

            bool isNews = member.Queue.GiveUp(_limits.Hang) | (patient?.Calls.GiveUp(_limits.Hang) ?? false);
            if (isNews)
                member.Observe(DiskSign.Hung, $"a call has not returned for {oldestMs / 1000} s");
            if (oldestMs >= _limits.Gone.TotalMilliseconds && _gone.Add(member))
                member.Observe(DiskSign.Gone, $"a call has not returned for {oldestMs / 1000} s");
        }
    }

    private void Run()
    {
        while (!_stop.Wait(_limits.Tick))
            Look();
    }
}
