namespace DynamicFs.Fuse;

/// <summary>
/// A thread that looks at the requests in work: logs those that take long, each once per doubling of its age, and adds readers while some are stuck
/// (waiting for disks in a sync, or for room to write), so that quick requests, and more syncs to share a commit with, always find one.
/// </summary>
internal sealed class FuseWatch(FuseSession session, TimeSpan slowAfter) : IDisposable
{
    /// <summary>A reader with a request of this age counts as stuck.</summary>
    private static readonly TimeSpan StuckAfter = TimeSpan.FromMilliseconds(2);

    /// <summary>Time between looks while all readers are busy, and while they are not.</summary>
    private static readonly TimeSpan BusyInterval = TimeSpan.FromMilliseconds(3);
    private static readonly TimeSpan QuietInterval = TimeSpan.FromSeconds(1);

    /// <summary>Added readers stay this long after the last time they were needed.</summary>
    private static readonly TimeSpan KeepReaders = TimeSpan.FromSeconds(10);

    private readonly ManualResetEventSlim _wake = new();
    private readonly Dictionary<ulong, TimeSpan> _logged = [];
    private volatile bool _stop;
    private volatile bool _watching;
    private long _neededAt = Environment.TickCount64;

    public void Start() => new Thread(Run) { Name = "fuse-watch", IsBackground = true }.Start();

    /// <summary>All readers are busy: look more closely. Costs nothing while the thread does so already.</summary>
    public void Wake()
    {
        if (!_watching)
        {
            _watching = true;
            _wake.Set();
        }
    }

    public void Dispose()
    {
        _stop = true;
        _wake.Set();
    }

    private void Run()
    {
        while (!_stop)
        {
            if (!_wake.Wait(QuietInterval))
            {
                Look();
                continue;
            }

            _wake.Reset();
            do
            {
                Thread.Sleep(BusyInterval);
            }
            while (!_stop && Look());

            // Who became busy since the last look found nobody to wake.
            _watching = false;
            if (session.ActiveCount >= session.BaseReaders)
                Wake();
        }
    }

    /// <summary>True while it is worth looking again soon.</summary>
    private bool Look()
    {
        IReadOnlyList<RunningRequest> running = session.Running();
        int stuck = running.Count(request => request.Elapsed >= StuckAfter);
        if (stuck > 0)
        {
            session.AllowReaders(session.BaseReaders + stuck);
            _neededAt = Environment.TickCount64;
        }
        else if (Environment.TickCount64 - _neededAt > KeepReaders.TotalMilliseconds)
        {
            session.AllowReaders(session.BaseReaders);
        }

        LogSlow(running);
        return stuck > 0 || running.Count >= session.BaseReaders;
    }

    private void LogSlow(IReadOnlyList<RunningRequest> running)
    {
        foreach (RunningRequest request in running)
        {
            if (request.Elapsed < slowAfter || (_logged.TryGetValue(request.Unique, out TimeSpan at) && request.Elapsed < 2 * at))
                continue;
            _logged[request.Unique] = request.Elapsed;
            FuseLog.Slow(session.Log, request.Opcode, request.Inode, request.Unique, request.ProcessId, (long)request.Elapsed.TotalSeconds);
        }

        if (_logged.Count > 0)
        {
            foreach (ulong unique in _logged.Keys.Where(unique => running.All(request => request.Unique != unique)).ToList())
                _logged.Remove(unique);
        }
    }
}
