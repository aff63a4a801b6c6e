using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>
/// A least-recently-used cache of things that must be disposed and may be in use while they are evicted: a value is disposed when it is neither
/// cached nor leased. The sum of the weights of what is cached stays at or below <paramref name="capacity"/>. A hit allocates nothing. Thread-safe.
/// </summary>
internal sealed class LeaseCache<TKey, TValue>(long capacity) : IDisposable
    where TKey : struct, IEquatable<TKey>
    where TValue : class, IDisposable
{
    /// <summary>Protects everything below and the entries; a leaf lock, values are disposed outside of it.</summary>
    private readonly Lock _lock = new();
    private readonly Dictionary<TKey, Entry> _entries = [];
    private Entry? _newest;
    private Entry? _oldest;
    private long _weight;

    public int Count
    {
        get
        {
            lock (_lock)
                return _entries.Count;
        }
    }

    public long Weight
    {
        get
        {
            lock (_lock)
                return _weight;
        }
    }

    /// <summary>A lease on the cached value; an empty one when there is none.</summary>
    public Lease TryLease(in TKey key)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(key, out Entry? entry))
                return default;
            entry.LeaseCount++;
            if (entry != _newest)
            {
                Unlink(entry);
                LinkNewest(entry);
            }

            return new Lease(this, entry);
        }
    }

    /// <summary>Caches <paramref name="value"/> and leases it. When another thread was faster, its value is leased and this one disposed.</summary>
    public Lease Add(in TKey key, TValue value, long weight)
    {
        TValue? loser = null;
        Entry? evicted = null;
        Lease lease;
        lock (_lock)
        {
            if (_entries.TryGetValue(key, out Entry? entry))
            {
                loser = value;
            }
            else
            {
                entry = new Entry(key, value, weight);
                _entries.Add(key, entry);
                LinkNewest(entry);
                _weight += weight;
            }

            entry.LeaseCount++;
            lease = new Lease(this, entry);
            evicted = Shrink(capacity);
        }

        loser?.Dispose();
        DisposeAll(evicted);
        return lease;
    }

    /// <summary>As <see cref="Remove"/>, for all that match.</summary>
    public void RemoveWhere(Func<TKey, bool> matches)
    {
        TKey[] keys;
        lock (_lock)
            keys = [.. _entries.Keys.Where(matches)];
        foreach (TKey key in keys)
            Remove(key);
    }

    /// <summary>Forgets the value; who has it leased may go on using it.</summary>
    public void Remove(in TKey key)
    {
        Entry? removed = null;
        lock (_lock)
        {
            if (_entries.TryGetValue(key, out Entry? entry))
            {
                Drop(entry);
                if (entry.LeaseCount == 0)
                    removed = entry;
            }
        }

        removed?.Value.Dispose();
    }

    /// <summary>Forgets the least recently used half.</summary>
    public void Halve()
    {
        Entry? evicted;
        lock (_lock)
            evicted = Shrink(_weight / 2);
        DisposeAll(evicted);
    }

    public void Dispose()
    {
        Entry? evicted;
        lock (_lock)
            evicted = Shrink(0);
        DisposeAll(evicted);
    }

    private void Release(Entry entry)
    {
        bool isLast;
        lock (_lock)
        {
            Invariant.Check(entry.LeaseCount > 0, "a lease is released once");
            isLast = --entry.LeaseCount == 0 && !entry.IsCached;
        }

        if (isLast)
            entry.Value.Dispose();
    }

    /// <summary>Drops the oldest until the weight fits; returns those that nobody uses, linked by <see cref="Entry.Older"/>.</summary>
    private Entry? Shrink(long limit)
    {
        Entry? evicted = null;
        while (_weight > limit && _oldest is { } oldest)
        {
            Drop(oldest);
            if (oldest.LeaseCount != 0)
                continue;
            oldest.Older = evicted;
            evicted = oldest;
        }

        return evicted;
    }

    private static void DisposeAll(Entry? evicted)
    {
        for (; evicted is not null; evicted = evicted.Older)
            evicted.Value.Dispose();
    }

    private void Drop(Entry entry)
    {
        Unlink(entry);
        _entries.Remove(entry.Key);
        _weight -= entry.Weight;
        entry.IsCached = false;
    }

    private void LinkNewest(Entry entry)
    {
        entry.Older = _newest;
        if (_newest is null)
            _oldest = entry;
        else
            _newest.Newer = entry;
        _newest = entry;
    }

    private void Unlink(Entry entry)
    {
        if (entry.Newer is null)
            _newest = entry.Older;
        else
            entry.Newer.Older = entry.Older;
        if (entry.Older is null)
            _oldest = entry.Newer;
        else
            entry.Older.Newer = entry.Newer;
        (entry.Newer, entry.Older) = (null, null);
    }

    /// <summary>The right to use a value until Dispose.</summary>
    public readonly struct Lease : IDisposable
    {
        private readonly LeaseCache<TKey, TValue>? _cache;
        private readonly Entry? _entry;

        internal Lease(LeaseCache<TKey, TValue> cache, Entry entry) => (_cache, _entry) = (cache, entry);

        public bool IsEmpty => _entry is null;
        public TValue Value => _entry!.Value;

        public void Dispose()
        {
            if (_entry is not null)
                _cache!.Release(_entry);
        }
    }

    internal sealed class Entry(TKey key, TValue value, long weight)
    {
        public readonly TKey Key = key;
        public readonly TValue Value = value;
        public readonly long Weight = weight;
        public int LeaseCount;
        public bool IsCached = true;
        public Entry? Newer;
        public Entry? Older;
    }
}
