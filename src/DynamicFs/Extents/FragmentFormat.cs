using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using DynamicFs.Interop;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>Who a fragment is and how its extent is laid out: what the header of a fragment file says.</summary>
internal readonly record struct FragmentHeader(
    PoolId Pool,
    ExtentId Extent,
    Generation Birth,
    RedundancyScheme Scheme,
    int Index,
    int LengthBytes,
    int DirectoryOffset)
{
    public ExtentLayout Layout => new(Scheme, LengthBytes);

    public static FragmentHeader Of(PoolId pool, ExtentRecord record, int index) =>
        new(pool, record.Id, record.Birth, record.Scheme, index, record.LengthBytes, record.DirectoryOffset);
}

/// <summary>
/// Layout of a fragment file: header, table of the BLAKE3 hashes of the payload's 16 KiB blocks, zeros up to a multiple of 4096, payload. The header
/// checksum covers everything before the payload except itself; it is kept in the extent record too. See docs/format.md.
/// </summary>
internal static class FragmentFormat
{
    public const ushort Version = 1;

    private const int MagicAt = 0;
    private const int VersionAt = MagicAt + 8;
    private const int ReservedAt = VersionAt + 2;
    private const int HeaderBytesAt = ReservedAt + 2;
    private const int PoolAt = HeaderBytesAt + 4;
    private const int ExtentAt = PoolAt + 16;
    private const int BirthAt = ExtentAt + 8;
    private const int IndexAt = BirthAt + 8;
    private const int DataCountAt = IndexAt + 1;
    private const int ParityCountAt = DataCountAt + 1;
    private const int Reserved1At = ParityCountAt + 1;
    private const int LengthAt = Reserved1At + 1;
    private const int DirectoryAt = LengthAt + 4;
    private const int UnitAt = DirectoryAt + 4;
    private const int PayloadAt = UnitAt + 4;
    private const int BlockBytesAt = PayloadAt + 4;
    private const int BlockCountAt = BlockBytesAt + 4;
    private const int Reserved2At = BlockCountAt + 4;
    private const int ChecksumAt = Reserved2At + 20;

    /// <summary>Where the table of block hashes starts.</summary>
    public const int TableAt = ChecksumAt + Checksum.Size;

    /// <summary>Largest header with its table.</summary>
    public const int MaxHeaderBytes = ((TableAt + (ExtentLayout.MaxBlocks * Checksum.Size)) / ExtentLayout.AlignmentBytes + 1) * ExtentLayout.AlignmentBytes;

    private const byte SizeCheck = TableAt == 128 ? 0 : -1;

    private static ReadOnlySpan<byte> Magic => "DYNFSFRG"u8;

    /// <summary>Bytes before the payload of a fragment with <paramref name="blockCount"/> blocks.</summary>
    public static int HeaderBytes(int blockCount) => ExtentLayout.AlignUp(TableAt + (blockCount * Checksum.Size));

