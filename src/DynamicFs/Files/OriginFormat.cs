using System.Buffers.Binary;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>One slice as it was when its extent was written: who owned it and where it lies.</summary>
internal readonly record struct Origin(InodeNumber Inode, long FileOffset, int ExtentOffset, int LengthBytes);

/// <summary>
/// The origin directory at the end of every extent: magic (4), entry count (4), then per slice inode (8), file offset (8), extent offset (4), length (4);
/// all little-endian. Compaction finds live slices with it; it says where the bytes came from, never where they are now.
/// </summary>
internal static class OriginFormat
{
    public const uint Magic = 0x474f5344; // "DSOG"
    public const int HeaderBytes = 4 + 4;
    public const int EntryBytes = 8 + 8 + 4 + 4;

    public static int SizeOf(int entries) => HeaderBytes + entries * EntryBytes;

    public static void Write(Span<byte> destination, IReadOnlyList<Origin> origins)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(destination, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(destination[4..], origins.Count);
        Span<byte> rest = destination[HeaderBytes..];
        foreach (Origin origin in origins)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(rest, origin.Inode.Value);
            BinaryPrimitives.WriteInt64LittleEndian(rest[8..], origin.FileOffset);
            BinaryPrimitives.WriteInt32LittleEndian(rest[16..], origin.ExtentOffset);
            BinaryPrimitives.WriteInt32LittleEndian(rest[20..], origin.LengthBytes);
            rest = rest[EntryBytes..];
        }
    }

    /// <summary>Reads a directory that was found at the end of <paramref name="extent"/>, whose slices end at <paramref name="sliceBytes"/>.</summary>
    public static List<Origin> Read(ExtentId extent, ReadOnlySpan<byte> source, int sliceBytes)
    {
        if (source.Length < HeaderBytes || BinaryPrimitives.ReadUInt32LittleEndian(source) != Magic)
            throw Corrupt(extent, "an origin directory", $"{source.Length} bytes without its magic");
        int count = BinaryPrimitives.ReadInt32LittleEndian(source[4..]);
        if (count < 0 || count > (source.Length - HeaderBytes) / EntryBytes || SizeOf(count) != source.Length)
            throw Corrupt(extent, $"{source.Length} bytes of entries", $"{count} entries");
        var origins = new List<Origin>(count);
        ReadOnlySpan<byte> rest = source[HeaderBytes..];
        for (int i = 0; i < count; i++, rest = rest[EntryBytes..])
        {
            var origin = new Origin(
                new InodeNumber(BinaryPrimitives.ReadUInt64LittleEndian(rest)),
                BinaryPrimitives.ReadInt64LittleEndian(rest[8..]),
                BinaryPrimitives.ReadInt32LittleEndian(rest[16..]),
                BinaryPrimitives.ReadInt32LittleEndian(rest[20..]));
            bool isSane = origin.Inode != InodeNumber.None && origin.FileOffset >= 0 && origin.ExtentOffset >= 0 && origin.LengthBytes > 0
                && origin.LengthBytes <= sliceBytes - origin.ExtentOffset && origin.FileOffset <= long.MaxValue - origin.LengthBytes;
            if (!isSane)
                throw Corrupt(extent, $"slices in {sliceBytes} bytes", origin.ToString());
            origins.Add(origin);
        }

        return origins;
    }

    private static CorruptionException Corrupt(ExtentId extent, string expected, string found) =>
        new("all", $"origin directory of extent {extent}", expected, found);
}
