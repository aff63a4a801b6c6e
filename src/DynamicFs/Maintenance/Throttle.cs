namespace DynamicFs.Maintenance;

/// <summary>
/// How long a worker rests after a step: so long that it keeps to a number of bytes per second, and to its share of the time while somebody uses the
/// filesystem. Thread-safe.
/// </summary>
internal sealed class Throttle
{
    /// <summary>Share of the time that maintenance takes while the filesystem is in use: 3 of 10.</summary>
    private const double BusyRestFactor = 7.0 / 3.0;

    private static readonly TimeSpan s_longestRest = TimeSpan.FromSeconds(5);

    private long _limitBytesPerSecond;

    /// <summary>0 is no limit.</summary>
    public long LimitBytesPerSecond
    {
        get => Volatile.Read(ref _limitBytesPerSecond);
        set => Volatile.Write(ref _limitBytesPerSecond, value);
    }

    /// <param name="took">Time of the step.</param>
    /// <param name="bytes">Bytes that it read and wrote.</param>
    /// <param name="isInUse">Files were read or written since the step before.</param>
    public TimeSpan RestAfter(TimeSpan took, long bytes, bool isInUse)
    {
        TimeSpan rest = isInUse ? took * BusyRestFactor : TimeSpan.Zero;
        if (rest > s_longestRest)
            rest = s_longestRest;
        long limit = LimitBytesPerSecond;
        if (limit <= 0)
            return rest;
        TimeSpan due = TimeSpan.FromSeconds((double)bytes / limit) - took;
        return due > rest ? due : rest;
    }
}
