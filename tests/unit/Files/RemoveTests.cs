using DynamicFs.Files;
using DynamicFs.Primitives;
using Xunit;
using static DynamicFs.UnitTests.Files.FilesFixture;

namespace DynamicFs.UnitTests.Files;

/// <summary>Links, unlinking, removing directories, and what becomes of inodes without names.</summary>
public class RemoveTests
{
    [Fact]
    public void Links_count_and_the_last_one_frees()
    {
        using var fs = new FilesFixture();
        InodeNumber file = fs.File(Root, "a").Inode;
        fs.Time.Advance(1);
        Ok(fs.Files.Link(User, file, Root, "b"u8, out Attributes linked));
        Assert.Equal((2u, fs.Time.Now), (linked.LinkCount, linked.ChangeTime));
        Assert.NotEqual(fs.Time.Now, linked.ModifyTime);
        Assert.Equal(fs.Time.Now, fs.Stat(Root).ModifyTime);
        fs.Time.Advance(1);
        Ok(fs.Unlink(Root, "a"));
        Assert.Equal((1u, fs.Time.Now), (fs.Stat(file).LinkCount, fs.Stat(file).ChangeTime));
        Assert.Equal(fs.Time.Now, fs.Stat(Root).ChangeTime);
        Assert.Equal(2, fs.Audit().InodeCount);
        Ok(fs.Unlink(Root, "b"));
        Assert.Equal(Errno.ENOENT, fs.Files.GetAttributes(file, out _));
        NamespaceAudit audit = fs.Audit();
        Assert.Equal((1, 1), (audit.InodeCount, audit.KeyCount));
        Assert.Equal(1, fs.Files.Inodes.InodeCount);
    }

    [Fact]
    public void Linking_is_refused_where_it_makes_no_sense()
    {
        using var fs = new FilesFixture(parts => parts with { Limits = parts.Limits with { MaxLinks = 3 } });
        InodeNumber directory = fs.Directory(Root, "d").Inode;
        InodeNumber file = fs.File(Root, "f").Inode;
        Assert.Equal(Errno.EPERM, fs.Link(directory, Root, "e"));
        Assert.Equal(Errno.EEXIST, fs.Link(file, Root, "d"));
        Assert.Equal(Errno.ENOENT, fs.Link(new InodeNumber(99), Root, "e"));
        Assert.Equal(Errno.ENOTDIR, fs.Link(file, file, "e"));
        Assert.Equal(Errno.EEXIST, fs.Link(file, Root, "."));
        Ok(fs.Link(file, Root, "2"));
        Ok(fs.Link(file, directory, "3"));
        Assert.Equal(Errno.EMLINK, fs.Link(file, Root, "4"));
        fs.Audit();
    }

    [Fact]
    public void Removing_is_refused_where_it_makes_no_sense()
    {
        using var fs = new FilesFixture();
        InodeNumber directory = fs.Directory(Root, "d").Inode;
        fs.File(directory, "f");
        Assert.Equal(Errno.EISDIR, fs.Unlink(Root, "d"));
        Assert.Equal(Errno.ENOTDIR, fs.RemoveDirectory(directory, "f"));
        Assert.Equal(Errno.ENOTEMPTY, fs.RemoveDirectory(Root, "d"));
        Assert.Equal(Errno.ENOENT, fs.Unlink(Root, "x"));
        Assert.Equal(Errno.ENOENT, fs.RemoveDirectory(Root, "x"));
        Assert.Equal(Errno.EINVAL, fs.RemoveDirectory(directory, "."));
        Assert.Equal(Errno.ENOTEMPTY, fs.RemoveDirectory(directory, ".."));
        Assert.Equal(Errno.EISDIR, fs.Unlink(directory, "."));
        Ok(fs.Unlink(directory, "f"));
        fs.Time.Advance(1);
        Ok(fs.RemoveDirectory(Root, "d"));
        Attributes root = fs.Stat(Root);
        Assert.Equal((2u, 0L, fs.Time.Now, fs.Time.Now), (root.LinkCount, root.SizeBytes, root.ModifyTime, root.ChangeTime));
        Assert.Equal(1, fs.Audit().InodeCount);
    }

