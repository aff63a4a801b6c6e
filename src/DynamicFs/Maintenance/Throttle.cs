namespace DynamicFs.Maintenance;

/// <summary>How long a worker rests after a step so that it keeps to a number of bytes per second. Thread-safe.</summary>
internal sealed class Throttle
{
    private long _limitBytesPerSecond;

    /// <summary>0 is no limit.</summary>
    public long LimitBytesPerSecond
    {
        get => Volatile.Read(ref _limitBytesPerSecond);
        set => Volatile.Write(ref _limitBytesPerSecond, value);
    }

    /// <param name="took">Time of the step.</param>
    /// <param name="bytes">Bytes that it read and wrote.</param>
    public TimeSpan RestAfter(TimeSpan took, long bytes)
    {
        long limit = LimitBytesPerSecond;
        if (limit <= 0)
            return TimeSpan.Zero;
        TimeSpan due = TimeSpan.FromSeconds((double)bytes / limit) - took;
        return due > TimeSpan.Zero ? due : TimeSpan.Zero;
    }
}
