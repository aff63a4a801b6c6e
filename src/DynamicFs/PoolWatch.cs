using DynamicFs.Admin;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging;

namespace DynamicFs;

/// <summary>
/// The background look at an open pool, so that status answers from memory: counts extents by what they can still lose, samples the disks' space, keeps
/// the registry's witness of the newest generation, and logs what disks report. One thread of its own: a disk that hangs holds up nobody else.
/// </summary>
internal sealed partial class PoolWatch : IDisposable
{
    /// <summary>Extents visited under one hold of the tree's lock.</summary>
    private const int ExtentsPerStep = 2048;

    /// <summary>Counting may take this share of the time, so that a pool of millions of extents is not counted all day.</summary>
    private const int RestFactor = 20;

    private static readonly TimeSpan s_tick = TimeSpan.FromSeconds(5);

    /// <summary>A count that takes less than this is made on demand.</summary>
    private static readonly TimeSpan s_cheapCount = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_endLimit = TimeSpan.FromSeconds(5);

    private readonly Pool _pool;
    private readonly ILogger _log;
    private readonly ManualResetEventSlim _wake = new();

    /// <summary>Protects the census and what it is of; pulsed when there is a new one.</summary>
    private readonly object _counting = new();
    private readonly Thread _thread;
    private volatile bool _isStopping;
    private RedundancyStatus? _census;
    private bool _isCheap = true;
    private volatile DiskSpace?[] _space;
    private (Generation Generation, string States) _countedAt;
    private Generation _remembered;

    public PoolWatch(Pool pool, ILogger log)
    {
        (_pool, _log) = (pool, log);
        _space = new DiskSpace?[pool.Members.Count];
        foreach (MemberDisk member in pool.Members)
        {
            member.FailureReported += LogDisk;
            member.CorruptionReported += LogCorruption;
        }

        _thread = new Thread(Run) { Name = "pool watch", IsBackground = true };
        _thread.Start();
    }

    /// <summary>
    /// The count of what is committed now, if it is there within <paramref name="wait"/>; else, or when counting takes long in this pool, the newest there is. Null when
    /// there is none yet.
    /// </summary>
    public RedundancyStatus? Census(TimeSpan wait)
    {
        Generation wanted = _pool.Generation;
        var clock = System.Diagnostics.Stopwatch.StartNew();
        lock (_counting)
        {
            while (_census is null || (_isCheap && _countedAt.Generation < wanted))
            {
                _wake.Set();
                TimeSpan left = wait - clock.Elapsed;
                if (_isStopping || left <= TimeSpan.Zero || !Monitor.Wait(_counting, left))
                    break;
            }

            return _census;
        }
    }

    /// <summary>Space of a member when it was last looked at.</summary>
    public DiskSpace? SpaceOf(int index) => _space is var space && index < space.Length ? space[index] : null;

    public void Dispose()
    {
        _isStopping = true;
        _wake.Set();
        // A disk that hangs may hold the thread; the end of the process takes it along.
        if (_thread.Join(s_endLimit))
            _wake.Dispose();
        foreach (MemberDisk member in _pool.Members)
        {
            member.FailureReported -= LogDisk;
            member.CorruptionReported -= LogCorruption;
        }
    }

    /// <summary>Counts the live extents by how many of their fragments are on disks that can be read. Null when asked to stop.</summary>
    internal static RedundancyStatus? Count(Pool pool, Func<bool> isStopping)
    {
        var count = new RedundancyCount();
        ExtentId from = default;
        while (true)
        {
            int left = ExtentsPerStep;
            bool isEnd = true;
            pool.Catalog.ForEach(from, (record, live) =>
            {
                if (left-- == 0)
                {
                    (from, isEnd) = (record.Id, false);
                    return false;
                }

                if (live > 0)
                    count.Add(record.Scheme, record.Fragments.Count(f => f.IsPlaced && pool.Members[f.DiskIndex].IsReadable));
                return true;
            });
            if (isEnd)
            {
                int spare = count.Extents == 0 ? pool.Tolerance : count.MinimumSpare;
                return new RedundancyStatus(count.Extents, count.Full, count.Degraded, count.NoSpare, count.Lost, spare);
            }

            if (isStopping())
                return null;
        }
    }

    private void Run()
    {
        TimeSpan rest = TimeSpan.Zero;
        while (!_isStopping)
        {
            _wake.Wait(rest);
            _wake.Reset();
            if (_isStopping)
                return;
            var clock = System.Diagnostics.Stopwatch.StartNew();
            try
            {
                Look();
            }
            catch (Exception e) when (e is PoolException or CorruptionException or DiskException)
            {
                LogFailed(_log, e);
            }

            rest = TimeSpan.FromTicks(Math.Max(s_tick.Ticks, clock.Elapsed.Ticks * RestFactor));
        }
    }

    private void Look()
    {
        Generation generation = _pool.Generation;
        string states = string.Join(' ', _pool.Members.Select(m => m.IsReadable ? m.State.ToString() : "-"));
        if (_countedAt != (generation, states))
        {
            var clock = System.Diagnostics.Stopwatch.StartNew();
            RedundancyStatus? census = Count(_pool, () => _isStopping);
            lock (_counting)
            {
                _census = census ?? _census;
                _countedAt = (generation, states);
                _isCheap = clock.Elapsed < s_cheapCount;
                Monitor.PulseAll(_counting);
            }
        }

        _space = [.. _pool.Members.Select(SpaceOf)];
        if (generation != _remembered)
            _pool.Remember();
        _remembered = generation;
    }

    /// <summary>A disk that was added is listened to as well.</summary>
    public void Listen(MemberDisk member)
    {
        member.FailureReported += LogDisk;
        member.CorruptionReported += LogCorruption;
    }

    /// <summary>Asks the disk, which may take as long as a call may; null when it does not say.</summary>
    internal static DiskSpace? SpaceOf(MemberDisk member)
    {
        try
        {
            return member.Disk?.Space();
        }
        catch (DiskException)
        {
            return null;
        }
    }

    private void LogDisk(MemberDisk disk, DiskException failure) => LogDiskFailure(_log, disk.Name, disk.Index, DiskStateName.Of(disk.State), failure.Message);

    private void LogCorruption(MemberDisk disk, CorruptionException corruption) => LogBadBytes(_log, disk.Name, disk.Index, corruption.Message);

    [LoggerMessage(Level = LogLevel.Error, Message = "disk {Disk} (number {Index}, {State} now) failed a call: {Failure}. Look at its cables and the kernel log; 'dynfs status' tells what it means for the data")]
    private static partial void LogDiskFailure(ILogger log, string disk, int index, string state, string failure);

    [LoggerMessage(Level = LogLevel.Error, Message = "disk {Disk} (number {Index}) gave bad bytes, which were decoded from other disks where possible: {Corruption}. 'dynfs fsck' lists all of them")]
    private static partial void LogBadBytes(ILogger log, string disk, int index, string corruption);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the background look at the pool failed; it is tried again")]
    private static partial void LogFailed(ILogger log, Exception exception);
}
