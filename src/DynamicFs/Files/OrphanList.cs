using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// The list, in the namespace tree, of inodes without a name: unlinked but in use, made by O_TMPFILE, or being freed in several transactions. What is on
/// it at mount is freed. The caller is inside the gate and holds the inode's lock.
/// </summary>
internal sealed class OrphanList(Tree tree)
{
    public void Add(Inode inode)
    {
        if (inode.IsListedOrphan)
            return;
        Span<byte> key = stackalloc byte[NamespaceFormat.OrphanKeyBytes];
        NamespaceFormat.WriteOrphanKey(key, inode.Number);
        tree.Put(key, []);
        inode.IsListedOrphan = true;
    }

    public void Remove(Inode inode)
    {
        if (!inode.IsListedOrphan)
            return;
        Remove(inode.Number);
        inode.IsListedOrphan = false;
    }

    public void Remove(InodeNumber inode)
    {
        Span<byte> key = stackalloc byte[NamespaceFormat.OrphanKeyBytes];
        NamespaceFormat.WriteOrphanKey(key, inode);
        tree.Delete(key);
    }

    /// <summary>The first orphan after <paramref name="previous"/>; <see cref="InodeNumber.None"/> when there is none.</summary>
    public InodeNumber Next(InodeNumber previous)
    {
        Span<byte> key = stackalloc byte[NamespaceFormat.OrphanKeyBytes];
        NamespaceFormat.WriteOrphanKey(key, new InodeNumber(previous.Value + 1));
        InodeNumber found = InodeNumber.None;
        tree.Scan(key, ref found, static (ref InodeNumber found, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
        {
            if (!NamespaceFormat.HasPrefix(key, InodeNumber.None, NamespaceKind.Orphan))
                return false;
            found = new InodeNumber(NamespaceFormat.NumberOf(key));
            if (found == InodeNumber.None || !value.IsEmpty)
                throw new CorruptionException("(pool)", "entry of the orphan list", "an inode and no value", $"{found}, {value.Length} bytes");
            return false;
        });
        return found;
    }
}
