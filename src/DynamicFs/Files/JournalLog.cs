using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// What the next journal batch must say besides the present state: which dirty bytes, perhaps in an earlier batch, are dirty no more. Only needed while
/// there are batches since the last root. Thread-safe; a leaf lock.
/// </summary>
internal sealed class JournalLog
{
    /// <summary>More drops than this make a batch longer than a commit is worth.</summary>
    private const int MaxDrops = 20_000;

    private readonly Lock _lock = new();
    private readonly List<(InodeNumber Inode, long From, long To)> _drops = [];

    /// <summary>Batches appended since the last root.</summary>
    public int BatchCount { get; private set; }

    public bool HasOverflowed { get; private set; }

    /// <summary>Extents whose records an earlier batch has.</summary>
    public HashSet<ExtentId> JournaledExtents { get; } = [];

    public void Drop(InodeNumber inode, long from, long to)
    {
        if (BatchCount == 0 || from >= to)
            return;
        lock (_lock)
        {
            if (_drops.Count >= MaxDrops)
                HasOverflowed = true;
            else
                _drops.Add((inode, from, to));
        }
    }

    /// <summary>Hands over the drops; the caller holds the transaction gate exclusively and appends a batch.</summary>
    public void Take(Action<InodeNumber, long, long> each)
    {
        lock (_lock)
        {
            foreach ((InodeNumber inode, long from, long to) in _drops)
                each(inode, from, to);
            _drops.Clear();
            BatchCount++;
        }
    }

    /// <summary>A transaction was closed: its commit makes the journal start anew.</summary>
    public void Reset()
    {
        lock (_lock)
        {
            _drops.Clear();
            JournaledExtents.Clear();
            BatchCount = 0;
            HasOverflowed = false;
        }
    }
}
