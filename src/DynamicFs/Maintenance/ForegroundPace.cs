using DynamicFs.Files;

namespace DynamicFs.Maintenance;

/// <summary>
/// Which share of the time maintenance takes: all of it while nobody uses the filesystem, else as much as leaves what programs wait for as fast as it is while maintenance rests. One thread;
/// <see cref="IsInUse"/> may be asked by any.
/// </summary>
/// <remarks>
/// After each step maintenance rests in proportion. Calls that began during steps are compared with calls that began during rests, kind by kind: of the same minute and the same load, so that neither a slow
/// disk nor a heavy load is taken for a disturbance. Twice as slow halves the share, about equal raises it by a little.
/// </remarks>
internal sealed class ForegroundPace(ForegroundLatency latency, TimeProvider time)
{
    public const double LeastShare = 0.05;
    public const double MostShare = 0.6;

    /// <summary>What it begins with when somebody comes: enough rest to learn what quiet is.</summary>
    public const double FirstShare = 0.3;

    /// <summary>Calls of a kind, in steps and in rests, that make a comparison.</summary>
    public const int EnoughCalls = 16;

    /// <summary>Slower than this by maintenance is too slow.</summary>
    private const double TooSlow = 1.5;
    private const double AboutEqual = 1.2;
    private const double Raise = 0.05;

    /// <summary>Without a call for so long nobody uses the filesystem.</summary>
    public static readonly TimeSpan IdleAfter = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan s_longestRest = TimeSpan.FromSeconds(5);

    private readonly CallTimes[] _quietBefore = new CallTimes[ForegroundLatency.KindCount];
    private readonly CallTimes[] _disturbedBefore = new CallTimes[ForegroundLatency.KindCount];
    private long _seenCount;
    private long? _usedAt;
    private volatile bool _isInUse;

    /// <summary>Of the time, from <see cref="LeastShare"/> to 1.</summary>
    public double Share { get; private set; } = 1;

    /// <summary>Somebody read, wrote or synced not long ago: steps are to be small.</summary>
    public bool IsInUse => _isInUse;

    /// <summary>A step begins.</summary>
    public void Begin()
    {
        Look();
        latency.IsMaintained = true;
    }

    /// <summary>A step ended; how long to rest.</summary>
    public TimeSpan End(TimeSpan took)
    {
        latency.IsMaintained = false;
        Look();
        TimeSpan rest = took * ((1 - Share) / Share);
        return rest < s_longestRest ? rest : s_longestRest;
    }

    private void Look()
    {
        long count = latency.Count;
        if (count != _seenCount || latency.PendingCount > 0)
            (_seenCount, _usedAt) = (count, time.GetTimestamp());
        bool isInUse = _usedAt is { } usedAt && time.GetElapsedTime(usedAt) < IdleAfter;
        if (isInUse != _isInUse)
        {
            Share = isInUse ? FirstShare : 1;
            Forget();
        }

        _isInUse = isInUse;
        if (isInUse && Slowdown() is { } slowdown)
        {
            if (slowdown > TooSlow)
                Share = Math.Max(LeastShare, Share / 2);
            else if (slowdown < AboutEqual)
                Share = Math.Min(MostShare, Share + Raise);
            Forget();
        }
    }

    /// <summary>How many times longer calls take that begin in a step, of the kind that suffers most; null while too few were seen.</summary>
    private double? Slowdown()
    {
        double? slowest = null;
        for (int i = 0; i < ForegroundLatency.KindCount; i++)
        {
            CallTimes quiet = latency.Quiet((ForegroundKind)i) - _quietBefore[i], disturbed = latency.Disturbed((ForegroundKind)i) - _disturbedBefore[i];
            if (quiet.Count < EnoughCalls || disturbed.Count < EnoughCalls)
                continue;
            double slowdown = Mean(disturbed) / Mean(quiet);
            slowest = Math.Max(slowest ?? 0, slowdown);
        }

        return slowest;
    }

    private static double Mean(in CallTimes times) => Math.Max(1, times.Ticks) / (double)times.Count;

    private void Forget()
    {
        for (int i = 0; i < ForegroundLatency.KindCount; i++)
            (_quietBefore[i], _disturbedBefore[i]) = (latency.Quiet((ForegroundKind)i), latency.Disturbed((ForegroundKind)i));
    }
}
