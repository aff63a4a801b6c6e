namespace DynamicFs.Files;

/// <summary>What programs ask for and wait for.</summary>
internal enum ForegroundKind
{
    Read,
    Write,
    Sync,
}

/// <summary>Calls of one kind that ended, and the ticks of the clock that they took.</summary>
internal readonly record struct CallTimes(long Count, long Ticks)
{
    public static CallTimes operator -(CallTimes after, CallTimes before) => new(after.Count - before.Count, after.Ticks - before.Ticks);
}

/// <summary>
/// How long programs wait for reads, writes and syncs: those that began while maintenance rested apart from those that began while it was at work, so that the two can be compared under
/// whatever load there is. Thread-safe; nothing is allocated.
/// </summary>
internal sealed class ForegroundLatency(TimeProvider time)
{
    public static readonly int KindCount = Enum.GetValues<ForegroundKind>().Length;

    private readonly Counter[] _quiet = Counters();
    private readonly Counter[] _disturbed = Counters();
    private int _pending;
    private int _isMaintained;

    /// <summary>Calls that have not ended.</summary>
    public int PendingCount => Volatile.Read(ref _pending);

    /// <summary>Maintenance is at work.</summary>
    public bool IsMaintained
    {
        get => Volatile.Read(ref _isMaintained) != 0;
        set => Volatile.Write(ref _isMaintained, value ? 1 : 0);
    }

    /// <summary>Calls that ended, of all kinds.</summary>
    public long Count
    {
        get
        {
            long count = 0;
            for (int kind = 0; kind < KindCount; kind++)
                count += Volatile.Read(ref _quiet[kind].Count) + Volatile.Read(ref _disturbed[kind].Count);
            return count;
        }
    }

    public CallTimes Quiet(ForegroundKind kind) => _quiet[(int)kind].Times;

    public CallTimes Disturbed(ForegroundKind kind) => _disturbed[(int)kind].Times;

    /// <summary>A call begins; disposing ends it.</summary>
    public ForegroundCall Begin(ForegroundKind kind)
    {
        Interlocked.Increment(ref _pending);
        return new ForegroundCall(this, (IsMaintained ? _disturbed : _quiet)[(int)kind], time.GetTimestamp());
    }

    private static Counter[] Counters() => [.. Enumerable.Range(0, KindCount).Select(_ => new Counter())];

    /// <summary>One call under way.</summary>
    public readonly ref struct ForegroundCall(ForegroundLatency owner, Counter counter, long startedAt)
    {
        public void Dispose()
        {
            Interlocked.Add(ref counter.Ticks, owner.Now - startedAt);
            Interlocked.Increment(ref counter.Count);
            Interlocked.Decrement(ref owner._pending);
        }
    }

    private long Now => time.GetTimestamp();

    internal sealed class Counter
    {
        public long Count;
        public long Ticks;

        public CallTimes Times => new(Volatile.Read(ref Count), Volatile.Read(ref Ticks));
    }
}
