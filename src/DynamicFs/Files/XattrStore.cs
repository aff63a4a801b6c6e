using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// Extended attributes in the namespace tree. A value is cut into chunks; the first one says how long the whole is. Keeps the counts and flags of the
/// inode right. The caller holds the inode's lock (readers too: a value of several chunks is one), and for changes is inside the gate and marks
/// the inode dirty afterwards. Knows nothing of what a name means.
/// </summary>
internal sealed class XattrStore(Tree tree)
{
    /// <summary>Longest value (XATTR_SIZE_MAX of the kernel).</summary>
    public const int MaxValueBytes = 64 << 10;

    /// <summary>Longest listing (XATTR_LIST_MAX of the kernel).</summary>
    public const int MaxListBytes = 64 << 10;

    /// <summary>All values of one inode: freeing it is one bounded step.</summary>
    public const int MaxTotalBytes = 4 << 20;

    private const int LengthBytes = sizeof(int);

    /// <summary>Length of a value, -1 when there is none.</summary>
    public int Measure(Inode inode, ReadOnlySpan<byte> name) => inode.XattrListBytes == 0 ? -1 : Read(inode, name, []);

    /// <summary>
    /// Length of a value, -1 when there is none. Copies it when it fits <paramref name="destination"/>. Throws <see cref="CorruptionException"/> when chunks
    /// do not add up.
    /// </summary>
    [SkipLocalsInit]
    public int Read(Inode inode, ReadOnlySpan<byte> name, Span<byte> destination)
    {
        Span<byte> key = stackalloc byte[NamespaceFormat.MaxXattrKeyBytes];
        Span<byte> chunk = stackalloc byte[Tree.MaxValueBytes];
        if (!tree.TryGet(key[..NamespaceFormat.WriteXattrKey(key, inode.Number, name, 0)], chunk, out int length))
            return -1;
        Require(inode, length >= LengthBytes, "a length", length);
        int total = BinaryPrimitives.ReadInt32LittleEndian(chunk);
        Require(inode, total is >= 0 and <= MaxValueBytes, "a length of at most 64 KiB", total);
        Require(inode, length - LengthBytes == Math.Min(total, NamespaceFormat.ChunkBytes), "a whole first chunk", length);
        if (destination.Length < total)
            return total;
        chunk[LengthBytes..length].CopyTo(destination);
        for (int i = 1, done = length - LengthBytes; done < total; i++, done += length)
        {
            bool isThere = tree.TryGet(key[..NamespaceFormat.WriteXattrKey(key, inode.Number, name, i)], chunk, out length);
            Require(inode, isThere && length == Math.Min(total - done, NamespaceFormat.ChunkBytes), "whole chunks", isThere ? length : -1);
            chunk[..length].CopyTo(destination[done..]);
        }

        return total;
    }

    /// <summary>Whether a value may be stored: ENOSPC when the inode has too many of them.</summary>
    public static Errno CheckRoom(Inode inode, ReadOnlySpan<byte> name, int oldBytes, int newBytes)
    {
        int list = inode.XattrListBytes + (oldBytes < 0 ? name.Length + 1 : 0);
        int values = inode.XattrValueBytes - Math.Max(0, oldBytes) + newBytes;
        return list > MaxListBytes || values > MaxTotalBytes ? Errno.ENOSPC : Errno.None;
    }

