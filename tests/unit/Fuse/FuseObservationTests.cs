using System.Diagnostics;
using System.Diagnostics.Metrics;
using DynamicFs.Files;
using DynamicFs.Fuse;
using DynamicFs.Interop;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging;
using Xunit;

namespace DynamicFs.UnitTests.Fuse;

public sealed unsafe class FuseObservationTests
{
    [Fact]
    public void Requests_are_counted_by_kind_for_whoever_listens()
    {
        using var metrics = new FuseMetrics(() => 3);
        metrics.Record(FuseOpcode.Read, Stopwatch.Frequency / 1000, isError: false);
        metrics.Record(FuseOpcode.Read, Stopwatch.Frequency / 1000, isError: true);
        metrics.Record((FuseOpcode)5000, 0, isError: false);
        Assert.Equal((2, 1), (metrics.Count(FuseOpcode.Read), metrics.ErrorCount(FuseOpcode.Read)));

        var seen = new List<string>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == "dynfs" && instrument.Name == "dynfs.fuse.requests")
                self.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((_, value, tags, _) => seen.Add($"{tags[0].Value}={value}"));
        listener.Start();
        listener.RecordObservableInstruments();
        Assert.Contains("read=2", seen);
        Assert.Contains("other=1", seen);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    [InlineData(3, 2)]
    [InlineData(1024, 10)]
    [InlineData(1025, 11)]
    [InlineData(1L << 40, FuseMetrics.BucketCount - 1)]
    public void Latencies_fall_into_powers_of_two_of_a_microsecond(long microseconds, int bucket) =>
        Assert.Equal(bucket, FuseMetrics.Bucket(microseconds * (Stopwatch.Frequency / 1_000_000)));

    [Fact]
    public void A_trace_names_kind_inode_and_names()
    {
        var log = new ListLogger();
        var trace = new FuseTrace(log);
        using var buffer = new FuseBuffer();
        byte[] request = new RequestBytes(FuseOpcode.Rename, unique: 9 | FuseAbi.ResentBit, node: 17).With(new FuseRenameIn { Newdir = 2 }).WithText("old").WithText("new").ToArray();
        request.CopyTo(new Span<byte>(buffer.Request, request.Length));
        trace.Request(buffer, request.Length);
        buffer.Fail(9, Errno.ENOENT);
        trace.Reply(buffer, TimeSpan.FromMicroseconds(12));
        Assert.Equal("> #9 (again) Rename inode 17 uid 0 pid 0 \"old\" \"new\"", log.Lines[0]);
        Assert.Equal("< #9 ENOENT in 12 us", log.Lines[1]);
    }

    [Fact]
    public void Removed_directories_are_remembered_without_links_until_there_are_too_many()
    {
        var removed = new RemovedDirectories(TimeProvider.System);
        for (ulong i = 1; i <= 1025; i++)
            removed.Add(new Attributes { Inode = new InodeNumber(i), Mode = FileType.Directory | 0x1ED, LinkCount = 2 });
        Assert.False(removed.TryGet(new InodeNumber(1), out _));
        Assert.True(removed.TryGet(new InodeNumber(1025), out Attributes last));
        Assert.Equal(0u, last.LinkCount);
        Assert.True(last.IsDirectory);
    }

    private sealed class ListLogger : ILogger
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add(formatter(state, exception));
    }
}
