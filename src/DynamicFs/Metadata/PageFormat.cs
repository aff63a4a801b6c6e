using System.Buffers.Binary;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

internal enum PageKind : byte
{
    Leaf = 1,
    Interior = 2,
    SpaceMap = 3,
}

internal enum TreeId : byte
{
    None = 0,
    Namespace = 1,
    Pool = 2,
}

/// <summary>
/// Layout of a page: a header, and in tree pages a slot per cell (offset of the cell, ascending by key) growing up and cells growing down from the
/// end. Nothing else knows these offsets. All numbers little-endian.
/// </summary>
internal static unsafe class PageFormat
{
    public const int PageBytes = 16384;
    public const int MaxLevel = 15;
    public const uint Magic = 0x47504644; // "DFPG"
    public const byte Version = 1;

    public const int MagicOffset = 0;
    public const int VersionOffset = MagicOffset + 4;
    public const int KindOffset = VersionOffset + 1;
    public const int LevelOffset = KindOffset + 1;
    public const int TreeOffset = LevelOffset + 1;
    public const int PoolOffset = TreeOffset + 1;
    public const int NumberOffset = PoolOffset + 8;
    public const int BirthOffset = NumberOffset + 8;
    public const int CountOffset = BirthOffset + 8;
    public const int HeapOffset = CountOffset + 2;
    public const int FreedOffset = HeapOffset + 2;
    public const int ReservedOffset = FreedOffset + 2;
    public const int ReservedBytes = 10;
    public const int HeaderBytes = ReservedOffset + ReservedBytes;
    public const int SlotBytes = 2;
    public const int BodyBytes = PageBytes - HeaderBytes;

    // Leaf cell: key length, value length, key, value.
    public const int LeafKeyLengthOffset = 0;
    public const int LeafValueLengthOffset = LeafKeyLengthOffset + 2;
    public const int LeafCellHeaderBytes = LeafValueLengthOffset + 2;

    // Interior cell: key length, child, key. The key is a lower bound of the child's keys; the first cell's is empty.
    public const int InteriorKeyLengthOffset = 0;
    public const int InteriorChildOffset = InteriorKeyLengthOffset + 2;
    public const int InteriorCellHeaderBytes = InteriorChildOffset + PointerBytes;

    // Page pointer.
    public const int PointerNumberOffset = 0;
    public const int PointerBirthOffset = PointerNumberOffset + 8;
    public const int PointerChecksumOffset = PointerBirthOffset + 8;
    public const int PointerBytes = PointerChecksumOffset + Checksum.Size;

    private const byte HeaderCheck = HeaderBytes == 48 ? 0 : -1;

