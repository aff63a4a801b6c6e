using DynamicFs.Admin;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging;

namespace DynamicFs;

/// <summary>The live extents of a pool: by what they can still lose, and the bytes that files have in them.</summary>
internal sealed record PoolCensus(RedundancyStatus Redundancy, long LiveBytes);

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
    private static readonly TimeSpan s_endLimit = TimeSpan.FromSeconds(5);

    private readonly Pool _pool;
    private readonly ILogger _log;
    private readonly ManualResetEventSlim _stop = new();
    private readonly ManualResetEventSlim _counted = new();
    private readonly Thread _thread;
    private volatile PoolCensus? _census;
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

    /// <summary>The newest count; waits a moment for the first one after the start. Null when it is not there yet.</summary>
    public PoolCensus? Census(TimeSpan wait)
    {
        _counted.Wait(wait);
        return _census;
    }

    /// <summary>Space of a member when it was last looked at.</summary>
    public DiskSpace? SpaceOf(int index) => _space is var space && index < space.Length ? space[index] : null;

    public void Dispose()
    {
        _stop.Set();
        // A disk that hangs may hold the thread; the end of the process takes it along.
        if (_thread.Join(s_endLimit))
            _stop.Dispose();
        foreach (MemberDisk member in _pool.Members)
        {
            member.FailureReported -= LogDisk;
            member.CorruptionReported -= LogCorruption;
        }
    }

    /// <summary>Counts the live extents by how many of their fragments are on disks that can be read. Null when asked to stop.</summary>
    internal static PoolCensus? Count(Pool pool, Func<bool> isStopping)
    {
        var count = new RedundancyCount();
        long liveBytes = 0;
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

                liveBytes += live;
                if (live > 0)
                    count.Add(record.Scheme, record.Fragments.Count(f => f.IsPlaced && pool.Members[f.DiskIndex].IsReadable));
                return true;
            });
            if (isEnd)
            {
                int spare = count.Extents == 0 ? pool.Tolerance : count.MinimumSpare;
                return new PoolCensus(new RedundancyStatus(count.Extents, count.Full, count.Degraded, count.NoSpare, count.Lost, spare), liveBytes);
            }

            if (isStopping())
                return null;
        }
    }

    private void Run()
    {
        TimeSpan rest = TimeSpan.Zero;
        while (!_stop.Wait(rest))
        {
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
            _census = Count(_pool, () => _stop.IsSet) ?? _census;
            _countedAt = (generation, states);
            _counted.Set();
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

    private static DiskSpace? SpaceOf(MemberDisk member)
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
