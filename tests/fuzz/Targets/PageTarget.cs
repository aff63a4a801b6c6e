using DynamicFs.Interop;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.Fuzz.Targets;

/// <summary>
/// Metadata pages. An input is the pointer that led to the page (48 bytes, never changed) and the page. A changed page is refused by the pointer's checksum;
/// behind that, whatever the check of a page lets through can be searched and changed without leaving the page.
/// </summary>
internal static unsafe class PageTarget
{
    private static readonly Field[] _treeFields =
    [
        new(0, 4), new(4, 1), new(5, 1), new(6, 1), new(7, 1), new(8, 8), new(16, 8), new(24, 8), new(32, 2), new(34, 2), new(36, 2), new(38, 8), new(48, 2), new(50, 2), new(52, 2),
        new(54, 2), new(56, 2),
    ];

    private static readonly Field[] _mapFields = [.. _treeFields, new(48, 8), new(56, 8), new(96, 4), new(100, 4), new(104, 8), new(112, 8), new(120, 8)];

    public static FuzzSession Start(bool isTree)
    {
        byte[][] valid = [.. SamplePool.Pages().Where(page => isTree == IsTreePage(page.Bytes)).Select(page => WithPointer(page.Pointer, page.Bytes))];
        Field[] fields = isTree ? _treeFields : _mapFields;
        var memory = new PageMemory();
        byte* page = memory.Rent();
        return new FuzzSession(random => Make(valid, fields, random), input => Judge(input, page, memory)) { Close = memory.Dispose };
    }

    private static FuzzInput Make(byte[][] valid, Field[] fields, Random random)
    {
        byte[] sample = valid[random.Next(valid.Length)];
        if (random.Next(100) == 0)
            return new FuzzInput(FuzzOrigin.Valid, sample);
        byte[] page = Mutation.Of(sample[PageFormat.PointerBytes..], random, PickFields(sample, fields, random), valid[random.Next(valid.Length)]);
        Array.Resize(ref page, PageFormat.PageBytes);
        byte[] bytes = [.. sample.AsSpan(0, PageFormat.PointerBytes), .. page];
        return new FuzzInput(bytes.AsSpan().SequenceEqual(sample) ? FuzzOrigin.Valid : FuzzOrigin.Changed, bytes);
    }

    /// <summary>The header's, and the slot and the lengths of some cell.</summary>
    private static Field[] PickFields(byte[] sample, Field[] fields, Random random)
    {
        ReadOnlySpan<byte> page = sample.AsSpan(PageFormat.PointerBytes);
        int count = BitConverter.ToUInt16(page[PageFormat.CountOffset..]);
        if (count == 0)
            return fields;
        int slot = PageFormat.HeaderBytes + (random.Next(count) * PageFormat.SlotBytes);
        int cell = BitConverter.ToUInt16(page[slot..]);
        return [.. fields, new(slot, 2), new(cell, 2), new(cell + 2, 2), new(cell + 4, 8), new(cell + 12, 8)];
    }

    private static bool Judge(FuzzInput input, byte* page, PageMemory memory)
    {
        PagePointer pointer = PageFormat.ReadPointer(input.Bytes);
        ReadOnlySpan<byte> bytes = input.Bytes.AsSpan(PageFormat.PointerBytes, PageFormat.PageBytes);
        bytes.CopyTo(new Span<byte>(page, PageFormat.PageBytes));
        bool hasChecksum = Blake3.Hash(page, PageFormat.PageBytes) == pointer.Checksum;
        if (hasChecksum != (input.Origin == FuzzOrigin.Valid))
            throw new FuzzException("the checksum of a pointer is not that of the page, or of another too");
        ulong pool = PageFormat.PoolFragment(SamplePool.Id);
        string? problem = PageCheck.Problem(page, pointer, pool);
        if (problem is not null)
            return hasChecksum ? throw new FuzzException(problem) : false;
        if (PageFormat.Kind(page) == PageKind.SpaceMap)
            UseSpaceMap(page);
        else
            UseTreePage(page, memory, pointer, pool);
        return true;
    }

    private static void UseSpaceMap(byte* page)
    {
        var words = new List<ulong>();
        SpaceMapFormat.AppendWords(new ReadOnlySpan<byte>(page, PageFormat.PageBytes), words);
        SpaceMapFormat.Parse(words, out ulong[] bitmap, out ulong[] dead);
        if (bitmap.Length + dead.Length > words.Count)
            throw new FuzzException("a space map of more words than were read");
    }

    private static void UseTreePage(byte* page, PageMemory memory, in PagePointer pointer, ulong pool)
    {
        int count = PageFormat.Count(page);
        bool isLeaf = PageFormat.Kind(page) == PageKind.Leaf;
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> key = PageFormat.Key(page, i);
            int found = isLeaf ? TreePage.Search(page, key) : TreePage.ChildIndex(page, key);
            if (found != i)
                throw new FuzzException($"key {i} is found at {found}");
        }

        if (count > 1)
            TreePage.Remove(page, count / 2);
        Check(page, pointer, pool);
        if (!isLeaf)
            return;
        byte* cell = stackalloc byte[200];
        int bytes = PageFormat.WriteLeafCell(cell, "a key of the fuzzer"u8, new byte[100]);
        int at = TreePage.Search(page, "a key of the fuzzer"u8);
        if (at < 0)
            TreePage.TryInsert(page, ~at, new ReadOnlySpan<byte>(cell, bytes), memory);
        Check(page, pointer, pool);
    }

    private static void Check(byte* page, in PagePointer pointer, ulong pool)
    {
        if (PageCheck.Problem(page, pointer, pool) is { } problem)
            throw new FuzzException($"a good page is bad after a change: {problem}");
    }

    private static bool IsTreePage(byte[] page)
    {
        fixed (byte* start = page)
            return PageFormat.Kind(start) != PageKind.SpaceMap;
    }

    private static byte[] WithPointer(in PagePointer pointer, byte[] page)
    {
        byte[] bytes = new byte[PageFormat.PointerBytes + page.Length];
        PageFormat.WritePointer(bytes, pointer);
        page.CopyTo(bytes, PageFormat.PointerBytes);
        return bytes;
    }
}
