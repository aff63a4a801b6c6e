using DynamicFs.Extents;
using Xunit;

namespace DynamicFs.UnitTests.Extents;

public sealed class LeaseCacheTests
{
    [Fact]
    public void The_least_recently_used_goes_first()
    {
        using var cache = new LeaseCache<int, Value>(3);
        Value[] values = [.. Enumerable.Range(0, 4).Select(_ => new Value())];
        for (int i = 0; i < 3; i++)
            cache.Add(i, values[i], 1).Dispose();
        cache.TryLease(0).Dispose();
        cache.Add(3, values[3], 1).Dispose();
        Assert.Equal([false, true, false, false], values.Select(value => value.IsDisposed));
        Assert.True(cache.TryLease(1).IsEmpty);
        Assert.Equal((3, 3L), (cache.Count, cache.Weight));
    }

    [Fact]
    public void A_leased_value_lives_until_its_last_lease_ends()
    {
        using var cache = new LeaseCache<int, Value>(1);
        var value = new Value();
        LeaseCache<int, Value>.Lease first = cache.Add(1, value, 1), second = cache.TryLease(1);
        cache.Add(2, new Value(), 1).Dispose();
        Assert.False(value.IsDisposed);
        first.Dispose();
        Assert.False(value.IsDisposed);
        second.Dispose();
        Assert.True(value.IsDisposed);
    }

    [Fact]
    public void The_second_value_for_a_key_loses()
    {
        using var cache = new LeaseCache<int, Value>(9);
        Value winner = new(), loser = new();
        cache.Add(1, winner, 1).Dispose();
        using LeaseCache<int, Value>.Lease lease = cache.Add(1, loser, 1);
        Assert.Same(winner, lease.Value);
        Assert.True(loser.IsDisposed && !winner.IsDisposed);
    }

    [Fact]
    public void Too_heavy_values_are_used_but_not_kept()
    {
        using var cache = new LeaseCache<int, Value>(10);
        var value = new Value();
        LeaseCache<int, Value>.Lease lease = cache.Add(1, value, 11);
        Assert.Same(value, lease.Value);
        Assert.Equal((0, 0L), (cache.Count, cache.Weight));
        lease.Dispose();
        Assert.True(value.IsDisposed);
    }

    [Fact]
    public void Everything_is_disposed_once_whatever_threads_do()
    {
        var all = new List<Value>();
        using (var cache = new LeaseCache<int, Value>(8))
        {
            Thread[] threads = [.. Enumerable.Range(0, 4).Select(seed => new Thread(() => Work(cache, all, seed)))];
            foreach (Thread thread in threads)
                thread.Start();
            foreach (Thread thread in threads)
                thread.Join();
            Assert.InRange(cache.Weight, 0, 8);
        }

        Assert.All(all, value => Assert.Equal(1, value.DisposeCount));
    }

    [Fact]
    public void Block_sets_are_sets()
    {
        var random = new Random(4);
        for (int round = 0; round < 300; round++)
        {
            BlockSet set = default;
            var model = new HashSet<int>();
            for (int i = random.Next(600); i > 0; i--)
            {
                int block = random.Next(ExtentLayout.MaxBlocks);
                set.Add(block);
                model.Add(block);
            }

            int first = random.Next(ExtentLayout.MaxBlocks), end = first + random.Next(ExtentLayout.MaxBlocks - first + 1);
            int missing = first;
            while (missing < end && model.Contains(missing))
                missing++;
            Assert.Equal(missing, set.NextMissing(first, end));
            Assert.Equal(missing == end, set.HasAll(first, end));
            ulong window = set.Window(first);
            for (int i = 0; i < 64; i++)
                Assert.Equal(model.Contains(first + i), (window >> i & 1) != 0);
            Assert.Equal(model.Contains(first), set.Has(first));
        }
    }

    private static void Work(LeaseCache<int, Value> cache, List<Value> all, int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < 20_000; i++)
        {
            int key = random.Next(16);
            LeaseCache<int, Value>.Lease lease = cache.TryLease(key);
            if (lease.IsEmpty)
            {
                var value = new Value();
                lock (all)
                    all.Add(value);
                lease = cache.Add(key, value, random.Next(1, 3));
            }

            Assert.False(lease.Value.IsDisposed);
            if (random.Next(50) == 0)
                cache.Remove(key);
            if (random.Next(500) == 0)
                cache.Halve();
            Assert.False(lease.Value.IsDisposed);
            lease.Dispose();
        }
    }

    private sealed class Value : IDisposable
    {
        private int _disposeCount;

        public int DisposeCount => _disposeCount;
        public bool IsDisposed => _disposeCount > 0;

        public void Dispose() => Interlocked.Increment(ref _disposeCount);
    }
}
