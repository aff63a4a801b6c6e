using DynamicFs.Admin;
using DynamicFs.Files;
using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Pools;

/// <summary>
/// A namespace that contradicts itself although every page verifies, as a defect of the engine would leave it: each kind of contradiction is found.
/// </summary>
public sealed class PoolFsckNamespaceTests
{
    private const int Small = 5_000;

    private static readonly Dictionary<string, (string Text, Action<Tree, Attributes> Break)> s_breaks = new()
    {
        ["a name without an inode"] = ("no record", (tree, file) => tree.Delete(InodeKey(file.Inode))),
        ["an inode without a name"] = ("0 names lead to it", (tree, file) => tree.Delete(OnlyKey(tree, InodeNumber.Root, NamespaceKind.Entry))),
        ["a slice of no extent"] = ("does not exist", (tree, file) => ChangeSlice(tree, file.Inode, slice => slice with { Extent = new ExtentId(0xdead) })),
        ["a slice behind its extent"] = ("behind the end", (tree, file) => ChangeSlice(tree, file.Inode, slice => slice with { ExtentOffset = 8_000_000 })),
        ["a slice behind the file"] = ("data up to", (tree, file) => ChangeInode(tree, file.Inode, inode => inode.Attributes.SizeBytes = 10)),
        ["a wrong count of bytes"] = ("bytes are mapped", (tree, file) => ChangeInode(tree, file.Inode, inode => inode.Attributes.AllocatedBytes = 1)),
        ["a wrong link count"] = ("its link count is 2", (tree, file) => ChangeInode(tree, file.Inode, inode => inode.Attributes.LinkCount = 2)),
        ["an orphan that is not listed"] = ("not on the orphan list", (tree, file) => ChangeInode(tree, file.Inode, inode => inode.Attributes.LinkCount = 0)),
        ["a listed orphan with a name"] = ("on the orphan list with", (tree, file) => PutOrphan(tree, file.Inode)),
        ["a wrong count of names"] = ("its record says 7", (tree, file) => ChangeInode(tree, InodeNumber.Root, inode => inode.EntryCount = 7)),
        ["a wrong link count of a directory"] = ("a link count of 5", (tree, file) => ChangeInode(tree, InodeNumber.Root, inode => inode.Attributes.LinkCount = 5)),
        ["a wrong account of an extent"] = ("its account says", ShortenSlice),
        ["a record that makes no sense"] = ("corrupt", (tree, file) => tree.Put(InodeKey(file.Inode), [1, 2, 3])),
    };

    public static TheoryData<string> Names() => [.. s_breaks.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void AContradictionIsFound(string name)
    {
        using var disks = new PoolOnDisk(3);
        using (Pool pool = disks.Open())
        {
            PoolOnDisk.WriteTo(pool, "file", Small);
            pool.Commit();
            Assert.Equal(Errno.None, pool.Files.Lookup(InodeNumber.Root, "file"u8, out Attributes file));
            using (pool.Files.Gate.EnterShared())
                s_breaks[name].Break(pool.Metadata.Namespace, file);
            pool.Commit();
            pool.Close();
        }

        (FsckReport report, ExitCode code) = disks.Fsck();
        Assert.Equal((ExitCode.Corrupt, "CORRUPT"), (code, report.State));
        Assert.Contains(report.Problems, p => p.Message.Contains(s_breaks[name].Text));
    }

    [Fact]
    public void DirectoriesThatHangBelowEachOtherAreFound()
    {
        using var disks = new PoolOnDisk(3);
        using (Pool pool = disks.Open())
        {
            var caller = new Caller(0, 0, 1);
            Assert.Equal(Errno.None, pool.Files.MakeDirectory(caller, InodeNumber.Root, "a"u8, 0x1ED, out Attributes a));
            Assert.Equal(Errno.None, pool.Files.MakeDirectory(caller, a.Inode, "b"u8, 0x1ED, out Attributes b));
            pool.Commit();
            using (pool.Files.Gate.EnterShared())
            {
                Tree tree = pool.Metadata.Namespace;
                // a becomes a child of its own child: every count still agrees, nothing leads there from the root.
                byte[] key = OnlyKey(tree, InodeNumber.Root, NamespaceKind.Entry);
                byte[] moved = [.. key];
                NamespaceFormat.WritePrefix(moved, b.Inode, NamespaceKind.Entry);
                tree.Put(moved, tree.Get(key)!);
                tree.Delete(key);
                ChangeInode(tree, a.Inode, inode => inode.Parent = b.Inode);
                ChangeInode(tree, b.Inode, inode => (inode.EntryCount, inode.Attributes.LinkCount) = (1, 3));
                ChangeInode(tree, InodeNumber.Root, inode => (inode.EntryCount, inode.Attributes.LinkCount) = (0, 2));
            }

            pool.Commit();
            pool.Close();
        }

        (FsckReport report, ExitCode code) = disks.Fsck();
        Assert.Equal(ExitCode.Corrupt, code);
        Assert.Equal(2, report.Problems.Count(p => p.Message.Contains("does not hang below the root")));
    }

    private static byte[] InodeKey(InodeNumber inode)
    {
        byte[] key = new byte[NamespaceFormat.InodeKeyBytes];
        NamespaceFormat.WriteInodeKey(key, inode);
        return key;
    }

    private static void ChangeInode(Tree tree, InodeNumber number, Action<Inode> change)
    {
        Inode inode = InodeRecord.Read(number, tree.Get(InodeKey(number))!);
        change(inode);
        byte[] record = new byte[InodeRecord.SizeBytes];
        InodeRecord.Write(record, inode);
        tree.Put(InodeKey(number), record);
    }

    private static void ShortenSlice(Tree tree, Attributes file)
    {
        ChangeSlice(tree, file.Inode, slice => slice with { LengthBytes = slice.LengthBytes - 1 });
        ChangeInode(tree, file.Inode, inode => inode.Attributes.AllocatedBytes--);
    }

    private static void ChangeSlice(Tree tree, InodeNumber inode, Func<Slice, Slice> change)
    {
        byte[] key = OnlyKey(tree, inode, NamespaceKind.FileMap);
        byte[] value = new byte[FileMapFormat.ValueBytes];
        FileMapFormat.WriteValue(value, change(FileMapFormat.Read(key, tree.Get(key)!)));
        tree.Put(key, value);
    }

    private static void PutOrphan(Tree tree, InodeNumber inode)
    {
        byte[] key = new byte[NamespaceFormat.OrphanKeyBytes];
        NamespaceFormat.WriteOrphanKey(key, inode);
        tree.Put(key, []);
    }

    /// <summary>The first key of a kind below an inode.</summary>
    private static byte[] OnlyKey(Tree tree, InodeNumber inode, NamespaceKind kind)
    {
        byte[] prefix = new byte[NamespaceFormat.PrefixBytes];
        NamespaceFormat.WritePrefix(prefix, inode, kind);
        byte[]? found = null;
        tree.Scan(prefix, ref found, static (ref byte[]? state, ReadOnlySpan<byte> key, ReadOnlySpan<byte> _) =>
        {
            state = key.ToArray();
            return false;
        });
        Assert.True(found is not null && NamespaceFormat.HasPrefix(found, inode, kind));
        return found;
    }
}
