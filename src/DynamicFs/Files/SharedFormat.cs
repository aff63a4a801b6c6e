using System.Buffers.Binary;
using DynamicFs.Extents;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// Owners of shared slices in the namespace tree. Key: inode 0 (8, big-endian), kind 8 (1), extent (8, big-endian), owner inode (8, big-endian), file offset
/// (8, big-endian). Value: extent offset (4), length (4), little-endian. A hint for compaction, as the origin directory is: it says who got the slice, the file
/// map says who has it.
/// </summary>
internal static class SharedFormat
{
    public const byte Kind = 8;
    public const int PrefixBytes = 8 + 1 + 8;
    public const int KeyBytes = PrefixBytes + 8 + 8;
    public const int ValueBytes = 4 + 4;

    public static void WritePrefix(Span<byte> key, ExtentId extent)
    {
        key[..8].Clear();
        key[8] = Kind;
        BinaryPrimitives.WriteUInt64BigEndian(key[9..], extent.Value);
    }

    public static void Write(Span<byte> key, Span<byte> value, InodeNumber owner, in Slice slice)
    {
        WritePrefix(key, slice.Extent);
        BinaryPrimitives.WriteUInt64BigEndian(key[PrefixBytes..], owner.Value);
        BinaryPrimitives.WriteInt64BigEndian(key[(PrefixBytes + 8)..], slice.FileOffset);
        BinaryPrimitives.WriteInt32LittleEndian(value, slice.ExtentOffset);
        BinaryPrimitives.WriteInt32LittleEndian(value[4..], slice.LengthBytes);
    }

    public static bool IsKeyOf(ReadOnlySpan<byte> key, ExtentId extent) =>
        key.Length == KeyBytes && key[8] == Kind && BinaryPrimitives.ReadUInt64BigEndian(key) == 0 && BinaryPrimitives.ReadUInt64BigEndian(key[9..]) == extent.Value;

    public static Origin Read(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (value.Length != ValueBytes)
            throw new CorruptionException("metadata", $"shared slice {Convert.ToHexStringLower(key)}", $"{ValueBytes} bytes", $"{value.Length} bytes");
        var owner = new Origin(
            new InodeNumber(BinaryPrimitives.ReadUInt64BigEndian(key[PrefixBytes..])),
            BinaryPrimitives.ReadInt64BigEndian(key[(PrefixBytes + 8)..]),
            BinaryPrimitives.ReadInt32LittleEndian(value),
            BinaryPrimitives.ReadInt32LittleEndian(value[4..]));
        bool isSane = owner.Inode != InodeNumber.None && owner.FileOffset >= 0 && owner.ExtentOffset >= 0 && owner.LengthBytes > 0
            && owner.LengthBytes <= ExtentStore.MaxExtentBytes - owner.ExtentOffset && owner.FileOffset <= long.MaxValue - owner.LengthBytes;
        return isSane ? owner : throw new CorruptionException("metadata", $"shared slice {Convert.ToHexStringLower(key)}", "a slice inside one extent", owner.ToString());
    }
}
