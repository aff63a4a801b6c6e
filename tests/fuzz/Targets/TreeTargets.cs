using System.Buffers.Binary;
using DynamicFs.CrashTests;
using DynamicFs.Files;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.Fuzz.Targets;

/// <summary>What is read over several entries of the namespace tree: values of attributes, targets of links, the orphan list. The tree is a real one, in memory.</summary>
internal static class TreeTargets
{
    /// <summary>A tree takes memory for some pages at a time.</summary>
    private const long TreeBytes = 1 << 20;

    private const int ValueBytes = 3500;
    private const int LengthBytes = 4;
    private const int SizeBytes = 8;

    private static readonly Inode _inode = new(new InodeNumber(77)) { XattrListBytes = 7 };

    public static IEnumerable<FuzzTarget> All()
    {
        yield return new FuzzTarget("xattr-value", StartXattr);
        yield return new FuzzTarget("symbolic-link", StartLink);
        yield return new FuzzTarget("orphan-list", StartOrphans);
    }

    /// <summary>The input is the first chunk of a value; the second one is there.</summary>
    private static FuzzSession StartXattr()
    {
        EnginePool pool = SamplePool.Make(out _);
        Tree tree = pool.Metadata.Namespace;
        var store = new XattrStore(tree);
        byte[] key = new byte[NamespaceFormat.MaxXattrKeyBytes];
        byte[] destination = new byte[XattrStore.MaxValueBytes];
        byte[] @long = new byte[ValueBytes];
        new Random(1).NextBytes(@long);
        store.Put(_inode, "user.a"u8, @long, oldBytes: -1);
        byte[][] valid = [Chunk(@long), Chunk("short"u8), Chunk([])];
        int keyBytes = NamespaceFormat.WriteXattrKey(key, _inode.Number, "user.a"u8, 0);
        return new FuzzSession(random => Codec.Make(valid, [new(0, 4)], null, Fit.Any, random), input => Codec.Judge(input, hasChecksum: false, bytes =>
        {
            if (bytes.Length > Tree.MaxValueBytes)
                return null;
            tree.Put(key.AsSpan(0, keyBytes), bytes);
            return Declared(() =>
            {
                store.List(new Inode(_inode.Number) { XattrListBytes = 7 }, destination);
                int length = store.Read(_inode, "user.a"u8, destination);
                return Chunk(destination.AsSpan(0, length));
            });
        }))
        { Close = pool.Dispose, AllocationBytes = TreeBytes };
    }

    private static byte[] Chunk(ReadOnlySpan<byte> value)
    {
        byte[] chunk = new byte[LengthBytes + Math.Min(value.Length, NamespaceFormat.ChunkBytes)];
        BinaryPrimitives.WriteInt32LittleEndian(chunk, value.Length);
        value[..(chunk.Length - LengthBytes)].CopyTo(chunk.AsSpan(LengthBytes));
        return chunk;
    }

    /// <summary>The input is the size of the inode and the first chunk; the second one has 500 bytes.</summary>
    private static FuzzSession StartLink()
    {
        EnginePool pool = SamplePool.Make(out _);
        Tree tree = pool.Metadata.Namespace;
        var links = new SymbolicLinks(tree);
        links.Put(_inode.Number, new byte[ValueBytes]);
        byte[] key = new byte[NamespaceFormat.SymbolicLinkKeyBytes];
        NamespaceFormat.WriteSymbolicLinkKey(key, _inode.Number, 0);
        byte[][] valid = [Link(ValueBytes, new byte[NamespaceFormat.ChunkBytes]), Link(6, "target"u8)];
        byte[] destination = new byte[5000];
        return new FuzzSession(random => Codec.Make(valid, [new(0, 8)], null, Fit.Any, random), input => Codec.Judge(input, hasChecksum: false, bytes =>
        {
            if (bytes.Length < SizeBytes || bytes.Length > SizeBytes + Tree.MaxValueBytes)
                return null;
            tree.Put(key, bytes.AsSpan(SizeBytes));
            return Declared(() =>
            {
                int length = links.Read(_inode.Number, BinaryPrimitives.ReadInt64LittleEndian(bytes), destination);
                return Link(length, destination.AsSpan(0, Math.Min(length, NamespaceFormat.ChunkBytes)));
            });
        }))
        { Close = pool.Dispose, AllocationBytes = TreeBytes };
    }

    private static byte[] Link(long size, ReadOnlySpan<byte> chunk)
    {
        byte[] bytes = new byte[SizeBytes + chunk.Length];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, size);
        chunk.CopyTo(bytes.AsSpan(SizeBytes));
        return bytes;
    }

    /// <summary>The input is length of the key, key and value of one entry, which is taken away again.</summary>
    private static FuzzSession StartOrphans()
    {
        EnginePool pool = SamplePool.Make(out _);
        Tree tree = pool.Metadata.Namespace;
        var orphans = new OrphanList(tree);
        byte[][] valid = [Orphan(2), Orphan(ulong.MaxValue), Orphan(1000)];
        return new FuzzSession(random => Codec.Make(valid, [new(0, 1), new(1, 8), new(9, 1), new(10, 8)], null, Fit.Any, random), input => Codec.Judge(input, hasChecksum: false, bytes =>
        {
            int keyBytes = bytes.Length == 0 ? 0 : bytes[0];
            if (keyBytes == 0 || keyBytes > bytes.Length - 1 || keyBytes > Tree.MaxKeyBytes || bytes.Length - 1 - keyBytes > Tree.MaxValueBytes)
                return null;
            ReadOnlySpan<byte> key = bytes.AsSpan(1, keyBytes);
            tree.Put(key, bytes.AsSpan(1 + keyBytes));
            try
            {
                InodeNumber found = orphans.Next(InodeNumber.None);
                return found == InodeNumber.None ? null : Orphan(found.Value);
            }
            catch (CorruptionException)
            {
                return null;
            }
            finally
            {
                // No transaction is as long as a campaign: what it notes for the journal is bounded, but far above one input's share.
                tree.Delete(key);
                tree.Changes.Reset();
            }
        }))
        { Close = pool.Dispose, AllocationBytes = TreeBytes };
    }

    private static byte[] Orphan(ulong inode)
    {
        byte[] bytes = new byte[1 + NamespaceFormat.OrphanKeyBytes];
        bytes[0] = NamespaceFormat.OrphanKeyBytes;
        NamespaceFormat.WriteOrphanKey(bytes.AsSpan(1), new InodeNumber(inode));
        return bytes;
    }

    private static byte[]? Declared(Func<byte[]> decode)
    {
        try
        {
            return decode();
        }
        catch (CorruptionException)
        {
            return null;
        }
    }
}
