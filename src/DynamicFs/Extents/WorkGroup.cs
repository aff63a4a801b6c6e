using System.Runtime.ExceptionServices;
using DynamicFs.Disks;

namespace DynamicFs.Extents;

/// <summary>Work that was handed to several disk queues and is waited for together. Reusable when nothing of it is under way.</summary>
internal sealed class WorkGroup
{
    /// <summary>Protects the fields below; a leaf lock.</summary>
    private readonly object _gate = new();
    private int _remainingCount;
    private ExceptionDispatchInfo? _unexpected;

    /// <summary>Queues <paramref name="work"/> on the member's queue; a closed queue counts as work that failed.</summary>
    public void Post(MemberDisk member, GroupWork work)
    {
        lock (_gate)
            _remainingCount++;
        work.Begin(this);
        try
        {
            member.Queue.Post(work);
        }
        catch (ObjectDisposedException e)
        {
            End(e);
        }
    }

    /// <summary>Waits until all work has ended, then throws on the first exception that the work did not handle itself.</summary>
    public void Wait()
    {
        ExceptionDispatchInfo? unexpected;
        lock (_gate)
        {
            while (_remainingCount > 0)
                Monitor.Wait(_gate);
            (unexpected, _unexpected) = (_unexpected, null);
        }

        unexpected?.Throw();
    }

    /// <summary>True when all work has ended within the time; what has not goes on.</summary>
    public bool Wait(int timeoutMs)
    {
        long end = Environment.TickCount64 + timeoutMs;
        lock (_gate)
        {
            while (_remainingCount > 0)
            {
                long left = end - Environment.TickCount64;
                if (left <= 0 || !Monitor.Wait(_gate, (int)left))
                    return _remainingCount == 0;
            }
        }

        Wait();
        return true;
    }

    public void End(Exception? unexpected)
    {
        lock (_gate)
        {
            if (unexpected is not null)
                _unexpected ??= ExceptionDispatchInfo.Capture(unexpected);
            if (--_remainingCount == 0)
                Monitor.PulseAll(_gate);
        }
    }
}

/// <summary>A reusable work item of a <see cref="WorkGroup"/>. It handles disk failures itself; anything else ends up at who waits for the group.</summary>
internal abstract class GroupWork : DiskWork
{
    private int _hasEnded;
    private volatile bool _isAbandoned;

    public WorkGroup? Group { get; private set; }

    /// <summary>Nobody waits any more: what the poster owns must not be touched. The item is not posted again.</summary>
    public bool IsAbandoned => _isAbandoned;

    /// <summary>False: it always ends by itself, because it waits for nothing without a limit, and must not be left while it runs.</summary>
    protected virtual bool MayBeLeft => true;

    public void Begin(WorkGroup group)
    {
        Primitives.Invariant.Check(!_isAbandoned, "abandoned work is not posted again");
        (Group, _hasEnded) = (group, 0);
    }

    protected abstract void Run();

    /// <summary>The disk does not answer; called instead of, or beside, the end of <see cref="Run"/>.</summary>
    protected virtual void Fail(Primitives.DiskException reason)
    {
    }

    protected internal override void Abandon(Primitives.DiskException reason, bool hasBegun)
    {
        if ((hasBegun && !MayBeLeft) || Interlocked.Exchange(ref _hasEnded, 1) != 0)
            return;
        _isAbandoned = hasBegun;
        Fail(reason);
        Group!.End(null);
    }

    protected internal override void Execute()
    {
        WorkGroup group = Group!;
        Exception? unexpected = null;
        try
        {
            Run();
        }
        catch (Exception e)
        {
            unexpected = e;
        }

        if (Interlocked.Exchange(ref _hasEnded, 1) == 0)
            group.End(unexpected);
    }
}

/// <summary>A <see cref="GroupWork"/> for what is rare enough to be a closure.</summary>
internal sealed class ActionGroupWork(Action action) : GroupWork
{
    protected override void Run() => action();
}
