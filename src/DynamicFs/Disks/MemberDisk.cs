using DynamicFs.Primitives;

namespace DynamicFs.Disks;

/// <summary>
/// One member of a pool as the engine sees it: its place in the pool (<see cref="Index"/>, stable for life, what extent records name), its identity,
/// the seam to it (null while it is missing), its health and its queue.
/// </summary>
public sealed class MemberDisk : IDisposable
{
    private int _state;

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

    /// <summary>Raised once per failed call with the failure; the pool's health ladder listens.</summary>
    public event Action<MemberDisk, DiskException>? FailureReported;

    /// <summary>Records a failed call. EROFS makes the disk DEGRADED, ENOSPC changes nothing, any other write failure makes it SUSPECT.</summary>
    public void ReportFailure(DiskException failure, bool isWrite)
    {
        if (isWrite && failure.Errno is not (Errno.ENOSPC or Errno.EDQUOT))
        {
            DiskState next = failure.Errno == Errno.EROFS ? DiskState.Degraded : DiskState.Suspect;
            Interlocked.CompareExchange(ref _state, (int)next, (int)DiskState.Healthy);
        }

        FailureReported?.Invoke(this, failure);
    }

    public void SetState(DiskState state) => Volatile.Write(ref _state, (int)state);

    public void Dispose()
    {
        Queue.Dispose();
        Disk?.Dispose();
    }
}
