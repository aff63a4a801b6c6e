using System.Runtime.CompilerServices;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>All keys of one inode, or of one kind of it.</summary>
internal static class TreePrefix
{
    private const int BatchBytes = 4 << 10;

    /// <summary>Drops them. A scan must not change the tree, so keys are copied out in batches.</summary>
    [SkipLocalsInit]
    public static void Delete(Tree tree, InodeNumber inode, NamespaceKind kind)
    {
        Span<byte> prefix = stackalloc byte[NamespaceFormat.PrefixBytes];
        Span<byte> bytes = stackalloc byte[BatchBytes];
        NamespaceFormat.WritePrefix(prefix, inode, kind);
        bool isFull = true;
        while (isFull)
        {
            scoped var keys = new Keys(inode, kind, bytes);
            tree.Scan(prefix, ref keys, Keys.Visit);
            for (int offset = 0; offset < keys.Used; offset += 2 + KeyLength(bytes, offset))
                tree.Delete(bytes.Slice(offset + 2, KeyLength(bytes, offset)));
            isFull = keys.IsFull;
        }
    }

    /// <summary>Reads everything of an inode; throws <see cref="CorruptionException"/> before a change would.</summary>
    public static void Verify(Tree tree, InodeNumber inode)
    {
        Span<byte> key = stackalloc byte[NamespaceFormat.InodeKeyBytes];
        NamespaceFormat.WriteInodeKey(key, inode);
        tree.Scan(key, ref inode, static (ref InodeNumber inode, ReadOnlySpan<byte> key, ReadOnlySpan<byte> _) => NamespaceFormat.InodeOf(key) == inode);
    }

    private static int KeyLength(ReadOnlySpan<byte> bytes, int offset) => bytes[offset] | (bytes[offset + 1] << 8);

    private ref struct Keys(InodeNumber inode, NamespaceKind kind, Span<byte> bytes)
    {
        private readonly Span<byte> _bytes = bytes;

        public int Used;
        public bool IsFull;

        public static bool Visit(ref Keys keys, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => keys.Visit(key);

        private bool Visit(ReadOnlySpan<byte> key)
        {
            if (!NamespaceFormat.HasPrefix(key, inode, kind))
                return false;
            IsFull = Used + 2 + key.Length > _bytes.Length;
            if (IsFull)
                return false;
            (_bytes[Used], _bytes[Used + 1]) = ((byte)key.Length, (byte)(key.Length >> 8));
            key.CopyTo(_bytes[(Used + 2)..]);
            Used += 2 + key.Length;
            return true;
        }
    }
}
