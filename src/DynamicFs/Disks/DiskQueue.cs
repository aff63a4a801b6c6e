using DynamicFs.Primitives;

namespace DynamicFs.Disks;

/// <summary>
/// The work of one disk: a first-in-first-out queue served by its own dedicated threads, so that one slow disk never holds up another. Owns the
/// threads and the measurement of the disk's latency. With zero threads the work runs inline on the caller (simulated disks: deterministic order).
/// Work must not wait for other work of the same queue.
/// </summary>
public sealed class DiskQueue : IDisposable
{
    /// <summary>How long Dispose waits for calls that are under way: a hung disk must not hang the end of the process.</summary>
    private static readonly TimeSpan s_joinTimeout = TimeSpan.FromSeconds(10);

    private readonly int _capacity;
    private readonly TimeProvider _time;
    private readonly Thread[] _threads;

    /// <summary>Protects everything below; a leaf lock, never held during work. Pulsed when work arrives, room appears or the queue closes.</summary>
    private readonly object _gate = new();

    /// <summary>Per thread the timestamp at which its current work began, 0 while idle.</summary>
    private readonly long[] _startedAt;

    /// <summary>What each thread runs; null while idle, and when it was abandoned.</summary>
    private readonly DiskWork?[] _running;

    /// <summary>Threads whose call was abandoned and has not returned.</summary>
    private int _stuckCount;
    private readonly bool[] _isStuckSlot;
    private readonly long[] _latencyCounts = new long[DiskQueueStatistics.LatencyBuckets];
    private DiskWork? _first;
    private DiskWork? _last;
    private int _queuedCount;
    private int _waitingThreads;
    private int _waitingPosters;
    private int _inFlightCount;
    private long _completedCount;
    private long _busyTicks;
    private bool _isClosed;
    private volatile bool _isRetired;

    /// <param name="name">Name of the disk, for the threads.</param>
    /// <param name="threads">Calls that the disk is given at the same time; 0 runs all work inline.</param>
    /// <param name="capacity">Most items that wait; a further Post waits for room. 0 is no bound.</param>
    /// <param name="time">The clock of the measurements.</param>
    public DiskQueue(string name, int threads, int capacity = 0, TimeProvider? time = null)
    {
        (Name, Threads, _capacity, _time) = (name, threads, capacity, time ?? TimeProvider.System);
        _startedAt = new long[threads];
        (_running, _isStuckSlot) = (new DiskWork?[threads], new bool[threads]);
        _threads = new Thread[threads];
        for (int i = 0; i < threads; i++)
        {
            int slot = i;
            _threads[i] = new Thread(() => Serve(slot)) { IsBackground = true, Name = $"disk {name} {i}" };
            _threads[i].Start();
        }
    }

    public string Name { get; }
    public int Threads { get; }

    /// <summary>Calls were abandoned and have not returned: what is posted now is abandoned at once.</summary>
    public bool IsStuck => Volatile.Read(ref _stuckCount) > 0;

    /// <summary>True on the threads of any queue: they may wait for the disk as long as it takes.</summary>
    [ThreadStatic]
    private static bool t_isDiskThread;

    internal static bool IsDiskThread => t_isDiskThread;

    /// <summary>
    /// Gives up the calls that have been running for at least <paramref name="limit"/>, and everything that waits behind them. True when there were any. The disk takes nothing
    /// more until all of these have returned.
    /// </summary>
    public bool GiveUp(TimeSpan limit)
    {
        List<(DiskWork Work, bool HasBegun)> abandoned = [];
        lock (_gate)
        {
            for (int slot = 0; slot < _running.Length; slot++)
            {
                if (_running[slot] is not { } work || _time.GetElapsedTime(_startedAt[slot]) < limit)
                    continue;
                abandoned.Add((work, true));
                _running[slot] = null;
                _isStuckSlot[slot] = true;
                _stuckCount++;
            }

            for (DiskWork? work = abandoned.Count > 0 ? _first : null; work is not null; work = work.Next)
                abandoned.Add((work, false));
            if (abandoned.Count > 0)
                (_first, _last, _queuedCount) = (null, null, 0);
            foreach ((DiskWork work, bool hasBegun) in abandoned)
            {
                if (!hasBegun)
                    (work.Next, work.IsQueued) = (null, false);
            }

            Monitor.PulseAll(_gate);
        }

        foreach ((DiskWork work, bool hasBegun) in abandoned)
            work.Abandon(NoAnswer(), hasBegun);
        return abandoned.Count > 0;
    }

    /// <summary>Runs <paramref name="work"/> on the disk's threads; the task ends with its exception if it throws.</summary>
    public Task Run(Action work)
    {
        var item = new ActionWork(work);
        Post(item);
        return item.Task;
    }

