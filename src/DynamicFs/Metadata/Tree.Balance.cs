using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>Splits and merges.</summary>
public sealed unsafe partial class Tree
{
    /// <summary>A page that is emptier than this after a deletion takes cells from a neighbour or joins it.</summary>
    private const int MinUsedBytes = PageFormat.BodyBytes / 4;

    /// <summary>Fullest page that a merge may make: room must be left, or the next insertion would split it again.</summary>
    private const int MergeLimitBytes = PageFormat.BodyBytes / 8 * 7;

    /// <summary>How full the left page of a split stays when keys arrive in ascending order.</summary>
    private const int AppendFillBytes = PageFormat.BodyBytes / 10 * 9;

    // The cells of up to two pages and one new one; a cell takes at least 5 bytes and a slot. Only under the write lock.
    private readonly CellRef[] _cells = new CellRef[(2 * (PageFormat.BodyBytes / (PageFormat.LeafCellHeaderBytes + 1 + PageFormat.SlotBytes))) + 1];

    /// <summary>Puts a cell into the page of this level of the path. True when that page was split: the indexes of the path are then outdated.</summary>
    private bool Insert(int level, int index, CellRef cell)
    {
        if (TreePage.TryInsert(_path[level]!.Data, index, new ReadOnlySpan<byte>(cell.Pointer, cell.LengthBytes), _pages.Memory))
            return false;
        Split(level, index, cell);
        return true;
    }

    /// <summary>Spreads the cells of a full page and a new one over it and a new right neighbour, and puts that into the parent.</summary>
    private void Split(int level, int index, CellRef cell)
    {
        PageFrame left = _path[level]!;
        byte* copy = _pages.Memory.Rent();
        Buffer.MemoryCopy(left.Data, copy, PageFormat.PageBytes, PageFormat.PageBytes);
        int count = CollectCells(copy, 0);
        Array.Copy(_cells, index, _cells, index + 1, count - index);
        _cells[index] = cell;
        count++;
        PageFrame right = NewPage(left.Kind, level);
        CellRef separator = Distribute(level, count, SplitPoint(level, count, isAppend: index == count - 1), left, right);
        _pages.Memory.Return(copy);
        if (level == _pathTop)
            GrowRoot(left);
        Insert(level + 1, _pathIndex[level + 1] + 1, separator);
        right.Unpin();
    }

    /// <summary>Puts a new root above the old one, which becomes its only child for the moment.</summary>
    private void GrowRoot(PageFrame oldRoot)
    {
        Invariant.Check(_pathTop < PageFormat.MaxLevel, "a tree has at most 16 levels");
        int level = ++_pathTop;
        PageFrame root = NewPage(PageKind.Interior, level);
        _path[level] = root;
        _pathIndex[level] = 0;
        byte* cell = _scratch + BareCellOffset;
        int cellBytes = PageFormat.WriteInteriorCell(cell, [], PointerTo(oldRoot));
        Invariant.Check(TreePage.TryInsert(root.Data, 0, new ReadOnlySpan<byte>(cell, cellBytes), _pages.Memory), "an empty page has room");
        _root = PointerTo(root);
    }

    /// <summary>Adds the cells of a page to the list; the new length of the list.</summary>
    private int CollectCells(byte* page, int count)
    {
        int pageCount = PageFormat.Count(page);
        for (int i = 0; i < pageCount; i++)
        {
            byte* cell = PageFormat.Cell(page, i);
            _cells[count++] = new CellRef(cell, PageFormat.CellBytes(page, cell));
        }

        return count;
    }

    /// <summary>How many of the listed cells go to the left page: half by bytes, or nearly all when the new cell is the last one.</summary>
    private int SplitPoint(int level, int count, bool isAppend)
    {
        int totalBytes = 0;
        for (int i = 0; i < count; i++)
            totalBytes += _cells[i].FootprintBytes;
        int limitBytes = isAppend ? AppendFillBytes : totalBytes / 2;
        int minimum = level == 0 ? 1 : 2;
        int point = 0;
        int leftBytes = 0;
        while (point < count - minimum && (point < minimum || leftBytes + _cells[point].FootprintBytes <= limitBytes))
            leftBytes += _cells[point++].FootprintBytes;
        return point;
    }

    /// <summary>Rewrites both pages from the list, which must not lie in them. The parent's cell for the right page, in scratch.</summary>
    private CellRef Distribute(int level, int count, int point, PageFrame left, PageFrame right)
    {
        byte* separator = UpCell(level + 1);
        int separatorBytes;
        if (level == 0)
        {
            ReadOnlySpan<byte> key = ShortestBound(PageFormat.LeafKey(_cells[point - 1].Pointer), PageFormat.LeafKey(_cells[point].Pointer));
            separatorBytes = PageFormat.WriteInteriorCell(separator, key, PointerTo(right));
        }
        else
        {
            byte* first = _cells[point].Pointer;
            separatorBytes = PageFormat.WriteInteriorCell(separator, PageFormat.InteriorKey(first), PointerTo(right));
            byte* bare = _scratch + BareCellOffset;
            _cells[point] = new CellRef(bare, PageFormat.WriteInteriorCell(bare, [], PageFormat.Child(first)));
        }

        TreePage.Rebuild(left.Data, _cells.AsSpan(0, point));
        TreePage.Rebuild(right.Data, _cells.AsSpan(point, count - point));
        return new CellRef(separator, separatorBytes);
    }

    /// <summary>The shortest key above <paramref name="below"/> and not above <paramref name="key"/>.</summary>
    private static ReadOnlySpan<byte> ShortestBound(ReadOnlySpan<byte> below, ReadOnlySpan<byte> key) => key[..(below.CommonPrefixLength(key) + 1)];