    /// <summary>
    /// Completes a header: the table must be in place at <see cref="TableAt"/> of <paramref name="destination"/>, which is HeaderBytes long. Writes
    /// everything else, zeros included, and returns the header checksum.
    /// </summary>
    public static Checksum Write(in FragmentHeader header, Span<byte> destination)
    {
        ExtentLayout layout = header.Layout;
        Invariant.Check(destination.Length == layout.HeaderBytes && header.Index < header.Scheme.Width, "a header has the size of its layout");
        destination[..TableAt].Clear();
        destination[(TableAt + (layout.BlockCount * Checksum.Size))..].Clear();
        Magic.CopyTo(destination);
        BinaryPrimitives.WriteUInt16LittleEndian(destination[VersionAt..], Version);
        BinaryPrimitives.WriteInt32LittleEndian(destination[HeaderBytesAt..], layout.HeaderBytes);
        header.Pool.Value.TryWriteBytes(destination[PoolAt..], bigEndian: true, out _);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[ExtentAt..], header.Extent.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[BirthAt..], header.Birth.Value);
        destination[IndexAt] = (byte)header.Index;
        destination[DataCountAt] = (byte)header.Scheme.DataCount;
        destination[ParityCountAt] = (byte)header.Scheme.ParityCount;
        BinaryPrimitives.WriteInt32LittleEndian(destination[LengthAt..], header.LengthBytes);
        BinaryPrimitives.WriteInt32LittleEndian(destination[DirectoryAt..], header.DirectoryOffset);
        BinaryPrimitives.WriteInt32LittleEndian(destination[UnitAt..], layout.UnitBytes);
        BinaryPrimitives.WriteInt32LittleEndian(destination[PayloadAt..], layout.PayloadBytes);
        BinaryPrimitives.WriteInt32LittleEndian(destination[BlockBytesAt..], ExtentLayout.BlockBytes);
        BinaryPrimitives.WriteInt32LittleEndian(destination[BlockCountAt..], layout.BlockCount);
        Checksum checksum = Sum(destination);
        checksum.Write(destination[ChecksumAt..]);
        return checksum;
    }

    /// <summary>
    /// Parses the start of a fragment file (at least everything before the payload). Fails closed: <paramref name="problem"/> names the first thing
    /// that is not as <see cref="Write"/> writes it. Never throws.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> source, out FragmentHeader header, out Checksum checksum, [NotNullWhen(false)] out string? problem)
    {
        header = default;
        checksum = default;
        problem = source.Length < TableAt ? "too short for a header"
            : !source[..VersionAt].SequenceEqual(Magic) ? "magic"
            : BinaryPrimitives.ReadUInt16LittleEndian(source[VersionAt..]) != Version ? "version"
            : !IsZero(source[ReservedAt..HeaderBytesAt]) || source[Reserved1At] != 0 || !IsZero(source[Reserved2At..ChecksumAt]) ? "reserved bytes"
            : ParseFields(source, out header)
            ?? CheckTable(source, header.Layout);
        if (problem is not null)
            return false;
        source = source[..header.Layout.HeaderBytes];
        checksum = Checksum.Read(source[ChecksumAt..]);
        problem = Sum(source) == checksum ? null : "header checksum";
        return problem is null;
    }

    private static string? ParseFields(ReadOnlySpan<byte> source, out FragmentHeader header)
    {
        header = new FragmentHeader(
            new PoolId(new Guid(source.Slice(PoolAt, 16), bigEndian: true)),
            new ExtentId(BinaryPrimitives.ReadUInt64LittleEndian(source[ExtentAt..])),
            new Generation(BinaryPrimitives.ReadUInt64LittleEndian(source[BirthAt..])),
            new RedundancyScheme(source[DataCountAt], source[ParityCountAt]),
            source[IndexAt],
            BinaryPrimitives.ReadInt32LittleEndian(source[LengthAt..]),
            BinaryPrimitives.ReadInt32LittleEndian(source[DirectoryAt..]));
        if (header.Extent == ExtentId.None || header.Birth == Generation.None)
            return "extent id or generation";
        if (!header.Scheme.IsValid || header.Index >= header.Scheme.Width)
            return "scheme or index";
        if (header.LengthBytes is <= 0 or > ExtentStore.MaxExtentBytes || header.DirectoryOffset < 0 || header.DirectoryOffset > header.LengthBytes)
            return "lengths";

        ExtentLayout layout = header.Layout;
        return BinaryPrimitives.ReadInt32LittleEndian(source[HeaderBytesAt..]) == layout.HeaderBytes
            && BinaryPrimitives.ReadInt32LittleEndian(source[UnitAt..]) == layout.UnitBytes
            && BinaryPrimitives.ReadInt32LittleEndian(source[PayloadAt..]) == layout.PayloadBytes
            && BinaryPrimitives.ReadInt32LittleEndian(source[BlockBytesAt..]) == ExtentLayout.BlockBytes
            && BinaryPrimitives.ReadInt32LittleEndian(source[BlockCountAt..]) == layout.BlockCount
            ? null
            : "layout";
    }

    private static string? CheckTable(ReadOnlySpan<byte> source, in ExtentLayout layout) =>
        source.Length < layout.HeaderBytes ? "too short for the block table"
        : !IsZero(source[(TableAt + (layout.BlockCount * Checksum.Size))..layout.HeaderBytes]) ? "padding of the block table"
        : null;

    private static Checksum Sum(ReadOnlySpan<byte> header)
    {
        var hasher = new Blake3Hasher();
        hasher.Update(header[..ChecksumAt]);
        hasher.Update(header[TableAt..]);
        return hasher.Finish();
    }

    private static bool IsZero(ReadOnlySpan<byte> bytes) => bytes.IndexOfAnyExcept((byte)0) < 0;
}
