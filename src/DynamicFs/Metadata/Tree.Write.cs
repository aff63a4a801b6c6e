using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

public sealed unsafe partial class Tree
{
    // Where cells are put together before they enter a page: two for cells on their way up (a level's cell is used while its parent's is made),
    // one for the first cell of a page that gets its lower bound back, one for the first cell that loses it.
    private const int UpCellBytes = 4608;
    private const int JoinedCellOffset = 2 * UpCellBytes;
    private const int BareCellOffset = JoinedCellOffset + 1024;

    private readonly byte* _scratch;

    // The way from the root (index: level) to the leaf of the change under way; pinned. Only under the write lock.
    private readonly PageFrame?[] _path = new PageFrame?[PageFormat.MaxLevel + 1];
    private readonly int[] _pathIndex = new int[PageFormat.MaxLevel + 1];
    private int _pathTop = -1;

    public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        Invariant.Check(key.Length is >= 1 and <= MaxKeyBytes, "a key has 1 to 512 bytes");
        Invariant.Check(value.Length <= MaxValueBytes, "a value has at most 4000 bytes");
        PagePointer missing = PagePointer.None;
        for (int attempt = 0; ; attempt++)
        {
            bool mayLoad = !FetchUnlocked(missing, attempt);
            _lock.EnterWriteLock();
            try
            {
                _pages.ThrowIfRefusing();
                if (!Descend(key, mayLoad, out missing))
                    continue;
                PutAtPath(key, value);
                Changes.RecordPut(key, value);
                return;
            }
            finally
            {
                ReleasePath();
                _lock.ExitWriteLock();
            }
        }
    }

    /// <summary>False when the key was absent.</summary>
    public bool Delete(ReadOnlySpan<byte> key)
    {
        PagePointer missing = PagePointer.None;
        for (int attempt = 0; ; attempt++)
        {
            bool mayLoad = !FetchUnlocked(missing, attempt);
            _lock.EnterWriteLock();
            try
            {
                _pages.ThrowIfRefusing();
                if (!Descend(key, mayLoad, out missing))
                    continue;
                return DeleteAtPath(key);
            }
            finally
            {
                ReleasePath();
                _lock.ExitWriteLock();
            }
        }
    }

    private void PutAtPath(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        int index = TreePage.Search(_path[0]!.Data, key);
        MakePathWritable();
        byte* leaf = _path[0]!.Data;
        if (index >= 0)
        {
            Span<byte> old = PageFormat.LeafValue(PageFormat.Cell(leaf, index));
            if (old.Length == value.Length)
            {
                value.CopyTo(old);
                return;
            }

            TreePage.Remove(leaf, index);
        }

        byte* cell = UpCell(0);
        int cellBytes = PageFormat.WriteLeafCell(cell, key, value);
        bool hasSplit = Insert(0, index >= 0 ? index : ~index, new CellRef(cell, cellBytes));
        if (index >= 0 && !hasSplit)
            Rebalance(0);
    }

    private bool DeleteAtPath(ReadOnlySpan<byte> key)
    {
        int index = TreePage.Search(_path[0]!.Data, key);
        if (index < 0)
            return false;
        MakePathWritable();
        TreePage.Remove(_path[0]!.Data, index);
        Changes.RecordDelete(key);
        Rebalance(0);
        return true;
    }

    /// <summary>Pins the pages from the root to the leaf of the key. False when one is missing in memory and may not be loaded.</summary>
    private bool Descend(ReadOnlySpan<byte> key, bool mayLoad, out PagePointer missing)
    {
        PageFrame? frame = PinRoot(mayLoad, out missing);
        if (frame is null)
            return false;
        _pathTop = frame.Level;
        _path[_pathTop] = frame;
        for (int level = _pathTop; level > 0; level--)
        {
            frame = _path[level]!;
            _pathIndex[level] = TreePage.ChildIndex(frame.Data, key);
            _path[level - 1] = PinChild(frame, _pathIndex[level], mayLoad, out missing);
            if (_path[level - 1] is null)
                return false;
        }

        return true;
    }

    private void ReleasePath()
    {
        for (int level = 0; level <= _pathTop; level++)
        {
            _path[level]?.Unpin();
            _path[level] = null;
        }

        _pathTop = -1;
    }

    /// <summary>Copies what belongs to earlier transactions, from the root down, so that a parent can take its child's new number.</summary>
    private void MakePathWritable()
    {
        for (int level = _pathTop; level >= 0; level--)
        {
            PageFrame old = _path[level]!;
            if (old.Birth == _transaction)
                continue;
            PageFrame copy = CopyPage(old);
            _path[level] = copy;
            if (level == _pathTop)
                _root = PointerTo(copy);
            else
                SetChild(_path[level + 1]!, _pathIndex[level + 1], copy);
        }
    }

    private static PagePointer PointerTo(PageFrame frame) => new(frame.Number, frame.Birth, default);

    private static void SetChild(PageFrame parent, int index, PageFrame child) =>
        PageFormat.SetChild(PageFormat.Cell(parent.Data, index), PointerTo(child));

    private byte* UpCell(int level) => _scratch + ((level & 1) * UpCellBytes);

    private PageFrame NewPage(PageKind kind, int level)
    {
        PageFrame frame = _pages.NewPage(kind, level, _id, _transaction);
        AddDirty(frame);
        return frame;
    }

    /// <summary>The page as one of the running transaction, pinned; the old one is given up and its pin ends.</summary>
    private PageFrame CopyPage(PageFrame old)
    {
        PageFrame copy = _pages.CopyPage(old, _transaction);
        AddDirty(copy);
        _pages.Release(old, _transaction);
        return copy;
    }

    /// <summary>Gives up a page; its pin ends.</summary>
    private void ReleasePage(PageFrame frame)
    {
        if (frame.Birth == _transaction)
            RemoveDirty(frame);
        _pages.Release(frame, _transaction);
    }
}