    /// <summary>After a cell went from the page of this level of the path: joins it with a neighbour or fills it up if it is too empty.</summary>
    private void Rebalance(int level)
    {
        PageFrame page = _path[level]!;
        if (level == _pathTop)
        {
            ShrinkRoot();
            return;
        }

        PageFrame parent = _path[level + 1]!;
        if (TreePage.UsedBytes(page.Data) >= MinUsedBytes || parent.Count < 2)
            return;
        int index = _pathIndex[level + 1];
        int leftIndex = index > 0 ? index - 1 : index;
        if (PinNeighbour(parent, index > 0 ? index - 1 : index + 1) is not { } neighbour)
            return;
        (PageFrame left, PageFrame right) = index > 0 ? (neighbour, page) : (page, neighbour);
        if (JoinedBytes(level, parent, leftIndex + 1, left, right) <= MergeLimitBytes)
            Merge(level, leftIndex, left, right);
        else
            Refill(level, leftIndex, left, right);
    }

    /// <summary>The neighbour, pinned; null when it cannot be read: then the page stays as empty as it is, which harms nothing.</summary>
    private PageFrame? PinNeighbour(PageFrame parent, int index)
    {
        try
        {
            return PinChild(parent, index, mayLoad: true, out _);
        }
        catch (PoolException)
        {
            return null;
        }
    }

    private static int JoinedBytes(int level, PageFrame parent, int rightIndex, PageFrame left, PageFrame right)
    {
        int boundBytes = level == 0 ? 0 : PageFormat.InteriorKey(PageFormat.Cell(parent.Data, rightIndex)).Length;
        return TreePage.UsedBytes(left.Data) + TreePage.UsedBytes(right.Data) + boundBytes;
    }

    /// <summary>A root with a single child gives way to it.</summary>
    private void ShrinkRoot()
    {
        PageFrame root = _path[_pathTop]!;
        if (_pathTop == 0 || root.Count > 1)
            return;
        _root = PageFormat.Child(PageFormat.Cell(root.Data, 0));
        _path[_pathTop--] = null;
        ReleasePage(root);
    }

    /// <summary>Moves all cells of the right page to the end of the left one and gives the right one up.</summary>
    private void Merge(int level, int leftIndex, PageFrame left, PageFrame right)
    {
        PageFrame parent = _path[level + 1]!;
        PageFrame writable = Writable(level, leftIndex, left);
        int leftCount = writable.Count;
        int count = CollectCells(right.Data, 0);
        RestoreBound(level, parent, leftIndex + 1, 0);
        for (int i = 0; i < count; i++)
        {
            var cell = new ReadOnlySpan<byte>(_cells[i].Pointer, _cells[i].LengthBytes);
            Invariant.Check(TreePage.TryInsert(writable.Data, leftCount + i, cell, _pages.Memory), "joined cells fit the page");
        }

        if (_path[level] == right)
            _path[level] = writable;
        else
            Invariant.Check(_path[level] == writable, "one of the two pages is on the path");
        ReleasePage(right);
        TreePage.Remove(parent.Data, leftIndex + 1);
        Rebalance(level + 1);
    }

    /// <summary>Spreads the cells of both pages evenly; the bound between them changes.</summary>
    private void Refill(int level, int leftIndex, PageFrame left, PageFrame right)
    {
        PageFrame parent = _path[level + 1]!;
        left = Writable(level, leftIndex, left);
        right = Writable(level, leftIndex + 1, right);
        byte* leftCopy = _pages.Memory.Rent();
        byte* rightCopy = _pages.Memory.Rent();
        Buffer.MemoryCopy(left.Data, leftCopy, PageFormat.PageBytes, PageFormat.PageBytes);
        Buffer.MemoryCopy(right.Data, rightCopy, PageFormat.PageBytes, PageFormat.PageBytes);
        int leftCount = CollectCells(leftCopy, 0);
        int count = CollectCells(rightCopy, leftCount);
        RestoreBound(level, parent, leftIndex + 1, leftCount);
        CellRef separator = Distribute(level, count, SplitPoint(level, count, isAppend: false), left, right);
        _pages.Memory.Return(leftCopy);
        _pages.Memory.Return(rightCopy);
        (_path[level] == left ? right : left).Unpin();
        TreePage.Remove(parent.Data, leftIndex + 1);
        Insert(level + 1, leftIndex + 1, separator);
    }

    /// <summary>The page as one of the running transaction, in its parent and on the path too.</summary>
    private PageFrame Writable(int level, int index, PageFrame page)
    {
        if (page.Birth == _transaction)
            return page;
        bool isOnPath = _path[level] == page;
        PageFrame copy = CopyPage(page);
        SetChild(_path[level + 1]!, index, copy);
        if (isOnPath)
            _path[level] = copy;
        return copy;
    }

    /// <summary>Gives the first cell of an interior page, at <paramref name="listIndex"/> in the list, the bound that only its parent knows.</summary>
    private void RestoreBound(int level, PageFrame parent, int rightIndex, int listIndex)
    {
        if (level == 0)
            return;
        byte* joined = _scratch + JoinedCellOffset;
        ReadOnlySpan<byte> bound = PageFormat.InteriorKey(PageFormat.Cell(parent.Data, rightIndex));
        _cells[listIndex] = new CellRef(joined, PageFormat.WriteInteriorCell(joined, bound, PageFormat.Child(_cells[listIndex].Pointer)));
    }
}
