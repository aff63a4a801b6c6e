using DynamicFs.Files;
using DynamicFs.Primitives;
using Xunit;
using static DynamicFs.UnitTests.Files.FilesFixture;

namespace DynamicFs.UnitTests.Files;

/// <summary>Making nodes and finding them.</summary>
public class NodeTests
{
    [Fact]
    public void A_new_pool_has_a_root_directory()
    {
        using var fs = new FilesFixture(parts => parts with { RootOwner = (7, 8) });
        Attributes root = fs.Stat(Root);
        Assert.Equal(FileType.Directory | Octal("755"), root.Mode);
        Assert.Equal((7u, 8u, 2u), (root.UserId, root.GroupId, root.LinkCount));
        fs.Reopen(parts => parts with { RootOwner = (1, 1) });
        Assert.Equal(root, fs.Stat(Root));
    }

    [Fact]
    public void A_pool_that_lost_its_root_directory_does_not_get_a_new_one()
    {
        using var fs = new FilesFixture();
        byte[] key = new byte[NamespaceFormat.InodeKeyBytes];
        NamespaceFormat.WriteInodeKey(key, Root);
        Assert.Throws<CorruptionException>(() => fs.Reopen(damage: tree => Assert.True(tree.Delete(key))));
    }

    [Theory]
    [InlineData(FileType.Regular)]
    [InlineData(FileType.Fifo)]
    [InlineData(FileType.Socket)]
    [InlineData(FileType.CharDevice)]
    [InlineData(FileType.BlockDevice)]
    public void Nodes_of_every_type_are_made_and_found(uint type)
    {
        using var fs = new FilesFixture();
        const uint bitsThatNoModeHas = 0x830000;
        Ok(fs.Files.MakeNode(User, Root, "n"u8, bitsThatNoModeHas | type | Octal("4751"), 0x1234, out Attributes made));
        Ok(fs.Lookup(Root, "n", out Attributes found));
        Assert.Equal(made, found);
        Assert.Equal(type | Octal("4751"), found.Mode);
        Assert.Equal((1u, 1000u, 1000u, 0L), (found.LinkCount, found.UserId, found.GroupId, found.SizeBytes));
        Assert.Equal(type is FileType.CharDevice or FileType.BlockDevice ? 0x1234u : 0u, found.DeviceId);
        Assert.Equal((fs.Time.Now, fs.Time.Now, fs.Time.Now, fs.Time.Now), (found.AccessTime, found.ModifyTime, found.ChangeTime, found.BirthTime));
        fs.Reopen();
        Assert.Equal(found, fs.Stat(found.Inode));
        Assert.Equal(type, fs.List(Root).Entries.Single(e => e.Name == "n").Type);
        fs.Audit();
    }

    [Fact]
    public void No_type_means_a_file_and_others_are_refused()
    {
        using var fs = new FilesFixture();
        Ok(fs.Files.MakeNode(User, Root, "f"u8, Octal("600"), 0, out Attributes made));
        Assert.Equal(FileType.Regular | Octal("600"), made.Mode);
        Assert.Equal(Errno.EINVAL, fs.Files.MakeNode(User, Root, "d"u8, FileType.Directory | Octal("600"), 0, out _));
        Assert.Equal(Errno.EINVAL, fs.Files.MakeNode(User, Root, "l"u8, FileType.SymbolicLink, 0, out _));
        Assert.Equal(Errno.EINVAL, fs.Files.MakeNode(User, Root, "x"u8, 0x3000, 0, out _));
        Assert.Equal(["f"], fs.Names(Root));
    }

    [Fact]
    public void The_umask_of_the_caller_is_applied_but_not_to_special_bits_nor_links()
    {
        using var fs = new FilesFixture();
        Caller careful = User with { Umask = Octal("7077") };
        Assert.Equal(Octal("100600"), fs.File(Root, "f", "666", careful).Mode);
        Assert.Equal(Octal("41700"), fs.Directory(Root, "d", "1777", careful).Mode);
        Ok(fs.Files.MakeSymbolicLink(careful, Root, "l"u8, "t"u8, out Attributes link));
        Assert.Equal(Octal("120777"), link.Mode);
        Ok(fs.Files.MakeTemporary(careful, Root, Octal("666"), out Attributes temporary));
        Assert.Equal(Octal("100600"), temporary.Mode);
    }

