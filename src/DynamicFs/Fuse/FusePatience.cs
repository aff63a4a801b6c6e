namespace DynamicFs.Fuse;

/// <summary>
/// Lets one reader look for the next request for some microseconds before it sleeps in read(2). A program that does one small operation after the other sends the
/// next one about as fast as a sleeping thread is woken, so this takes a third off each of them (docs/performance.md). It gives up when
/// looking does not pay, and tries again now and then; so it costs next to nothing on an idle mount or under large writes. Thread-safe.
/// </summary>
internal sealed class FusePatience(Func<bool> hasRequest, TimeProvider time)
{
    private const int LookMicroseconds = 50;

    /// <summary>After so many looks in vain, one request in <see cref="TrialInterval"/> is followed by a look.</summary>
    private const int MaxFailures = 4;
    private const int TrialInterval = 32;

    private readonly long _lookTicks = time.TimestampFrequency * LookMicroseconds / 1_000_000;

    /// <summary>On one processor, looking would keep the client from running.</summary>
    private readonly bool _isUseful = Environment.ProcessorCount > 1;
    private int _isTaken;

    /// <summary>Written by who has <see cref="_isTaken"/>.</summary>
    private int _failures;
    private int _sinceTrial;

    /// <summary>Looks that found a request, and those in vain.</summary>
    public long Hits { get; private set; }
    public long Misses { get; private set; }

    /// <summary>Returns when a request waits, or soon.</summary>
    public void Await()
    {
        if (!_isUseful || Interlocked.CompareExchange(ref _isTaken, 1, 0) != 0)
            return;
        if (_failures < MaxFailures || ++_sinceTrial >= TrialInterval)
            Look();
        Volatile.Write(ref _isTaken, 0);
    }

    private void Look()
    {
        _sinceTrial = 0;
        long until = time.GetTimestamp() + _lookTicks;
        do
        {
            if (hasRequest())
            {
                _failures = 0;
                Hits++;
                return;
            }

            Thread.SpinWait(5);
        }
        while (time.GetTimestamp() < until);
        _failures = Math.Min(_failures + 1, MaxFailures);
        Misses++;
    }
}
