namespace DynamicFs.Files;

/// <summary>A dedicated thread that takes one step every so often until it is disposed; Dispose waits for the step that runs.</summary>
internal sealed class PeriodicThread : IDisposable
{
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread _thread;

    /// <param name="step">Must not throw.</param>
    public PeriodicThread(string name, TimeSpan period, Action step)
    {
        _thread = new Thread(() =>
        {
            while (!_stop.Wait(period))
                step();
        })
        {
            Name = name,
            IsBackground = true,
            Priority = ThreadPriority.BelowNormal,
        };
        _thread.Start();
    }

    public void Dispose()
    {
        _stop.Set();
        _thread.Join();
        _stop.Dispose();
    }
}