    [Fact]
    public void A_setgid_directory_gives_its_group_and_to_directories_the_bit()
    {
        using var fs = new FilesFixture();
        InodeNumber shared = fs.Directory(Root, "shared").Inode;
        Ok(fs.Change(shared, new AttributeChange { Mask = AttributeMask.GroupId | AttributeMask.Mode, GroupId = 50, Mode = Octal("2775") }));
        Attributes file = fs.File(shared, "f");
        Assert.Equal((1000u, 50u, Octal("100644")), (file.UserId, file.GroupId, file.Mode));
        Attributes directory = fs.Directory(shared, "d");
        Assert.Equal((50u, Octal("42755")), (directory.GroupId, directory.Mode));
        Assert.Equal(50u, fs.Directory(directory.Inode, "deeper").GroupId);
        Assert.Equal(50u, fs.Symlink(shared, "l", "t").GroupId);
    }

    [Fact]
    public void Making_a_name_changes_the_times_and_counts_of_the_directory()
    {
        using var fs = new FilesFixture();
        fs.Time.Advance(10);
        fs.File(Root, "f");
        Attributes root = fs.Stat(Root);
        Assert.Equal((fs.Time.Now, fs.Time.Now, 2u), (root.ModifyTime, root.ChangeTime, root.LinkCount));
        fs.Directory(Root, "d");
        Assert.Equal(3u, fs.Stat(Root).LinkCount);
        Assert.Equal(2u, fs.Stat(fs.Directory(Root, "e").Inode).LinkCount);
        Assert.True(fs.Stat(Root).SizeBytes > root.SizeBytes);
        Assert.Equal(FileTime.From(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero)), root.AccessTime);
    }

    [Fact]
    public void Names_have_255_bytes_in_every_operation()
    {
        using var fs = new FilesFixture();
        string longest = new('x', 255);
        string tooLong = new('x', 256);
        InodeNumber file = fs.File(Root, longest).Inode;
        Assert.Equal(file, Found(fs, longest));
        Assert.Equal(Errno.ENAMETOOLONG, fs.Lookup(Root, tooLong));
        Assert.Equal(Errno.ENAMETOOLONG, fs.Files.MakeNode(User, Root, Bytes(tooLong), FileType.Regular, 0, out _));
        Assert.Equal(Errno.ENAMETOOLONG, fs.Files.MakeDirectory(User, Root, Bytes(tooLong), 0, out _));
        Assert.Equal(Errno.ENAMETOOLONG, fs.Files.MakeSymbolicLink(User, Root, Bytes(tooLong), "t"u8, out _));
        Assert.Equal(Errno.ENAMETOOLONG, fs.Files.Create(User, Root, Bytes(tooLong), 0, out _));
        Assert.Equal(Errno.ENAMETOOLONG, fs.Link(file, Root, tooLong));
        Assert.Equal(Errno.ENAMETOOLONG, fs.Unlink(Root, tooLong));
        Assert.Equal(Errno.ENAMETOOLONG, fs.RemoveDirectory(Root, tooLong));
        Assert.Equal(Errno.ENAMETOOLONG, fs.Rename(Root, tooLong, Root, "a"));
        Assert.Equal(Errno.ENAMETOOLONG, fs.Rename(Root, longest, Root, tooLong));
        Assert.Equal([longest], fs.Names(Root));
    }

    [Fact]
    public void Names_are_bytes_and_some_are_none()
    {
        using var fs = new FilesFixture();
        byte[] odd = [0xFF, 0x20, 0x0A, 0x80];
        Ok(fs.Files.MakeNode(User, Root, odd, FileType.Regular, 0, out Attributes made));
        Ok(fs.Files.Lookup(Root, odd, out Attributes found));
        Assert.Equal(made, found);
        Assert.Equal(Errno.ENOENT, fs.Lookup(Root, ""));
        Assert.Equal(Errno.EINVAL, fs.Lookup(Root, "a/b"));
        Assert.Equal(Errno.EINVAL, fs.Files.MakeNode(User, Root, "a\0b"u8, FileType.Regular, 0, out _));
        Assert.Equal(Errno.EEXIST, fs.Files.MakeNode(User, Root, "."u8, FileType.Regular, 0, out _));
        Assert.Equal(Errno.EEXIST, fs.Files.MakeDirectory(User, Root, ".."u8, 0, out _));
    }

    [Fact]
    public void What_is_missing_or_no_directory_is_said_so()
    {
        using var fs = new FilesFixture();
        InodeNumber file = fs.File(Root, "f").Inode;
        Assert.Equal(Errno.ENOENT, fs.Lookup(Root, "g"));
        Assert.Equal(Errno.ENOTDIR, fs.Lookup(file, "g"));
        Assert.Equal(Errno.ENOENT, fs.Lookup(new InodeNumber(99), "g"));
        Assert.Equal(Errno.EEXIST, fs.Files.MakeNode(User, Root, "f"u8, FileType.Regular, 0, out _));
        Assert.Equal(Errno.EEXIST, fs.Files.MakeDirectory(User, Root, "f"u8, 0, out _));
        Assert.Equal(Errno.ENOTDIR, fs.Files.MakeNode(User, file, "g"u8, FileType.Regular, 0, out _));
        Assert.Equal(Errno.ENOENT, fs.Files.GetAttributes(new InodeNumber(99), out _));
        Assert.Equal(Errno.ENOENT, fs.Files.GetAttributes(InodeNumber.None, out _));
    }

    [Fact]
    public void Dots_are_looked_up_for_export()
    {
        using var fs = new FilesFixture();
        InodeNumber a = fs.Directory(Root, "a").Inode;
        InodeNumber b = fs.Directory(a, "b").Inode;
        Assert.Equal(b, Found(fs, ".", b));
        Assert.Equal(a, Found(fs, "..", b));
        Assert.Equal(Root, Found(fs, "..", a));
        Assert.Equal(Root, Found(fs, "..", Root));
        fs.Reopen();
        Assert.Equal(a, Found(fs, "..", b));
        Ok(fs.Rename(a, "b", Root, "c"));
        Assert.Equal(Root, Found(fs, "..", b));
    }

    [Fact]
    public void Symbolic_links_have_targets_of_up_to_4095_bytes()
    {
        using var fs = new FilesFixture();
        foreach (int length in (int[])[1, 2999, 3000, 3001, 4095])
        {
            string target = string.Concat(Enumerable.Range(0, length).Select(i => (char)('a' + i % 26)));
            Attributes link = fs.Symlink(Root, $"l{length}", target);
            Assert.Equal((length, FileType.SymbolicLink | Octal("777")), (link.SizeBytes, link.Mode));
            byte[] buffer = new byte[4096];
            fs.Reopen();
            Ok(fs.Files.ReadSymbolicLink(link.Inode, buffer, out int read));
            Assert.Equal(Bytes(target), buffer[..read]);
            Ok(fs.Files.ReadSymbolicLink(link.Inode, buffer.AsSpan(0, 1), out read));
            Assert.Equal(1, read);
        }

        Assert.Equal(Errno.ENAMETOOLONG, fs.Files.MakeSymbolicLink(User, Root, "x"u8, new byte[4096], out _));
        Assert.Equal(Errno.ENOENT, fs.Files.MakeSymbolicLink(User, Root, "x"u8, [], out _));
        Assert.Equal(Errno.EINVAL, fs.Files.MakeSymbolicLink(User, Root, "x"u8, "a\0b"u8, out _));
        Assert.Equal(Errno.EINVAL, fs.Files.ReadSymbolicLink(Root, new byte[10], out _));
        int before = fs.Audit().KeyCount;
        Ok(fs.Unlink(Root, "l4095"));
        Assert.Equal(before - 4, fs.Audit().KeyCount);
    }

    [Fact]
    public void Subdirectories_are_bounded_by_the_link_count()
    {
        using var fs = new FilesFixture(parts => parts with { Limits = parts.Limits with { MaxLinks = 4 } });
        InodeNumber a = fs.Directory(Root, "a").Inode;
        InodeNumber b = fs.Directory(Root, "b").Inode;
        Assert.Equal(Errno.EMLINK, fs.Files.MakeDirectory(User, Root, "c"u8, 0, out _));
        fs.Directory(a, "x");
        fs.File(Root, "f");
        Assert.Equal(Errno.EMLINK, fs.Rename(a, "x", Root, "x"));
        Assert.Equal(Errno.EMLINK, fs.Rename(a, "x", Root, "f", RenameFlags.Exchange));
        Ok(fs.Rename(a, "x", Root, "b"));
        Assert.Equal(Errno.ENOENT, fs.Files.GetAttributes(b, out _));
        fs.Audit();
    }

    [Fact]
    public void Deep_paths_are_no_different()
    {
        using var fs = new FilesFixture();
        InodeNumber directory = Root;
        for (int depth = 0; depth < 2000; depth++)
            directory = fs.Directory(directory, "d").Inode;
        fs.File(directory, "f");
        fs.Reopen();
        InodeNumber found = Root;
        for (int depth = 0; depth < 2000; depth++)
            found = Found(fs, "d", found);
        Assert.Equal(directory, found);
        Assert.Equal(Errno.EINVAL, fs.Rename(Root, "d", found, "e"));
        Assert.Equal(["f"], fs.Names(found));
    }

    private static InodeNumber Found(FilesFixture fs, string name, InodeNumber? parent = null)
    {
        Ok(fs.Lookup(parent ?? Root, name, out Attributes found));
        return found.Inode;
    }
}
