using System.Runtime.CompilerServices;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>Targets of symbolic links in the namespace tree, in chunks. The size of the inode is the length of the target.</summary>
internal sealed class SymbolicLinks(Tree tree)
{
    /// <summary>PATH_MAX of the kernel without the NUL.</summary>
    public const int MaxTargetBytes = 4095;

    public void Put(InodeNumber inode, ReadOnlySpan<byte> target)
    {
        Span<byte> key = stackalloc byte[NamespaceFormat.SymbolicLinkKeyBytes];
        for (int chunk = 0; !target.IsEmpty; chunk++)
        {
            int length = Math.Min(target.Length, NamespaceFormat.ChunkBytes);
            NamespaceFormat.WriteSymbolicLinkKey(key, inode, chunk);
            tree.Put(key, target[..length]);
            target = target[length..];
        }
    }

    /// <summary>Copies the target, cut to <paramref name="destination"/>. Throws <see cref="CorruptionException"/> when chunks do not add up.</summary>
    [SkipLocalsInit]
    public int Read(InodeNumber inode, long lengthBytes, Span<byte> destination)
    {
        Require(inode, lengthBytes is > 0 and <= MaxTargetBytes, "a target of 1 to 4095 bytes", lengthBytes);
        Span<byte> key = stackalloc byte[NamespaceFormat.SymbolicLinkKeyBytes];
        Span<byte> target = stackalloc byte[MaxTargetBytes + Tree.MaxValueBytes];
        int done = 0;
        for (int chunk = 0; done < lengthBytes; chunk++)
        {
            NamespaceFormat.WriteSymbolicLinkKey(key, inode, chunk);
            bool isThere = tree.TryGet(key, target[done..], out int length);
            Require(inode, isThere && length == Math.Min(lengthBytes - done, NamespaceFormat.ChunkBytes), "whole chunks", isThere ? length : -1);
            done += length;
        }

        int count = Math.Min(done, destination.Length);
        target[..count].CopyTo(destination);
        return count;
    }

    public void Delete(InodeNumber inode) => TreePrefix.Delete(tree, inode, NamespaceKind.SymbolicLink);

    private static void Require(InodeNumber inode, bool condition, string expected, long found)
    {
        if (!condition)
            throw new CorruptionException("(pool)", $"target of symbolic link {inode}", expected, $"{found}");
    }
}
