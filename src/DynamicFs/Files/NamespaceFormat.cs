using System.Buffers.Binary;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>What a key of the namespace tree is about: the byte after the inode number.</summary>
internal enum NamespaceKind : byte
{
    Inode = 1,
    Entry = 2,
    Xattr = 4,
    FileMap = 5,
    SymbolicLink = 6,
    Orphan = 7,
}

/// <summary>
/// Keys of the namespace tree: inode number (8 bytes, big-endian, so that everything of an inode lies together), kind (1 byte), rest. The byte
/// tables are in docs/format.md; the values have a codec each (<see cref="InodeRecord"/>, <see cref="EntryRecord"/>).
/// </summary>
internal static class NamespaceFormat
{
    public const int PrefixBytes = sizeof(ulong) + 1;
    public const int InodeKeyBytes = PrefixBytes;
    public const int EntryKeyBytes = PrefixBytes + sizeof(ulong);
    public const int FileMapKeyBytes = PrefixBytes + sizeof(ulong);
    public const int OrphanKeyBytes = PrefixBytes + sizeof(ulong);
    public const int SymbolicLinkKeyBytes = PrefixBytes + 1;
    public const int XattrSuffixBytes = 1 + sizeof(ushort);
    public const int MaxXattrKeyBytes = PrefixBytes + FileSystem.MaxNameBytes + XattrSuffixBytes;

    /// <summary>Most bytes of one chunk of a symbolic link's target or of an extended attribute's value.</summary>
    public const int ChunkBytes = 3000;

    /// <summary>Offsets of '.' and '..' in a listing. Those of names are hash &lt;&lt; 8 | collision index: at least 256 and below 2^63.</summary>
    public const ulong DotCookie = 1;
    public const ulong DotDotCookie = 2;
    public const ulong FirstNameCookie = 256;
    public const ulong MaxNameHash = (1UL << 55) - 1;

    public static void WritePrefix(Span<byte> key, InodeNumber inode, NamespaceKind kind)
    {
        BinaryPrimitives.WriteUInt64BigEndian(key, inode.Value);
        key[sizeof(ulong)] = (byte)kind;
    }

    public static void WriteInodeKey(Span<byte> key, InodeNumber inode) => WritePrefix(key, inode, NamespaceKind.Inode);

    public static void WriteEntryKey(Span<byte> key, InodeNumber directory, ulong cookie)
    {
        WritePrefix(key, directory, NamespaceKind.Entry);
        BinaryPrimitives.WriteUInt64BigEndian(key[PrefixBytes..], cookie);
    }

    public static void WriteSymbolicLinkKey(Span<byte> key, InodeNumber inode, int chunk)
    {
        WritePrefix(key, inode, NamespaceKind.SymbolicLink);
        key[PrefixBytes] = (byte)chunk;
    }

    /// <summary>The orphan list hangs below inode 0, which does not exist.</summary>
    public static void WriteOrphanKey(Span<byte> key, InodeNumber inode)
    {
        WritePrefix(key, InodeNumber.None, NamespaceKind.Orphan);
        BinaryPrimitives.WriteUInt64BigEndian(key[PrefixBytes..], inode.Value);
    }

    /// <summary>Writes the key of one chunk of an attribute's value and returns its length.</summary>
    public static int WriteXattrKey(Span<byte> key, InodeNumber inode, ReadOnlySpan<byte> name, int chunk)
    {
        WritePrefix(key, inode, NamespaceKind.Xattr);
        name.CopyTo(key[PrefixBytes..]);
        int end = PrefixBytes + name.Length;
        key[end] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(key[(end + 1)..], (ushort)chunk);
        return end + XattrSuffixBytes;
    }

    /// <summary>The name in the key of an attribute's chunk.</summary>
    public static ReadOnlySpan<byte> XattrNameOf(ReadOnlySpan<byte> key, out int chunk)
    {
        int length = key.Length - PrefixBytes - XattrSuffixBytes;
        if (length is <= 0 or > FileSystem.MaxNameBytes || key[PrefixBytes + length] != 0)
            throw new CorruptionException("(pool)", $"key {Convert.ToHexStringLower(key)} of the namespace tree", "the name of an attribute", "none");
        chunk = BinaryPrimitives.ReadUInt16BigEndian(key[^sizeof(ushort)..]);
        return key.Slice(PrefixBytes, length);
    }

    public static bool HasPrefix(ReadOnlySpan<byte> key, InodeNumber inode, NamespaceKind kind)
        => key.Length >= PrefixBytes && key[sizeof(ulong)] == (byte)kind && BinaryPrimitives.ReadUInt64BigEndian(key) == inode.Value;

    public static InodeNumber InodeOf(ReadOnlySpan<byte> key) => new(BinaryPrimitives.ReadUInt64BigEndian(key));

    public static NamespaceKind KindOf(ReadOnlySpan<byte> key) => (NamespaceKind)key[sizeof(ulong)];

    /// <summary>The big-endian number behind the prefix: cookie of an entry, offset of a file map entry, inode of an orphan.</summary>
    public static ulong NumberOf(ReadOnlySpan<byte> key)
    {
        if (key.Length != PrefixBytes + sizeof(ulong))
            throw new CorruptionException("(pool)", $"key {Convert.ToHexStringLower(key)} of the namespace tree", "17 bytes", $"{key.Length}");
        return BinaryPrimitives.ReadUInt64BigEndian(key[PrefixBytes..]);
    }
}
