using DynamicFs.Primitives;

namespace DynamicFs.Disks;

/// <summary>
/// One member of a pool as the engine sees it: its place in the pool (<see cref="Index"/>, stable for life, what extent records name), its identity,
/// the seam to it (null while it is missing), its health and its queue. Thread-safe.
/// </summary>
public sealed class MemberDisk : IDisposable
{
    private int _state;
    private long _readFailureCount;
    private long _writeFailureCount;
    private long _corruptionCount;

    public MemberDisk(int index, DiskId id, string name, IDisk? disk, DiskState state, DiskQueue queue)
    {
        (Index, Id, Name, Disk, Queue) = (index, id, name, disk, queue);
        _state = (int)state;
    }

    public int Index { get; }
    public DiskId Id { get; }
    public string Name { get; }
    public IDisk? Disk { get; }
    public DiskQueue Queue { get; }
    public DiskState State => (DiskState)Volatile.Read(ref _state);
    public bool IsPresent => Disk is not null;
    public bool IsReadable => Disk is not null && State != DiskState.Failed;
    public bool IsWritable => Disk is not null && State == DiskState.Healthy;
    public long ReadFailureCount => Volatile.Read(ref _readFailureCount);
    public long WriteFailureCount => Volatile.Read(ref _writeFailureCount);
    public long CorruptionCount => Volatile.Read(ref _corruptionCount);

    /// <summary>Raised once per failed call with the failure; the pool's health ladder listens. Raised on whatever thread met the failure.</summary>
    public event Action<MemberDisk, DiskException>? FailureReported;

    /// <summary>Raised once per piece of bad bytes that was read from this disk (they count as an erasure); it changes no state by itself.</summary>
    public event Action<MemberDisk, CorruptionException>? CorruptionReported;

    /// <summary>Records a failed call. EROFS makes the disk DEGRADED, ENOSPC changes nothing, any other write failure makes it SUSPECT.</summary>
    public void ReportFailure(DiskException failure, bool isWrite)
    {
        Interlocked.Increment(ref isWrite ? ref _writeFailureCount : ref _readFailureCount);
        if (isWrite && failure.Errno is not (Errno.ENOSPC or Errno.EDQUOT))
        {
            DiskState next = failure.Errno == Errno.EROFS ? DiskState.Degraded : DiskState.Suspect;
            Interlocked.CompareExchange(ref _state, (int)next, (int)DiskState.Healthy);
        }

        FailureReported?.Invoke(this, failure);
    }

    public void ReportCorruption(CorruptionException corruption)
    {
        Interlocked.Increment(ref _corruptionCount);
        CorruptionReported?.Invoke(this, corruption);
    }

    public void SetState(DiskState state) => Volatile.Write(ref _state, (int)state);

    public void Dispose()
    {
        Queue.Dispose();
        Disk?.Dispose();
    }
}