    /// <summary>Queues <paramref name="work"/>; waits for room in a bounded queue.</summary>
    public void Post(DiskWork work)
    {
        if (Threads == 0)
        {
            RunInline(work);
            return;
        }

        if (IsStuck || _isRetired)
        {
            work.Abandon(NoAnswer(), hasBegun: false);
            return;
        }

        lock (_gate)
        {
            while (_capacity > 0 && _queuedCount >= _capacity && !_isClosed)
            {
                _waitingPosters++;
                Monitor.Wait(_gate);
                _waitingPosters--;
            }

            ObjectDisposedException.ThrowIf(_isClosed, this);
            Enqueue(work);
            if (_waitingPosters > 0)
                Monitor.PulseAll(_gate);
            else if (_waitingThreads > 0)
                Monitor.Pulse(_gate);
        }
    }

    /// <summary>How long the oldest call has been running; 0 when none is. A hung disk shows here first.</summary>
    public long OldestInFlightMs
    {
        get
        {
            lock (_gate)
                return OldestInFlightLocked();
        }
    }

    public DiskQueueStatistics Statistics()
    {
        lock (_gate)
        {
            return new DiskQueueStatistics(
                _queuedCount, _inFlightCount, OldestInFlightLocked(), _completedCount, _time.GetElapsedTime(0, _busyTicks), [.. _latencyCounts]);
        }
    }

    /// <summary>The disk is let go of: what is posted from now on is given up at once, what was posted before still runs.</summary>
    public void Retire() => _isRetired = true;

    /// <summary>Finishes what is queued, then ends the threads; gives up on calls that hang.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isClosed = true;
            Monitor.PulseAll(_gate);
        }

        long end = Environment.TickCount64 + (IsStuck ? 0 : (long)s_joinTimeout.TotalMilliseconds);
        foreach (Thread thread in _threads)
        {
            if (thread != Thread.CurrentThread)
                thread.Join((int)Math.Max(0, end - Environment.TickCount64));
        }
    }

    private DiskException NoAnswer() => _isRetired
        ? new(Name, "the disk was taken offline", Errno.ECANCELED)
        : new(Name, "a call did not return in time", Errno.ECANCELED);

    private void Serve(int slot)
    {
        t_isDiskThread = true;
        long startedAt = 0;
        while (true)
        {
            DiskWork? work;
            lock (_gate)
            {
                if (startedAt != 0)
                    Complete(startedAt);
                _startedAt[slot] = 0;
                _running[slot] = null;
                if (_isStuckSlot[slot])
                {
                    _isStuckSlot[slot] = false;
                    _stuckCount--;
                }

                work = Dequeue();
                if (work is null)
                    return;
                // A clock may stand at 0; idle and "began at 0" must differ.
                startedAt = Math.Max(1, _time.GetTimestamp());
                _startedAt[slot] = startedAt;
                _running[slot] = work;
                _inFlightCount++;
            }

            work.Execute();
        }
    }

    private void RunInline(DiskWork work)
    {
        long startedAt;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isClosed, this);
            startedAt = _time.GetTimestamp();
            _inFlightCount++;
        }

        work.Execute();
        lock (_gate)
            Complete(startedAt);
    }

    private void Enqueue(DiskWork work)
    {
        Invariant.Check(!work.IsQueued, "a work item is in one queue at a time");
        work.IsQueued = true;
        if (_last is null)
            _first = work;
        else
            _last.Next = work;
        _last = work;
        _queuedCount++;
    }

    /// <summary>Waits for work; null when the queue is closed and empty.</summary>
    private DiskWork? Dequeue()
    {
        while (_first is null)
        {
            if (_isClosed)
                return null;
            _waitingThreads++;
            Monitor.Wait(_gate);
            _waitingThreads--;
        }

        DiskWork work = _first;
        _first = work.Next;
        if (_first is null)
            _last = null;
        (work.Next, work.IsQueued) = (null, false);
        _queuedCount--;
        if (_waitingPosters > 0)
            Monitor.PulseAll(_gate);
        return work;
    }

    private void Complete(long startedAt)
    {
        long ticks = _time.GetTimestamp() - startedAt;
        _inFlightCount--;
        _completedCount++;
        _busyTicks += ticks;
        _latencyCounts[DiskQueueStatistics.BucketOf(_time.GetElapsedTime(0, ticks))]++;
    }

    private long OldestInFlightLocked()
    {
        long oldest = 0;
        foreach (long startedAt in _startedAt)
        {
            if (startedAt != 0 && (oldest == 0 || startedAt < oldest))
                oldest = startedAt;
        }

        return oldest == 0 ? 0 : (long)_time.GetElapsedTime(oldest).TotalMilliseconds;
    }

    private sealed class ActionWork(Action action) : DiskWork
    {
        private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Task => _end.Task;

        protected internal override void Execute()
        {
            try
            {
                action();
                _end.TrySetResult();
            }
            catch (Exception e)
            {
                _end.TrySetException(e);
            }
        }

        protected internal override void Abandon(DiskException reason, bool hasBegun) => _end.TrySetException(reason);
    }
}
