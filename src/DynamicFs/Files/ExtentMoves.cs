using DynamicFs.Extents;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// New places of fragments on their way into the pool tree. Maintenance holds an extent while it works on its fragments: a held extent is not deleted, and
/// nobody else moves it. Thread-safe; a leaf lock.
/// <para>
/// Keeps true: what is proposed has durable names (I3); the place that a fragment leaves is parked like a dead extent, and its file is deleted only when no kept
/// root names it (I4); an extent that died meanwhile is not published, and its new files go.
/// </para>
/// </summary>
internal sealed class ExtentMoves
{
    private readonly Lock _lock = new();
    private readonly HashSet<ExtentId> _held = [];
    private List<RestoredExtent> _proposed = [];
    private readonly List<RestoredExtent> _refused = [];

    /// <summary>Extents proposed since the last commit.</summary>
    public int ProposedCount
    {
        get
        {
            lock (_lock)
                return _proposed.Count;
        }
    }

    /// <summary>Extents held, those that wait for the next commit included.</summary>
    public int HeldCount
    {
        get
        {
            lock (_lock)
                return _held.Count;
        }
    }

    /// <summary>False when somebody holds the extent. The caller looks the record up after this, and only works on an extent that is alive then.</summary>
    public bool TryHold(ExtentId extent)
    {
        lock (_lock)
            return _held.Add(extent);
    }

    public bool IsHeld(ExtentId extent)
    {
        lock (_lock)
            return _held.Contains(extent);
    }

    public void Release(ExtentId extent)
    {
        lock (_lock)
            _held.Remove(extent);
    }

    /// <summary>Hands a held extent over to the next commit, which releases it. Its new names are durable.</summary>
    public void Propose(RestoredExtent moved)
    {
        Invariant.Check(moved.ChangesRecord && moved.After.Id == moved.Before.Id, "a proposal changes places of one extent");
        lock (_lock)
        {
            Invariant.Check(_held.Contains(moved.Before.Id), "who proposes holds the extent");
            _proposed.Add(moved);
        }
    }

    /// <summary>The commit takes what was proposed so far.</summary>
    public List<RestoredExtent> Take()
    {
        lock (_lock)
        {
            List<RestoredExtent> taken = _proposed;
            _proposed = [];
            return taken;
        }
    }

    /// <summary>The commit is durable: these extents are free again. Those in <paramref name="refused"/> were dead; their new files are to be deleted.</summary>
    public void Published(IReadOnlyCollection<RestoredExtent> moved, IReadOnlyCollection<RestoredExtent> refused)
    {
        lock (_lock)
        {
            foreach (RestoredExtent extent in moved)
                _held.Remove(extent.Before.Id);
            _refused.AddRange(refused);
        }
    }

    /// <summary>Extents whose new files nobody names; still held until <see cref="Release"/>.</summary>
    public List<RestoredExtent> TakeRefused()
    {
        lock (_lock)
        {
            List<RestoredExtent> taken = [.. _refused];
            _refused.Clear();
            return taken;
        }
    }
}

/// <summary>A fragment file that the newest root does not name any more and older kept roots may.</summary>
internal readonly record struct ParkedFragment(ExtentId Extent, int Index, int DiskIndex, Generation Death);
