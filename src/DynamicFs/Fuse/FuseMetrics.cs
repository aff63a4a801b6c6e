using System.Diagnostics;
using System.Diagnostics.Metrics;
using DynamicFs.Interop;

namespace DynamicFs.Fuse;

/// <summary>
/// Counts, errors and time per request kind, in plain arrays that cost a few nanoseconds; the instruments of the meter "dynfs" read them when a
/// listener asks. Latency buckets are powers of two of a microsecond.
/// </summary>
internal sealed class FuseMetrics : IDisposable
{
    public const int BucketCount = 26;

    private const int OpcodeCount = 64;

    private readonly Kind[] _kinds = [.. Enumerable.Range(0, OpcodeCount).Select(_ => new Kind())];
    private readonly Meter _meter = new("dynfs");

    public FuseMetrics(Func<int> activeRequests)
    {
        _meter.CreateObservableCounter("dynfs.fuse.requests", () => Each(kind => kind.Count), "{request}", "requests of the kernel, by kind");
        _meter.CreateObservableCounter("dynfs.fuse.errors", () => Each(kind => kind.ErrorCount), "{request}", "requests answered with an error, by kind");
        _meter.CreateObservableCounter("dynfs.fuse.seconds", () => Each(kind => kind.Ticks / (double)Stopwatch.Frequency), "s", "time spent on requests, by kind");
        _meter.CreateObservableCounter("dynfs.fuse.latency", Buckets, "{request}", "requests by kind that took at most le seconds");
        _meter.CreateObservableGauge("dynfs.fuse.active", activeRequests, "{request}", "requests being worked on");
    }

    public void Record(FuseOpcode opcode, long elapsedTicks, bool isError)
    {
        Kind kind = _kinds[(uint)opcode < OpcodeCount ? (int)opcode : 0];
        Interlocked.Increment(ref kind.Count);
        Interlocked.Add(ref kind.Ticks, elapsedTicks);
        Interlocked.Increment(ref kind.Buckets[Bucket(elapsedTicks)]);
        if (isError)
            Interlocked.Increment(ref kind.ErrorCount);
    }

    public long Count(FuseOpcode opcode) => _kinds[(int)opcode].Count;

    public long ErrorCount(FuseOpcode opcode) => _kinds[(int)opcode].ErrorCount;

    public void Dispose() => _meter.Dispose();

    /// <summary>Bucket i holds what took at most 2^i microseconds; the last one the rest.</summary>
    internal static int Bucket(long elapsedTicks)
    {
        ulong microseconds = (ulong)(elapsedTicks * 1_000_000 / Stopwatch.Frequency);
        return microseconds <= 1 ? 0 : Math.Min(BucketCount - 1, 64 - System.Numerics.BitOperations.LeadingZeroCount(microseconds - 1));
    }

    private IEnumerable<Measurement<T>> Each<T>(Func<Kind, T> value)
        where T : struct
    {
        for (int i = 0; i < OpcodeCount; i++)
        {
            if (_kinds[i].Count > 0)
                yield return new Measurement<T>(value(_kinds[i]), Tag(i));
        }
    }

    private IEnumerable<Measurement<long>> Buckets()
    {
        for (int i = 0; i < OpcodeCount; i++)
        {
            long sum = 0;
            for (int bucket = 0; _kinds[i].Count > 0 && bucket < BucketCount; bucket++)
            {
                sum += _kinds[i].Buckets[bucket];
                double limit = bucket == BucketCount - 1 ? double.PositiveInfinity : (1L << bucket) / 1e6;
                yield return new Measurement<long>(sum, Tag(i), new("le", limit));
            }
        }
    }

    private static KeyValuePair<string, object?> Tag(int opcode) =>
        new("op", opcode == 0 ? "other" : ((FuseOpcode)opcode).ToString().ToLowerInvariant());

    private sealed class Kind
    {
        public readonly long[] Buckets = new long[BucketCount];
        public long Count;
        public long ErrorCount;
        public long Ticks;
    }
}
