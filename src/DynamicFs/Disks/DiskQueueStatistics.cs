namespace DynamicFs.Disks;

/// <summary>What a <see cref="DiskQueue"/> has measured so far; a copy.</summary>
/// <param name="QueuedCount">Items that wait.</param>
/// <param name="InFlightCount">Items that run now.</param>
/// <param name="OldestInFlightMs">How long the oldest of these has been running.</param>
/// <param name="CompletedCount">Items that ran to their end.</param>
/// <param name="Busy">Sum of the time that items ran, over all threads.</param>
/// <param name="LatencyCounts">Completed items by running time: bucket 0 is below 1 us, bucket i from 2^(i-1) us to below 2^i us, the last everything above.</param>
public sealed record DiskQueueStatistics(
    int QueuedCount, int InFlightCount, long OldestInFlightMs, long CompletedCount, TimeSpan Busy, IReadOnlyList<long> LatencyCounts)
{
    public const int LatencyBuckets = 28;

    internal static int BucketOf(TimeSpan latency)
    {
        ulong microseconds = (ulong)long.Max(0, latency.Ticks / TimeSpan.TicksPerMicrosecond);
        return Math.Min(LatencyBuckets - 1, microseconds == 0 ? 0 : 64 - System.Numerics.BitOperations.LeadingZeroCount(microseconds));
    }
}
