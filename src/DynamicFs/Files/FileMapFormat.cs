using System.Buffers.Binary;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// A byte range of a file that lies in one extent. Byte exact at both ends; what no slice covers is a hole.
/// </summary>
internal readonly record struct Slice(long FileOffset, int LengthBytes, ExtentId Extent, int ExtentOffset)
{
    public long FileEnd => FileOffset + LengthBytes;

    /// <summary>The part of this slice in [from, to).</summary>
    public Slice Clip(long from, long to)
    {
        long start = Math.Max(from, FileOffset);
        long end = Math.Min(to, FileEnd);
        Invariant.Check(start < end, "a clipped slice is not empty");
        return new Slice(start, (int)(end - start), Extent, ExtentOffset + (int)(start - FileOffset));
    }
}

/// <summary>
/// File map entries in the namespace tree. Key: inode (8, big-endian), kind 5 (1), file offset (8, big-endian). Value: extent (8), extent offset (4),
/// length (4), all little-endian.
/// </summary>
internal static class FileMapFormat
{
    public const byte Kind = 5;
    public const int KeyBytes = 8 + 1 + 8;
    public const int ValueBytes = 8 + 4 + 4;

    public static void WriteKey(Span<byte> key, InodeNumber inode, long fileOffset)
    {
        BinaryPrimitives.WriteUInt64BigEndian(key, inode.Value);
        key[8] = Kind;
        BinaryPrimitives.WriteInt64BigEndian(key[9..], fileOffset);
    }

    /// <summary>False when the key is no file map entry of <paramref name="inode"/>.</summary>
    public static bool IsKeyOf(ReadOnlySpan<byte> key, InodeNumber inode) =>
        key.Length == KeyBytes && key[8] == Kind && BinaryPrimitives.ReadUInt64BigEndian(key) == inode.Value;

    public static void WriteValue(Span<byte> value, in Slice slice)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(value, slice.Extent.Value);
        BinaryPrimitives.WriteInt32LittleEndian(value[8..], slice.ExtentOffset);
        BinaryPrimitives.WriteInt32LittleEndian(value[12..], slice.LengthBytes);
    }

    /// <summary>Reads an entry whose key <see cref="IsKeyOf"/> accepted. Throws <see cref="CorruptionException"/> when it makes no sense.</summary>
    public static Slice Read(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        long fileOffset = BinaryPrimitives.ReadInt64BigEndian(key[9..]);
        if (value.Length != ValueBytes)
            throw Corrupt(key, $"{ValueBytes} bytes", $"{value.Length} bytes");
        var slice = new Slice(
            fileOffset,
            BinaryPrimitives.ReadInt32LittleEndian(value[12..]),
            new ExtentId(BinaryPrimitives.ReadUInt64LittleEndian(value)),
            BinaryPrimitives.ReadInt32LittleEndian(value[8..]));
        bool isSane = fileOffset >= 0 && slice.LengthBytes > 0 && slice.ExtentOffset >= 0 && slice.Extent != ExtentId.None
            && slice.LengthBytes <= Extents.ExtentStore.MaxExtentBytes - slice.ExtentOffset && fileOffset <= long.MaxValue - slice.LengthBytes;
        return isSane ? slice : throw Corrupt(key, "a slice inside one extent", slice.ToString());
    }

    private static CorruptionException Corrupt(ReadOnlySpan<byte> key, string expected, string found) =>
        new("metadata", $"file map entry {Convert.ToHexStringLower(key)}", expected, found);
}
