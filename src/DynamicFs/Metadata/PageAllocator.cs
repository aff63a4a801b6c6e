using System.Numerics;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>
/// Which page numbers are in use, in memory. Two transactions allocate at the same time: the running one and, between <see cref="Freeze"/> and
/// <see cref="Publish"/>, the frozen one that is being written; the frozen one's view is kept apart because only that goes to disk with it. Keeps true:
/// a page that any kept root reaches is in use; a page that died in generation g becomes free only by <see cref="Publish"/> of a root whose
/// oldest kept generation is at least g. Thread-safe.
/// </summary>
internal sealed class PageAllocator
{
    /// <summary>The page file grows by at least this many pages (16 MiB), and by an eighth of its size when that is more.</summary>
    public const int GrowthPages = 1024;

    private readonly Lock _lock = new();
    private readonly SortedDictionary<ulong, List<ulong>> _deadByGeneration = [];
    private ulong[] _used;
    private ulong[] _frozen = [];
    private ulong _frozenGeneration;
    private long _freeCount;
    private ulong _cursor = 1;

    public PageAllocator()
    {
        _used = new ulong[GrowthPages / 64];
        _used[0] = 1; // page 0 is no page
        _freeCount = GrowthPages - 1;
    }

    /// <summary>Takes over what a root's space map says.</summary>
    public PageAllocator(ulong[] bitmap, IEnumerable<(Generation Died, ulong[] Pages)> dead)
    {
        _used = (ulong[])bitmap.Clone();
        foreach (ulong word in _used)
            _freeCount += 64 - BitOperations.PopCount(word);
        foreach ((Generation died, ulong[] pages) in dead)
            _deadByGeneration[died.Value] = [.. pages];
    }

    /// <summary>Size of the page file that all allocated pages fit in, in pages.</summary>
    public long CapacityPages
    {
        get
        {
            lock (_lock)
                return _used.Length * 64L;
        }
    }

    public long UsedCount
    {
        get
        {
            lock (_lock)
                return (_used.Length * 64L) - _freeCount;
        }
    }

    public ulong Allocate(ulong birth)
    {
        lock (_lock)
        {
            if (_freeCount == 0)
                Grow();
            ulong number = NextFree();
            _used[number / 64] |= 1UL << (int)(number % 64);
            _freeCount--;
            _cursor = number + 1;
            if (IsFrozen(birth))
                SetFrozen(number);
            return number;
        }
    }

    /// <summary>A page that was born in this same transaction is not wanted any more: it was never written.</summary>
    public void Free(ulong number, ulong birth)
    {
        lock (_lock)
        {
            Clear(_used, number);
            _freeCount++;
            if (IsFrozen(birth))
                Clear(_frozen, number);
        }
    }

    /// <summary>A page of an earlier transaction is not reachable from the root of <paramref name="generation"/> on.</summary>
    public void Die(ulong number, ulong generation)
    {
        lock (_lock)
        {
            Invariant.Check(IsUsed(_used, number), "a page that dies is in use");
            if (Canary.Is("page-freed-when-dead"))
            {
                Clear(_used, number);
                _freeCount++;
                return;
            }

            if (!_deadByGeneration.TryGetValue(generation, out List<ulong>? pages))
                _deadByGeneration[generation] = pages = [];
            pages.Add(number);
        }
    }

    /// <summary>From now on pages born in <paramref name="generation"/> or earlier belong to the frozen transaction, later ones to the running one.</summary>
    public void Freeze(Generation generation)
    {
        lock (_lock)
        {
            Invariant.Check(_frozenGeneration == 0, "one transaction is written at a time");
            _frozenGeneration = generation.Value;
            if (_frozen.Length != _used.Length)
                _frozen = new ulong[_used.Length];
            _used.CopyTo(_frozen, 0);
        }
    }

