using System.Runtime.ExceptionServices;

namespace DynamicFs.Maintenance;

/// <summary>
/// A few threads that help the maintenance thread with several extents at once, so that all disks and processors have work. Without threads the caller does everything itself, in order. One
/// <see cref="Run"/> at a time; it returns, or throws the first failure, when nothing of it is under way any more.
/// </summary>
internal sealed class MaintenanceCrew : IDisposable
{
    /// <summary>Protects the fields below; a leaf lock. Pulsed when work comes, ends, or never comes again.</summary>
    private readonly object _gate = new();
    private readonly Thread[] _threads;
    private Action<int>? _work;
    private int _next;
    private int _count;
    private int _openCount;
    private bool _isClosed;
    private ExceptionDispatchInfo? _failure;

    public MaintenanceCrew(int helpers)
    {
        _threads = new Thread[helpers];
        for (int i = 0; i < helpers; i++)
        {
            _threads[i] = new Thread(Help) { Name = $"maintenance {i + 1}", IsBackground = true, Priority = ThreadPriority.BelowNormal };
            _threads[i].Start();
        }
    }

    /// <summary>Items that are worked on at the same time.</summary>
    public int Width => _threads.Length + 1;

    /// <summary>Calls <paramref name="work"/> with 0 to <paramref name="count"/> - 1, each once, whatever order.</summary>
    public void Run(int count, Action<int> work)
    {
        lock (_gate)
        {
            (_work, _next, _count, _openCount, _failure) = (work, 0, count, count, null);
            if (_threads.Length > 0 && count > 1)
                Monitor.PulseAll(_gate);
        }

        while (TryTake(out int index, mayWait: false))
            Do(index, work);
        ExceptionDispatchInfo? failure;
        lock (_gate)
        {
            while (_openCount > 0)
                Monitor.Wait(_gate);
            (_work, failure) = (null, _failure);
        }

        failure?.Throw();
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isClosed = true;
            Monitor.PulseAll(_gate);
        }

        foreach (Thread thread in _threads)
            thread.Join();
    }

    private void Help()
    {
        while (TryTake(out int index, mayWait: true))
            Do(index, _work!);
    }

    private bool TryTake(out int index, bool mayWait)
    {
        lock (_gate)
        {
            while (mayWait && !_isClosed && _next >= _count)
                Monitor.Wait(_gate);
            index = _next;
            bool isTaken = _next < _count && !(mayWait && _isClosed);
            _next += isTaken ? 1 : 0;
            return isTaken;
        }
    }

    private void Do(int index, Action<int> work)
    {
        ExceptionDispatchInfo? failure = null;
        try
        {
            work(index);
        }
        catch (Exception e)
        {
            failure = ExceptionDispatchInfo.Capture(e);
        }

        lock (_gate)
        {
            _failure ??= failure;
            if (--_openCount == 0)
                Monitor.PulseAll(_gate);
        }
    }
}