    /// <summary>The first 8 bytes of the pool id as printed, as a number.</summary>
    public static ulong PoolFragment(PoolId pool)
    {
        Span<byte> bytes = stackalloc byte[16];
        pool.Value.TryWriteBytes(bytes, bigEndian: true, out _);
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    public static ushort U16(byte* at) => BinaryPrimitives.ReadUInt16LittleEndian(new ReadOnlySpan<byte>(at, 2));
    public static ulong U64(byte* at) => BinaryPrimitives.ReadUInt64LittleEndian(new ReadOnlySpan<byte>(at, 8));
    public static void U16(byte* at, int value) => BinaryPrimitives.WriteUInt16LittleEndian(new Span<byte>(at, 2), checked((ushort)value));
    public static void U64(byte* at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(new Span<byte>(at, 8), value);

    public static PageKind Kind(byte* page) => (PageKind)page[KindOffset];
    public static int Level(byte* page) => page[LevelOffset];
    public static TreeId Tree(byte* page) => (TreeId)page[TreeOffset];
    public static ulong Number(byte* page) => U64(page + NumberOffset);
    public static ulong Birth(byte* page) => U64(page + BirthOffset);
    public static int Count(byte* page) => U16(page + CountOffset);
    public static int Heap(byte* page) => U16(page + HeapOffset);
    public static int Freed(byte* page) => U16(page + FreedOffset);

    /// <summary>Writes the header of an empty page; the rest of the page becomes zero.</summary>
    public static void Initialize(byte* page, PageKind kind, int level, TreeId tree, ulong poolFragment, ulong number, ulong birth)
    {
        new Span<byte>(page, PageBytes).Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(new Span<byte>(page + MagicOffset, 4), Magic);
        page[VersionOffset] = Version;
        page[KindOffset] = (byte)kind;
        page[LevelOffset] = (byte)level;
        page[TreeOffset] = (byte)tree;
        U64(page + PoolOffset, poolFragment);
        SetIdentity(page, number, birth);
        U16(page + HeapOffset, PageBytes);
    }

    /// <summary>Makes a copied page a page of its own.</summary>
    public static void SetIdentity(byte* page, ulong number, ulong birth)
    {
        U64(page + NumberOffset, number);
        U64(page + BirthOffset, birth);
    }

    public static byte* Cell(byte* page, int index) => page + U16(page + HeaderBytes + (index * SlotBytes));

    public static int CellBytes(byte* page, byte* cell) => Kind(page) == PageKind.Leaf
        ? LeafCellHeaderBytes + U16(cell + LeafKeyLengthOffset) + U16(cell + LeafValueLengthOffset)
        : InteriorCellHeaderBytes + U16(cell + InteriorKeyLengthOffset);

    public static ReadOnlySpan<byte> LeafKey(byte* cell) => new(cell + LeafCellHeaderBytes, U16(cell + LeafKeyLengthOffset));

    public static Span<byte> LeafValue(byte* cell) =>
        new(cell + LeafCellHeaderBytes + U16(cell + LeafKeyLengthOffset), U16(cell + LeafValueLengthOffset));

    public static ReadOnlySpan<byte> InteriorKey(byte* cell) => new(cell + InteriorCellHeaderBytes, U16(cell + InteriorKeyLengthOffset));

    public static ulong ChildNumber(byte* cell) => U64(cell + InteriorChildOffset + PointerNumberOffset);
    public static ulong ChildBirth(byte* cell) => U64(cell + InteriorChildOffset + PointerBirthOffset);
    public static PagePointer Child(byte* cell) => ReadPointer(new ReadOnlySpan<byte>(cell + InteriorChildOffset, PointerBytes));

    /// <summary>Writes only the checksum of a child: number and birth may be read by others at the same time.</summary>
    public static void SetChildChecksum(byte* cell, in Checksum checksum) =>
        checksum.Write(new Span<byte>(cell + InteriorChildOffset + PointerChecksumOffset, Checksum.Size));

    public static void SetChild(byte* cell, in PagePointer child) => WritePointer(new Span<byte>(cell + InteriorChildOffset, PointerBytes), child);

    public static ReadOnlySpan<byte> Key(byte* page, int index) =>
        Kind(page) == PageKind.Leaf ? LeafKey(Cell(page, index)) : InteriorKey(Cell(page, index));

    public static int WriteLeafCell(byte* at, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        U16(at + LeafKeyLengthOffset, key.Length);
        U16(at + LeafValueLengthOffset, value.Length);
        key.CopyTo(new Span<byte>(at + LeafCellHeaderBytes, key.Length));
        value.CopyTo(new Span<byte>(at + LeafCellHeaderBytes + key.Length, value.Length));
        return LeafCellHeaderBytes + key.Length + value.Length;
    }

    public static int WriteInteriorCell(byte* at, ReadOnlySpan<byte> key, in PagePointer child)
    {
        U16(at + InteriorKeyLengthOffset, key.Length);
        SetChild(at, child);
        key.CopyTo(new Span<byte>(at + InteriorCellHeaderBytes, key.Length));
        return InteriorCellHeaderBytes + key.Length;
    }

    public static PagePointer ReadPointer(ReadOnlySpan<byte> source) => new(
        BinaryPrimitives.ReadUInt64LittleEndian(source[PointerNumberOffset..]),
        BinaryPrimitives.ReadUInt64LittleEndian(source[PointerBirthOffset..]),
        Checksum.Read(source[PointerChecksumOffset..]));

    public static void WritePointer(Span<byte> destination, in PagePointer pointer)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(destination[PointerNumberOffset..], pointer.Number);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[PointerBirthOffset..], pointer.Birth);
        pointer.Checksum.Write(destination[PointerChecksumOffset..]);
    }
}
