using DynamicFs.Disks;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Disks;

public sealed class DiskQueueTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Work_runs_in_order_on_a_thread_of_the_queue()
    {
        using var queue = new DiskQueue("d", threads: 1);
        List<int> order = [];
        List<string?> threads = [];
        Task[] tasks = [.. Enumerable.Range(0, 1_000).Select(i => queue.Run(() =>
        {
            order.Add(i);
            threads.Add(Thread.CurrentThread.Name);
        }))];
        await Task.WhenAll(tasks).WaitAsync(s_limit);
        Assert.Equal(Enumerable.Range(0, 1_000), order);
        Assert.Equal(["disk d 0"], threads.Distinct());
    }

    [Fact]
    public async Task A_failure_ends_its_task_only()
    {
        using var queue = new DiskQueue("d", threads: 1);
        Task failing = queue.Run(() => throw new DiskException("d", "write", Errno.EIO));
        Task next = queue.Run(() => { });
        Assert.Equal(Errno.EIO, (await Assert.ThrowsAsync<DiskException>(() => failing.WaitAsync(s_limit))).Errno);
        await next.WaitAsync(s_limit);
    }

    [Fact]
    public void Without_threads_work_runs_on_the_caller_at_once()
    {
        using var queue = new DiskQueue("d", threads: 0);
        int thread = 0;
        Assert.True(queue.Run(() => thread = Environment.CurrentManagedThreadId).IsCompletedSuccessfully);
        Assert.Equal(Environment.CurrentManagedThreadId, thread);
        Assert.True(queue.Run(() => throw new DiskException("d", "write", Errno.EIO)).IsFaulted);
        Assert.Equal(2, queue.Statistics().CompletedCount);
    }

    [Fact]
    public async Task Threads_of_one_queue_work_side_by_side()
    {
        using var queue = new DiskQueue("d", threads: 2);
        using var meeting = new Barrier(2);
        Task[] tasks = [queue.Run(() => Assert.True(meeting.SignalAndWait(s_limit))), queue.Run(() => Assert.True(meeting.SignalAndWait(s_limit)))];
        await Task.WhenAll(tasks).WaitAsync(s_limit);
    }

    [Fact]
    public async Task A_hung_call_shows_in_the_statistics()
    {
        var time = new StoppedClock();
        using var queue = new DiskQueue("d", threads: 1, time: time);
        using var started = new ManualResetEventSlim();
        using var release = new ManualResetEventSlim();
        Assert.Equal(0, queue.OldestInFlightMs);
        Task hung = queue.Run(() =>
        {
            started.Set();
            release.Wait(s_limit);
        });
        Task waiting = queue.Run(() => { });
        Assert.True(started.Wait(s_limit));
        time.Advance(TimeSpan.FromMilliseconds(1_500));
        Assert.Equal(1_500, queue.OldestInFlightMs);
        DiskQueueStatistics statistics = queue.Statistics();
        Assert.Equal((1, 1, 1_500L, 0L), (statistics.QueuedCount, statistics.InFlightCount, statistics.OldestInFlightMs, statistics.CompletedCount));
        release.Set();
        await Task.WhenAll(hung, waiting).WaitAsync(s_limit);
        queue.Dispose();

        statistics = queue.Statistics();
        Assert.Equal((0, 0, 0L, 2L), (statistics.QueuedCount, statistics.InFlightCount, statistics.OldestInFlightMs, statistics.CompletedCount));
        Assert.Equal(TimeSpan.FromMilliseconds(1_500), statistics.Busy);
        Assert.Equal(1, statistics.LatencyCounts[0]);
        Assert.Equal(1, statistics.LatencyCounts[DiskQueueStatistics.BucketOf(TimeSpan.FromMilliseconds(1_500))]);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 2)]
    [InlineData(4, 3)]
    [InlineData(1_000, 10)]
    [InlineData(long.MaxValue / 10, DiskQueueStatistics.LatencyBuckets - 1)]
    public void Latency_buckets_double(long microseconds, int bucket) =>
        Assert.Equal(bucket, DiskQueueStatistics.BucketOf(TimeSpan.FromTicks(microseconds * TimeSpan.TicksPerMicrosecond)));

    [Fact]
    public async Task A_full_bounded_queue_makes_the_poster_wait()
    {
        using var queue = new DiskQueue("d", threads: 1, capacity: 2);
        using var started = new ManualResetEventSlim();
        using var release = new ManualResetEventSlim();
        _ = queue.Run(() =>
        {
            started.Set();
            release.Wait(s_limit);
        });
        Assert.True(started.Wait(s_limit));
        _ = queue.Run(() => { });
        _ = queue.Run(() => { });
        using var done = new SemaphoreSlim(0);
        Task posting = Task.Run(() => queue.Post(new Counting(done)));
        Assert.NotSame(posting, await Task.WhenAny(posting, Task.Delay(50)));
        release.Set();
        await posting.WaitAsync(s_limit);
        Assert.True(await done.WaitAsync(s_limit));
    }

    [Fact]
    public void Dispose_finishes_what_is_queued_and_takes_nothing_more()
    {
        var queue = new DiskQueue("d", threads: 2);
        int count = 0;
        for (int i = 0; i < 1_000; i++)
            _ = queue.Run(() => Interlocked.Increment(ref count));
        queue.Dispose();
        Assert.Equal(1_000, count);
        using var done = new SemaphoreSlim(0);
        Assert.Throws<ObjectDisposedException>(() => queue.Post(new Counting(done)));
        using var inline = new DiskQueue("d", threads: 0);
        inline.Dispose();
        Assert.Throws<ObjectDisposedException>(() => inline.Post(new Counting(done)));
    }

    [Fact]
    public void A_work_item_can_be_used_again_but_not_be_queued_twice()
    {
        using var queue = new DiskQueue("d", threads: 1);
        using var done = new SemaphoreSlim(0);
        using var release = new ManualResetEventSlim();
        var work = new Counting(done);
        for (int i = 0; i < 100; i++)
        {
            queue.Post(work);
            Assert.True(done.Wait(s_limit));
        }

        _ = queue.Run(() => release.Wait(s_limit));
        queue.Post(work);
        Assert.Throws<InvariantException>(() => queue.Post(work));
        release.Set();
        Assert.True(done.Wait(s_limit));
        Assert.Equal(101, work.Count);
    }

    private sealed class Counting(SemaphoreSlim done) : DiskWork
    {
        public int Count { get; private set; }

        protected internal override void Execute()
        {
            Count++;
            done.Release();
        }
    }

    private sealed class StoppedClock : TimeProvider
    {
        private long _ticks = 1_000;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Volatile.Read(ref _ticks);

        public void Advance(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);
    }
}
