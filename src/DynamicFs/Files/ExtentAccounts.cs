using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// How the live bytes of extents changed in the open transaction: the sum over all slices that were mapped and unmapped. Handed to the commit, which
/// adds it to the totals in the pool tree. Thread-safe; a leaf lock.
/// </summary>
internal sealed class ExtentAccounts
{
    private readonly Lock _lock = new();
    private Dictionary<ExtentId, long> _changes = [];

    public int Count
    {
        get
        {
            lock (_lock)
                return _changes.Count;
        }
    }

    public void Add(ExtentId extent, long liveBytes)
    {
        lock (_lock)
        {
            ref long change = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_changes, extent, out _);
            change += liveBytes;
        }
    }

    /// <summary>Hands over the changes and starts anew; the caller closes the transaction.</summary>
    public Dictionary<ExtentId, long> Take()
    {
        lock (_lock)
        {
            Dictionary<ExtentId, long> taken = _changes;
            _changes = [];
            return taken;
        }
    }

    /// <summary>A copy of the changes so far, for a journal batch.</summary>
    public KeyValuePair<ExtentId, long>[] Snapshot()
    {
        lock (_lock)
            return [.. _changes];
    }

    /// <summary>Sets the changes that a journal batch recorded, in place of what is here.</summary>
    public void Restore(IEnumerable<KeyValuePair<ExtentId, long>> changes)
    {
        lock (_lock)
            _changes = new Dictionary<ExtentId, long>(changes);
    }
}
