using DynamicFs.Files;
using DynamicFs.Primitives;
using Xunit;
using static DynamicFs.UnitTests.Files.FilesFixture;

namespace DynamicFs.UnitTests.Files;

public class ReadOnlyTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)] // turned so while it ran
    public void Every_change_is_refused_and_reading_goes_on(bool isTurned)
    {
        using var fs = new FilesFixture();
        InodeNumber directory = fs.Directory(Root, "d").Inode;
        InodeNumber file = fs.File(Root, "f").Inode;
        InodeNumber link = fs.Symlink(Root, "l", "t").Inode;
        Ok(fs.SetXattr(file, "user.a", "v"u8));
        fs.Reopen(parts => parts with { IsReadOnly = !isTurned });
        if (isTurned)
            fs.Files.TurnReadOnly();
        Assert.True(fs.Files.IsReadOnly);
        fs.Time.Advance(100);
        Attributes before = fs.Stat(file);
        foreach (Errno errno in (Errno[])[
            fs.Files.MakeNode(User, Root, "n"u8, FileType.Regular, 0, out _),
            fs.Files.MakeDirectory(User, Root, "n"u8, 0, out _),
            fs.Files.MakeSymbolicLink(User, Root, "n"u8, "t"u8, out _),
            fs.Files.Create(User, Root, "n"u8, 0, out _),
            fs.Files.MakeTemporary(User, Root, 0, out _),
            fs.Link(file, Root, "n"),
            fs.Unlink(Root, "f"),
            fs.RemoveDirectory(Root, "d"),
            fs.Rename(Root, "f", Root, "g"),
            fs.Rename(Root, "f", Root, "l", RenameFlags.Exchange),
            fs.Chmod(file, "600"),
            fs.SetXattr(file, "user.a", "w"u8),
            fs.RemoveXattr(file, "user.a"),
            fs.Files.Open(file, write: true, truncate: false, killPrivileges: false),
            fs.Files.Open(file, write: false, truncate: true, killPrivileges: false),
            fs.Files.Write(file, 0, "x"u8, killPrivileges: false)])
            Assert.Equal(Errno.EROFS, errno);
        Ok(fs.Files.Open(file, write: false, truncate: false, killPrivileges: false));
        Ok(fs.Files.ReadSymbolicLink(link, new byte[10], out _));
        Assert.Equal(["d", "f", "l"], fs.Names(Root));
        Assert.Equal("v"u8.ToArray(), fs.GetXattr(file, "user.a"));
        fs.Files.Release(file);
        Assert.Equal(before, fs.Stat(file));
        Assert.Equal(before.AccessTime, fs.Stat(link).AccessTime);
        Assert.Empty(fs.Names(directory));
    }

    [Fact]
    public void A_new_pool_can_be_mounted_read_only()
    {
        using var fs = new FilesFixture(parts => parts with { IsReadOnly = true });
        Assert.Equal(FileType.Directory | Octal("755"), fs.Stat(Root).Mode);
        Assert.Empty(fs.Names(Root));
    }

    [Fact]
    public void A_change_that_stops_half_way_turns_the_filesystem_read_only_and_is_never_committed()
    {
        using var fs = new FilesFixture();
        InodeNumber file = fs.File(Root, "f").Inode;
        InodeNumber other = fs.File(Root, "g").Inode;
        Ok(fs.Files.SyncAll());

        // The name goes first, then the data; and there the tree has something that is no slice.
        byte[] key = new byte[NamespaceFormat.FileMapKeyBytes];
        NamespaceFormat.WritePrefix(key, file, NamespaceKind.FileMap);
        fs.Tree.Put(key, "rubbish"u8);
        Assert.Equal(Errno.EIO, fs.Unlink(Root, "f"));
        Assert.True(fs.Files.IsReadOnly);
        Assert.True(fs.Files.Gate.IsBroken);
        Assert.Equal(Errno.EROFS, fs.Chmod(other, "600"));
        Ok(fs.Lookup(Root, "g"));
        Assert.Throws<PoolException>(() => fs.Files.Commits.Commit(force: true));
        fs.Crash();
        Assert.Equal(["f", "g"], fs.Names(Root));
    }
}
