using System.Buffers.Binary;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// The stored form of a directory entry (namespace tree, kind 2): inode (8 bytes), file type (mode bits 12-15, 1 byte), name. Reading checks every
/// field and fails closed.
/// </summary>
internal static class EntryRecord
{
    private const int InodeOffset = 0;
    private const int TypeOffset = InodeOffset + sizeof(ulong);
    private const int NameOffset = TypeOffset + 1;
    private const int TypeShift = 12;

    public const int MaxBytes = NameOffset + FileSystem.MaxNameBytes;

    /// <summary>Returns the length of the record. <paramref name="type"/> as in <see cref="FileType"/>.</summary>
    public static int Write(Span<byte> record, InodeNumber inode, uint type, ReadOnlySpan<byte> name)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(record[InodeOffset..], inode.Value);
        record[TypeOffset] = (byte)(type >> TypeShift);
        name.CopyTo(record[NameOffset..]);
        return NameOffset + name.Length;
    }

    /// <summary>Throws <see cref="CorruptionException"/> for anything that <see cref="Write"/> cannot have written.</summary>
    public static ReadOnlySpan<byte> Read(InodeNumber directory, ulong cookie, ReadOnlySpan<byte> record, out InodeNumber inode, out uint type)
    {
        Require(directory, cookie, record.Length is > NameOffset and <= MaxBytes, "9 to 264 bytes", record.Length);
        inode = new InodeNumber(BinaryPrimitives.ReadUInt64LittleEndian(record[InodeOffset..]));
        type = (uint)record[TypeOffset] << TypeShift;
        ReadOnlySpan<byte> name = record[NameOffset..];
        Require(directory, cookie, cookie is >= NamespaceFormat.FirstNameCookie and <= long.MaxValue, "a cookie of a name", (long)cookie);
        Require(directory, cookie, inode != InodeNumber.None, "an inode", 0);
        Require(directory, cookie, FileType.IsKnown(type), "a known file type", type);
        Require(directory, cookie, !name.ContainsAny((byte)0, (byte)'/') && !FileName.IsDots(name), "a name without NUL and '/', not '.' nor '..'", name[0]);
        return name;
    }

    private static void Require(InodeNumber directory, ulong cookie, bool condition, string expected, long found)
    {
        if (!condition)
            throw new CorruptionException("(pool)", $"entry {cookie:x16} of directory {directory}", expected, $"{found}");
    }
}