    /// <summary>Stores a value in place of an old one of <paramref name="oldBytes"/> bytes (-1: there is none, see <see cref="Measure"/>).</summary>
    [SkipLocalsInit]
    public void Put(Inode inode, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, int oldBytes)
    {
        Span<byte> key = stackalloc byte[NamespaceFormat.MaxXattrKeyBytes];
        Span<byte> first = stackalloc byte[LengthBytes + NamespaceFormat.ChunkBytes];
        int chunkCount = ChunkCount(value.Length);
        BinaryPrimitives.WriteInt32LittleEndian(first, value.Length);
        ReadOnlySpan<byte> head = value[..Math.Min(value.Length, NamespaceFormat.ChunkBytes)];
        head.CopyTo(first[LengthBytes..]);
        tree.Put(key[..NamespaceFormat.WriteXattrKey(key, inode.Number, name, 0)], first[..(LengthBytes + head.Length)]);
        for (int i = 1; i < chunkCount; i++)
        {
            ReadOnlySpan<byte> rest = value[(i * NamespaceFormat.ChunkBytes)..];
            tree.Put(key[..NamespaceFormat.WriteXattrKey(key, inode.Number, name, i)], rest[..Math.Min(rest.Length, NamespaceFormat.ChunkBytes)]);
        }

        DeleteChunks(inode, name, chunkCount, oldBytes < 0 ? 0 : ChunkCount(oldBytes));
        inode.XattrListBytes += oldBytes < 0 ? name.Length + 1 : 0;
        inode.XattrValueBytes += value.Length - Math.Max(0, oldBytes);
        inode.Flags |= XattrName.FlagOf(name);
    }

    /// <summary>Drops a value of <paramref name="oldBytes"/> bytes.</summary>
    public void Delete(Inode inode, ReadOnlySpan<byte> name, int oldBytes)
    {
        DeleteChunks(inode, name, 0, ChunkCount(oldBytes));
        inode.XattrListBytes -= name.Length + 1;
        inode.XattrValueBytes -= oldBytes;
        inode.Flags &= ~XattrName.FlagOf(name);
    }

    /// <summary>Writes the NUL-terminated names; false when they do not add up to what the inode says.</summary>
    public void List(Inode inode, Span<byte> destination)
    {
        Span<byte> key = stackalloc byte[NamespaceFormat.PrefixBytes];
        NamespaceFormat.WritePrefix(key, inode.Number, NamespaceKind.Xattr);
        scoped var listing = new Listing(inode.Number, destination);
        tree.Scan(key, ref listing, Listing.Visit);
        Require(inode, listing.Used == inode.XattrListBytes, "the bytes of names that the inode says", listing.Used);
    }

    /// <summary>Drops all values of an inode that is being freed.</summary>
    public void DeleteAll(Inode inode)
    {
        if (inode.XattrListBytes == 0)
            return;
        TreePrefix.Delete(tree, inode.Number, NamespaceKind.Xattr);
        (inode.XattrListBytes, inode.XattrValueBytes, inode.Flags) = (0, 0, InodeFlags.None);
    }

    private void DeleteChunks(Inode inode, ReadOnlySpan<byte> name, int from, int to)
    {
        Span<byte> key = stackalloc byte[NamespaceFormat.MaxXattrKeyBytes];
        for (int i = from; i < to; i++)
            tree.Delete(key[..NamespaceFormat.WriteXattrKey(key, inode.Number, name, i)]);
    }

    private static int ChunkCount(int valueBytes) => Math.Max(1, (valueBytes + NamespaceFormat.ChunkBytes - 1) / NamespaceFormat.ChunkBytes);

    private static void Require(Inode inode, bool condition, string expected, long found)
    {
        if (!condition)
            throw new CorruptionException("(pool)", $"extended attribute of inode {inode.Number}", expected, $"{found}");
    }

    private ref struct Listing(InodeNumber inode, Span<byte> destination)
    {
        private readonly Span<byte> _destination = destination;

        public int Used;

        public static bool Visit(ref Listing listing, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => listing.Visit(key);

        private bool Visit(ReadOnlySpan<byte> key)
        {
            if (!NamespaceFormat.HasPrefix(key, inode, NamespaceKind.Xattr))
                return false;
            ReadOnlySpan<byte> name = NamespaceFormat.XattrNameOf(key, out int chunk);
            if (chunk != 0)
                return true;
            if (Used + name.Length + 1 <= _destination.Length)
            {
                name.CopyTo(_destination[Used..]);
                _destination[Used + name.Length] = 0;
            }

            Used += name.Length + 1;
            return true;
        }
    }
}
