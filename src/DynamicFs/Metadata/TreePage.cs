using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>
/// Changes and searches inside one tree page. Keeps true: keys ascend, the cells and the freed bytes add up to the heap. Pages given to the changing methods
/// belong to the running transaction. Knows nothing of other pages.
/// </summary>
internal static unsafe class TreePage
{
    public const int MaxLeafCellBytes = PageFormat.LeafCellHeaderBytes + Tree.MaxKeyBytes + Tree.MaxValueBytes;

    /// <summary>Bytes that cells and their slots take, freed ones not counted.</summary>
    public static int UsedBytes(byte* page) =>
        (PageFormat.Count(page) * PageFormat.SlotBytes) + PageFormat.PageBytes - PageFormat.Heap(page) - PageFormat.Freed(page);

    public static int FreeBytes(byte* page) => PageFormat.BodyBytes - UsedBytes(page);

    /// <summary>Index of the key in a leaf, or the complement of where it would go.</summary>
    public static int Search(byte* page, ReadOnlySpan<byte> key)
    {
        int low = 0;
        int high = PageFormat.Count(page) - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            int order = PageFormat.LeafKey(PageFormat.Cell(page, middle)).SequenceCompareTo(key);
            if (order == 0)
                return middle;
            if (order < 0)
                low = middle + 1;
            else
                high = middle - 1;
        }

        return ~low;
    }

    /// <summary>Index of the child of an interior page that covers the key.</summary>
    public static int ChildIndex(byte* page, ReadOnlySpan<byte> key)
    {
        int low = 1;
        int high = PageFormat.Count(page) - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            if (PageFormat.InteriorKey(PageFormat.Cell(page, middle)).SequenceCompareTo(key) <= 0)
                low = middle + 1;
            else
                high = middle - 1;
        }

        return high;
    }

    /// <summary>Puts a cell at <paramref name="index"/>; false when the page is too full for it.</summary>
    public static bool TryInsert(byte* page, int index, ReadOnlySpan<byte> cell, PageMemory memory)
    {
        int needBytes = cell.Length + PageFormat.SlotBytes;
        if (FreeBytes(page) < needBytes)
            return false;
        int count = PageFormat.Count(page);
        int slotsEnd = PageFormat.HeaderBytes + (count * PageFormat.SlotBytes);
        if (PageFormat.Heap(page) - slotsEnd < needBytes)
            Compact(page, memory);
        int offset = PageFormat.Heap(page) - cell.Length;
        cell.CopyTo(new Span<byte>(page + offset, cell.Length));
        byte* slot = page + PageFormat.HeaderBytes + (index * PageFormat.SlotBytes);
        Buffer.MemoryCopy(slot, slot + PageFormat.SlotBytes, PageFormat.PageBytes, (count - index) * PageFormat.SlotBytes);
        PageFormat.U16(slot, offset);
        PageFormat.U16(page + PageFormat.CountOffset, count + 1);
        PageFormat.U16(page + PageFormat.HeapOffset, offset);
        return true;
    }

    public static void Remove(byte* page, int index)
    {
        int count = PageFormat.Count(page);
        byte* cell = PageFormat.Cell(page, index);
        int cellBytes = PageFormat.CellBytes(page, cell);
        int offset = (int)(cell - page);
        byte* slot = page + PageFormat.HeaderBytes + (index * PageFormat.SlotBytes);
        Buffer.MemoryCopy(slot + PageFormat.SlotBytes, slot, PageFormat.PageBytes, (count - index - 1) * PageFormat.SlotBytes);
        PageFormat.U16(page + PageFormat.CountOffset, count - 1);
        if (offset == PageFormat.Heap(page))
            PageFormat.U16(page + PageFormat.HeapOffset, offset + cellBytes);
        else
            PageFormat.U16(page + PageFormat.FreedOffset, PageFormat.Freed(page) + cellBytes);
    }

    /// <summary>Writes the cells anew, in order, into a page of which only the header stays. The cells must not lie in the page itself.</summary>
    public static void Rebuild(byte* page, ReadOnlySpan<CellRef> cells)
    {
        int offset = PageFormat.PageBytes;
        byte* slot = page + PageFormat.HeaderBytes;
        foreach (ref readonly CellRef cell in cells)
        {
            offset -= cell.LengthBytes;
            Buffer.MemoryCopy(cell.Pointer, page + offset, cell.LengthBytes, cell.LengthBytes);
            PageFormat.U16(slot, offset);
            slot += PageFormat.SlotBytes;
        }

        Invariant.Check(slot <= page + offset, "the cells fit the page");
        PageFormat.U16(page + PageFormat.CountOffset, cells.Length);
        PageFormat.U16(page + PageFormat.HeapOffset, offset);
        PageFormat.U16(page + PageFormat.FreedOffset, 0);
        new Span<byte>(slot, (int)(page + offset - slot)).Clear();
    }

    /// <summary>Moves the cells together, so that the freed bytes become one gap.</summary>
    private static void Compact(byte* page, PageMemory memory)
    {
        byte* copy = memory.Rent();
        Buffer.MemoryCopy(page, copy, PageFormat.PageBytes, PageFormat.PageBytes);
        int count = PageFormat.Count(copy);
        int offset = PageFormat.PageBytes;
        for (int i = 0; i < count; i++)
        {
            byte* cell = PageFormat.Cell(copy, i);
            int bytes = PageFormat.CellBytes(copy, cell);
            offset -= bytes;
            Buffer.MemoryCopy(cell, page + offset, bytes, bytes);
            PageFormat.U16(page + PageFormat.HeaderBytes + (i * PageFormat.SlotBytes), offset);
        }

        PageFormat.U16(page + PageFormat.HeapOffset, offset);
        PageFormat.U16(page + PageFormat.FreedOffset, 0);
        int slotsEnd = PageFormat.HeaderBytes + (count * PageFormat.SlotBytes);
        new Span<byte>(page + slotsEnd, offset - slotsEnd).Clear();
        memory.Return(copy);
    }
}

/// <summary>A cell somewhere in native memory.</summary>
internal readonly unsafe struct CellRef(byte* pointer, int lengthBytes)
{
    public byte* Pointer { get; } = pointer;
    public int LengthBytes { get; } = lengthBytes;

    /// <summary>Bytes in a page: the cell and its slot.</summary>
    public int FootprintBytes => LengthBytes + PageFormat.SlotBytes;
}
