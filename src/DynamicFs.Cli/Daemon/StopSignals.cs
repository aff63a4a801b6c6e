using System.Runtime.InteropServices;

namespace DynamicFs.Cli.Daemon;

/// <summary>Runs one action at the first SIGTERM, SIGINT or SIGHUP; none of them ends the process by itself.</summary>
internal sealed class StopSignals : IDisposable
{
    private readonly List<PosixSignalRegistration> _registrations = [];
    private readonly Action<PosixSignal> _stop;
    private readonly ManualResetEventSlim _finished = new(true);
    private int _wasCalled;

    public StopSignals(Action<PosixSignal> stop)
    {
        _stop = stop;
        foreach (PosixSignal signal in (PosixSignal[])[PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGHUP])
            _registrations.Add(PosixSignalRegistration.Create(signal, Handle));
    }

    /// <summary>Returns when a handler that is running has ended.</summary>
    public void WaitForHandlers() => _finished.Wait();

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
            registration.Dispose();
    }

    private void Handle(PosixSignalContext context)
    {
        context.Cancel = true;
        if (Interlocked.Exchange(ref _wasCalled, 1) != 0)
            return;
        _finished.Reset();
        try
        {
            _stop(context.Signal);
        }
        finally
        {
            _finished.Set();
        }
    }
}
