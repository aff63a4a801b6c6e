namespace DynamicFs.Disks;

/// <summary>
/// One piece of work for a <see cref="DiskQueue"/>, reusable: once <see cref="Execute"/> has begun, the item may be posted again (to any queue), so
/// a hot path needs no allocation. It is in one queue at a time.
/// </summary>
public abstract class DiskWork
{
    /// <summary>The queue's link; null outside of a queue and in its last item.</summary>
    internal DiskWork? Next { get; set; }

    /// <summary>True from Post until Execute begins.</summary>
    internal bool IsQueued { get; set; }

    /// <summary>
    /// Nobody waits for this item any more: a call to the disk does not return. Called at most once, before Execute (<paramref name="hasBegun"/> false: it will not run), or while
    /// it runs; then it may still end later, must not touch what its poster owns, and is not posted again. The poster must be told <paramref name="reason"/>.
    /// </summary>
    protected internal virtual void Abandon(Primitives.DiskException reason, bool hasBegun)
    {
    }

    /// <summary>Runs on a thread of the queue. Must not throw: nobody is there to catch it, the process would end.</summary>
    protected internal abstract void Execute();
}