    [Fact]
    public void A_file_in_use_outlives_its_name_on_the_orphan_list()
    {
        using var fs = new FilesFixture();
        InodeNumber file = fs.Open(Root, "f").Inode;
        Ok(fs.Files.Open(file, write: false, truncate: false, killPrivileges: false));
        Ok(fs.Unlink(Root, "f"));
        Assert.Equal(0u, fs.Stat(file).LinkCount);
        Assert.Contains(file, fs.Audit().Orphans);
        Ok(fs.SetXattr(file, "user.a", "v"u8));
        fs.Files.Release(file);
        Ok(fs.Files.Open(file, write: false, truncate: false, killPrivileges: false));
        fs.Files.Release(file);
        Assert.Equal(0u, fs.Stat(file).LinkCount);
        fs.Files.Release(file);
        Assert.Equal(Errno.ENOENT, fs.Files.GetAttributes(file, out _));
        Assert.Equal(Errno.ENOENT, fs.Files.Open(file, write: false, truncate: false, killPrivileges: false));
        Assert.Equal(1, fs.Audit().KeyCount);
        fs.Files.Release(file);
    }

    [Fact]
    public void Orphans_of_a_crash_are_freed_at_mount()
    {
        using var fs = new FilesFixture();
        InodeNumber file = fs.Open(Root, "f").Inode;
        Ok(fs.SetXattr(file, "user.a", new byte[10_000]));
        Ok(fs.Files.MakeTemporary(User, Root, Octal("600"), out Attributes temporary));
        Ok(fs.Unlink(Root, "f"));
        fs.File(Root, "stays");
        Assert.Equal(2, fs.Audit().Orphans.Count);
        Ok(fs.Files.SyncAll());
        fs.Crash();
        Assert.Equal(Errno.ENOENT, fs.Files.GetAttributes(file, out _));
        Assert.Equal(Errno.ENOENT, fs.Files.GetAttributes(temporary.Inode, out _));
        NamespaceAudit audit = fs.Audit();
        Assert.Equal((2, 3), (audit.InodeCount, audit.KeyCount));
        Assert.Equal(2, fs.Files.Inodes.InodeCount);
    }

    [Fact]
    public void A_temporary_file_can_get_a_name()
    {
        using var fs = new FilesFixture();
        Ok(fs.Files.MakeTemporary(User, Root, Octal("640"), out Attributes temporary));
        Assert.Equal((0u, FileType.Regular | Octal("640")), (temporary.LinkCount, temporary.Mode));
        Assert.Empty(fs.Names(Root));
        Ok(fs.Files.Link(User, temporary.Inode, Root, "named"u8, out Attributes linked));
        Assert.Equal(1u, linked.LinkCount);
        Assert.Empty(fs.Audit().Orphans);
        fs.Files.Release(temporary.Inode);
        fs.Reopen();
        Ok(fs.Lookup(Root, "named", out Attributes found));
        Assert.Equal(temporary.Inode, found.Inode);
        Ok(fs.Files.MakeTemporary(User, Root, Octal("640"), out temporary));
        fs.Files.Release(temporary.Inode);
        Assert.Equal(Errno.ENOENT, fs.Link(temporary.Inode, Root, "late"));
        Assert.Equal(Errno.ENOTDIR, fs.Files.MakeTemporary(User, found.Inode, 0, out _));
        fs.Audit();
    }

    [Fact]
    public void A_removed_directory_in_use_takes_no_names()
    {
        using var fs = new FilesFixture();
        InodeNumber directory = fs.Directory(Root, "d").Inode;
        InodeNumber file = fs.File(Root, "f").Inode;
        Ok(fs.Files.Open(directory, write: false, truncate: false, killPrivileges: false));
        Ok(fs.RemoveDirectory(Root, "d"));
        Assert.Equal(0u, fs.Stat(directory).LinkCount);
        Assert.Equal(Errno.ENOENT, fs.Files.MakeNode(User, directory, "x"u8, FileType.Regular, 0, out _));
        Assert.Equal(Errno.ENOENT, fs.Link(file, directory, "x"));
        Assert.Equal(Errno.ENOENT, fs.Rename(Root, "f", directory, "x"));
        Assert.Equal(Errno.ENOENT, fs.Files.MakeTemporary(User, directory, 0, out _));
        Assert.Empty(fs.Names(directory));
        fs.Files.Release(directory);
        Assert.Equal(Errno.ENOENT, fs.Files.ReadDirectory(directory, 0, new Listing()));
        Assert.Equal(2, fs.Audit().InodeCount);
    }