    /// <summary>
    /// Allocates the pages of the frozen transaction's space map and says what it holds: the bitmap without what this root releases, and the pages that
    /// died in it. <paramref name="oldestKept"/> is the oldest generation kept by this root.
    /// </summary>
    public SpaceMapImage BuildImage(Generation oldestKept)
    {
        lock (_lock)
        {
            ulong[] dead = _deadByGeneration.TryGetValue(_frozenGeneration, out List<ulong>? pages) ? [.. pages] : [];
            Array.Sort(dead);
            var numbers = new List<ulong>();
            ulong generation = _frozenGeneration;
            while (numbers.Count < SpaceMapFormat.PagesFor(FrozenWords(), dead.Length))
                numbers.Add(Allocate(generation));
            ulong[] bitmap = _frozen.AsSpan(0, FrozenWords()).ToArray();
            foreach ((ulong died, List<ulong> released) in _deadByGeneration)
            {
                if (died <= Releasable(oldestKept))
                    released.ForEach(number => Clear(bitmap, number));
            }

            return new SpaceMapImage(bitmap, dead, numbers);
        }
    }

    /// <summary>The frozen transaction's root is durable: what it released may be allocated again. Returns those pages.</summary>
    public IReadOnlyList<ulong> Publish(Generation oldestKept, Action<ulong> beforeRelease)
    {
        lock (_lock)
        {
            var released = new List<ulong>();
            foreach (ulong died in _deadByGeneration.Keys.TakeWhile(died => died <= Releasable(oldestKept)).ToArray())
            {
                Invariant.Check(died <= _frozenGeneration, "a page that died in the running transaction stays");
                released.AddRange(_deadByGeneration[died]);
                _deadByGeneration.Remove(died);
            }

            foreach (ulong number in released)
            {
                beforeRelease(number);
                Clear(_used, number);
            }

            _freeCount += released.Count;
            _frozenGeneration = 0;
            return released;
        }
    }

    /// <summary>What died up to this generation is in no root that the frozen transaction keeps.</summary>
    private ulong Releasable(Generation oldestKept) => Canary.Is("page-reused-while-kept") ? _frozenGeneration - 1 : oldestKept.Value;

    private bool IsFrozen(ulong birth) => _frozenGeneration != 0 && birth <= _frozenGeneration;

    private ulong NextFree()
    {
        int start = (int)(_cursor / 64);
        if (start >= _used.Length)
            start = 0;
        ulong mask = ulong.MaxValue << (int)(_cursor % 64);
        for (int i = 0; i <= _used.Length; i++)
        {
            int word = (start + i) % _used.Length;
            ulong free = ~_used[word] & (i == 0 && (ulong)start == _cursor / 64 ? mask : ulong.MaxValue);
            if (free != 0)
                return ((ulong)word * 64) + (ulong)BitOperations.TrailingZeroCount(free);
        }

        throw new InvariantException("the bitmap has a free page when the count says so");
    }

    private void Grow()
    {
        int words = Math.Max(GrowthPages / 64, _used.Length / 8);
        Array.Resize(ref _used, _used.Length + words);
        _freeCount += words * 64L;
    }

    private void SetFrozen(ulong number)
    {
        if (number / 64 >= (ulong)_frozen.Length)
            Array.Resize(ref _frozen, _used.Length);
        _frozen[number / 64] |= 1UL << (int)(number % 64);
    }

    /// <summary>Words of the frozen bitmap up to the last page in use.</summary>
    private int FrozenWords() => _frozen.AsSpan().LastIndexOfAnyExcept(0UL) + 1;

    private static bool IsUsed(ulong[] bitmap, ulong number) =>
        number / 64 < (ulong)bitmap.Length && (bitmap[number / 64] >> (int)(number % 64) & 1) != 0;

    private static void Clear(ulong[] bitmap, ulong number)
    {
        Invariant.Check(IsUsed(bitmap, number), "a page that becomes free is in use");
        bitmap[number / 64] &= ~(1UL << (int)(number % 64));
    }
}

/// <summary>What a root's space map holds, and the pages it goes to.</summary>
internal sealed record SpaceMapImage(ulong[] Bitmap, ulong[] Dead, IReadOnlyList<ulong> Pages);
