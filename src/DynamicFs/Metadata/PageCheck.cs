using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace DynamicFs.Metadata;

/// <summary>
/// Checks a page that came from a disk before anything else looks at it: after <see cref="Problem"/> said null, every offset and length in the page
/// is inside it, keys ascend, and code may follow them without further checks. A right checksum does not make this unnecessary: it proves who
/// wrote the page, not that the writer was right.
/// </summary>
internal static unsafe class PageCheck
{
    /// <summary>What is wrong with the page, or null. <paramref name="expected"/> says which page it must be; its checksum is not looked at.</summary>
    public static string? Problem(byte* page, in PagePointer expected, ulong poolFragment)
    {
        if (HeaderProblem(page, expected, poolFragment) is { } problem)
            return problem;
        int level = PageFormat.Level(page);
        TreeId tree = PageFormat.Tree(page);
        return PageFormat.Kind(page) switch
        {
            PageKind.Leaf when level == 0 && IsTree(tree) => CellProblem(page, isLeaf: true),
            PageKind.Interior when level is >= 1 and <= PageFormat.MaxLevel && IsTree(tree) => CellProblem(page, isLeaf: false),
            PageKind.SpaceMap when level == 0 && tree == TreeId.None => SpaceMapFormat.Problem(new ReadOnlySpan<byte>(page, PageFormat.PageBytes)),
            _ => $"kind {page[PageFormat.KindOffset]}, level {level}, tree {(byte)tree} do not go together",
        };
    }

    private static bool IsTree(TreeId tree) => tree is TreeId.Namespace or TreeId.Pool;

    private static string? HeaderProblem(byte* page, in PagePointer expected, ulong poolFragment)
    {
        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(new ReadOnlySpan<byte>(page + PageFormat.MagicOffset, 4));
        if (magic != PageFormat.Magic)
            return $"magic {magic:x8}";
        if (page[PageFormat.VersionOffset] != PageFormat.Version)
            return $"version {page[PageFormat.VersionOffset]}";
        if (PageFormat.U64(page + PageFormat.PoolOffset) != poolFragment)
            return "another pool's page";
        if (PageFormat.Number(page) != expected.Number)
            return $"page number {PageFormat.Number(page)}";
        if (PageFormat.Birth(page) != expected.Birth)
            return $"birth generation {PageFormat.Birth(page)}";
        return new ReadOnlySpan<byte>(page + PageFormat.ReservedOffset, PageFormat.ReservedBytes).ContainsAnyExcept((byte)0) ? "reserved bytes that are not zero" : null;
    }

    [SkipLocalsInit]
    private static string? CellProblem(byte* page, bool isLeaf)
    {
        int count = PageFormat.Count(page);
        int heap = PageFormat.Heap(page);
        int slotsEnd = PageFormat.HeaderBytes + (count * PageFormat.SlotBytes);
        if (heap > PageFormat.PageBytes || slotsEnd > heap)
            return $"{count} slots and a heap at {heap}";
        if (!isLeaf && count == 0)
            return "an interior page without children";
        int usedBytes = 0;
        Span<byte> taken = stackalloc byte[PageFormat.PageBytes];
        taken.Clear();
        for (int i = 0; i < count; i++)
        {
            int offset = PageFormat.U16(page + PageFormat.HeaderBytes + (i * PageFormat.SlotBytes));
            int cellBytes = CheckedCellBytes(page, offset, heap, isLeaf);
            if (cellBytes == 0)
                return $"cell {i} at {offset} outside the page or of a wrong size";
            if (taken.Slice(offset, cellBytes).ContainsAnyExcept((byte)0))
                return $"cell {i} at {offset} inside another cell";
            taken.Slice(offset, cellBytes).Fill(1);
            usedBytes += cellBytes;
            if (OrderProblem(page, i, isLeaf) is { } problem)
                return problem;
        }

        return usedBytes + PageFormat.Freed(page) == PageFormat.PageBytes - heap ? null : $"{usedBytes} bytes of cells that do not fill the heap";
    }

    /// <summary>Size of the cell at <paramref name="offset"/>, 0 when it is not inside the heap or breaks a limit.</summary>
    private static int CheckedCellBytes(byte* page, int offset, int heap, bool isLeaf)
    {
        int headerBytes = isLeaf ? PageFormat.LeafCellHeaderBytes : PageFormat.InteriorCellHeaderBytes;
        if (offset < heap || offset + headerBytes > PageFormat.PageBytes)
            return 0;
        byte* cell = page + offset;
        int keyBytes = PageFormat.U16(cell);
        int valueBytes = isLeaf ? PageFormat.U16(cell + PageFormat.LeafValueLengthOffset) : 0;
        if (keyBytes > Metadata.Tree.MaxKeyBytes || valueBytes > Metadata.Tree.MaxValueBytes || (isLeaf && keyBytes == 0))
            return 0;
        int bytes = headerBytes + keyBytes + valueBytes;
        if (offset + bytes > PageFormat.PageBytes)
            return 0;
        return isLeaf || PageFormat.ChildNumber(cell) != 0 ? bytes : 0;
    }

    private static string? OrderProblem(byte* page, int index, bool isLeaf)
    {
        if (index == 0)
            return !isLeaf && PageFormat.Key(page, 0).Length != 0 ? "a first child with a lower bound" : null;
        return PageFormat.Key(page, index - 1).SequenceCompareTo(PageFormat.Key(page, index)) < 0 ? null : $"keys {index - 1} and {index} out of order";
    }
}
