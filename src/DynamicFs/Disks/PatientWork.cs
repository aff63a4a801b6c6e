using System.Runtime.ExceptionServices;
using DynamicFs.Primitives;

namespace DynamicFs.Disks;

/// <summary>One call that may be left behind by who waits for it. It ends once: done, failed, given up by the queue, or left by the waiter; after that its result is nobody's.</summary>
internal abstract class PatientWork : DiskWork
{
    /// <summary>Protects the fields below; a leaf lock. Pulsed at the end.</summary>
    private readonly object _gate = new();
    private bool _hasEnded;
    private bool _isLeft;
    private bool _isIdle = true;

    public ExceptionDispatchInfo? Failure { get; private set; }

    /// <summary>The call was never handed out, or ended for its waiter: the item and its memory are the waiter's again. Otherwise they are those of <see cref="Late"/>.</summary>
    public bool IsIdle
    {
        get
        {
            lock (_gate)
                return _isIdle;
        }
    }

    /// <summary>It is about to be posted.</summary>
    public void Begin()
    {
        lock (_gate)
            (_hasEnded, _isLeft, _isIdle, Failure) = (false, false, false, null);
    }

    /// <summary>False when the call took longer: the waiter leaves it, and it must not be used again.</summary>
    public bool Wait(int timeoutMs)
    {
        long end = timeoutMs == Timeout.Infinite ? long.MaxValue : Environment.TickCount64 + timeoutMs;
        lock (_gate)
        {
            while (!_hasEnded)
            {
                long left = end - Environment.TickCount64;
                if (left <= 0 || !Monitor.Wait(_gate, (int)Math.Min(left, int.MaxValue)))
                {
                    _isLeft = !_hasEnded && end <= Environment.TickCount64;
                    if (_isLeft)
                        return false;
                }
            }
        }

        return true;
    }

    protected internal override void Execute()
    {
        ExceptionDispatchInfo? failure = null;
        try
        {
            Run();
        }
        catch (Exception e)
        {
            failure = ExceptionDispatchInfo.Capture(e);
        }

        if (!End(failure, isIdle: true))
            Late(failure is null);
    }

    protected internal override void Abandon(DiskException reason, bool hasBegun)
    {
        if (!End(ExceptionDispatchInfo.Capture(reason), isIdle: !hasBegun) && !hasBegun)
            Late(hasSucceeded: false);
    }

    protected abstract void Run();

    /// <summary>It ended after everybody had left.</summary>
    protected abstract void Late(bool hasSucceeded);

    private bool End(ExceptionDispatchInfo? failure, bool isIdle)
    {
        lock (_gate)
        {
            if (_hasEnded || _isLeft)
                return false;
            (_hasEnded, _isIdle, Failure) = (true, isIdle, failure);
            Monitor.PulseAll(_gate);
            return true;
        }
    }
}

internal sealed class PatientCall<T>(Func<T> function, Action<T>? late) : PatientWork
{
    public T Result { get; private set; } = default!;

    protected override void Run() => Result = function();

    protected override void Late(bool hasSucceeded)
    {
        if (hasSucceeded)
            late?.Invoke(Result);
    }
}