    [Fact]
    public void Everything_of_a_file_goes_with_it()
    {
        using var fs = new FilesFixture();
        int before = fs.Audit().KeyCount;
        InodeNumber file = fs.File(Root, "f").Inode;
        for (int i = 0; i < 300; i++)
            Ok(fs.SetXattr(file, $"user.{new string('n', 100)}{i}", new byte[i * 20]));
        fs.Audit();
        Ok(fs.Unlink(Root, "f"));
        Assert.Equal(before, fs.Audit().KeyCount);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // a crash after the first part
    public void A_file_of_many_slices_is_freed_in_parts(bool crashes)
    {
        const int Slices = 60;
        using var fs = new FilesFixture(parts => parts with { Limits = parts.Limits with { SlicesFreedAtOnce = 1 } });
        InodeNumber file = fs.File(Root, "f").Inode;
        for (int i = 0; i < Slices; i++)
            Ok(fs.Files.Write(file, i * 65536L, "x"u8, killPrivileges: false));
        Ok(fs.SetXattr(file, "user.a", "v"u8));
        Ok(fs.Files.SyncAll());
        int keys = fs.Audit().KeyCount;
        Ok(fs.Unlink(Root, "f"));
        Assert.Equal(Errno.ENOENT, fs.Files.GetAttributes(file, out _));
        Assert.Equal(Errno.ENOENT, fs.Link(file, Root, "back"));
        NamespaceAudit audit = fs.Audit();
        Assert.Contains(file, audit.Orphans);
        Assert.Equal(keys - 1, audit.KeyCount); // one name and one slice less, one orphan more
        Ok(fs.Files.SyncAll());
        Assert.True(fs.Audit().KeyCount < keys - 2);
        if (crashes)
            fs.Crash();
        for (int commit = 0; commit < Slices && fs.Audit().Orphans.Count > 0; commit++)
            fs.Files.Commits.Commit(force: true);
        Assert.Equal(1, fs.Audit().KeyCount);
        Assert.Equal(1, fs.Files.Inodes.InodeCount);
    }

    [Fact]
    public void A_name_whose_inode_is_missing_is_an_error_not_an_absence()
    {
        using var fs = new FilesFixture();
        InodeNumber file = fs.File(Root, "f").Inode;
        byte[] key = new byte[NamespaceFormat.InodeKeyBytes];
        NamespaceFormat.WriteInodeKey(key, file);
        FileSystem damaged = fs.Reopen(damage: tree => Assert.True(tree.Delete(key)));
        Assert.Equal(Errno.EIO, damaged.Lookup(Root, "f"u8, out _));
        Assert.Equal(Errno.EIO, damaged.Unlink(User, Root, "f"u8));
        Assert.Equal(Errno.EIO, damaged.Rename(User, Root, "f"u8, Root, "g"u8, RenameFlags.None));
        Assert.False(damaged.IsReadOnly);
    }

    [Fact]
    public void A_damaged_record_is_EIO()
    {
        using var fs = new FilesFixture();
        InodeNumber file = fs.File(Root, "f").Inode;
        byte[] key = new byte[NamespaceFormat.InodeKeyBytes];
        NamespaceFormat.WriteInodeKey(key, file);
        FileSystem damaged = fs.Reopen(damage: tree => tree.Put(key, "rubbish"u8));
        Assert.Equal(Errno.EIO, damaged.Lookup(Root, "f"u8, out _));
        Assert.Equal(Errno.EIO, damaged.GetAttributes(file, out _));
        Ok(damaged.MakeNode(User, Root, "g"u8, FileType.Regular, 0, out _));
    }
}
