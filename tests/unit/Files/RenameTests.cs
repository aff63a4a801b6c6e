using DynamicFs.Files;
using DynamicFs.Primitives;
using Xunit;
using static DynamicFs.UnitTests.Files.FilesFixture;

namespace DynamicFs.UnitTests.Files;

public class RenameTests
{
    [Fact]
    public void A_file_moves_and_times_follow()
    {
        using var fs = new FilesFixture();
        InodeNumber a = fs.Directory(Root, "a").Inode;
        InodeNumber b = fs.Directory(Root, "b").Inode;
        Attributes file = fs.File(a, "f");
        fs.Time.Advance(5);
        Ok(fs.Rename(a, "f", b, "g"));
        Assert.Equal(Errno.ENOENT, fs.Lookup(a, "f"));
        Ok(fs.Lookup(b, "g", out Attributes moved));
        Assert.Equal(file with { ChangeTime = fs.Time.Now }, moved);
        foreach (InodeNumber directory in (InodeNumber[])[a, b])
            Assert.Equal((fs.Time.Now, fs.Time.Now), (fs.Stat(directory).ModifyTime, fs.Stat(directory).ChangeTime));
        Assert.Equal((0L, 17L), (fs.Stat(a).SizeBytes, fs.Stat(b).SizeBytes));
        Ok(fs.Rename(b, "g", b, "a much longer name"));
        Assert.Equal(["a much longer name"], fs.Names(b));
        fs.Audit();
    }

    [Fact]
    public void A_target_is_replaced_in_one_step()
    {
        using var fs = new FilesFixture();
        InodeNumber source = fs.File(Root, "s").Inode;
        InodeNumber target = fs.File(Root, "t").Inode;
        Ok(fs.Link(target, Root, "other"));
        fs.Time.Advance(5);
        Ok(fs.Rename(Root, "s", Root, "t"));
        Ok(fs.Lookup(Root, "t", out Attributes found));
        Assert.Equal(source, found.Inode);
        Assert.Equal((1u, fs.Time.Now), (fs.Stat(target).LinkCount, fs.Stat(target).ChangeTime));
        Ok(fs.Rename(Root, "t", Root, "other"));
        Assert.Equal(Errno.ENOENT, fs.Files.GetAttributes(target, out _));
        Assert.Equal(["other"], fs.Names(Root));
        fs.Audit();
    }

    [Fact]
    public void An_open_target_lives_on_without_a_name()
    {
        using var fs = new FilesFixture();
        InodeNumber target = fs.Open(Root, "t").Inode;
        fs.File(Root, "s");
        Ok(fs.Rename(Root, "s", Root, "t"));
        Assert.Equal(0u, fs.Stat(target).LinkCount);
        Assert.Contains(target, fs.Audit().Orphans);
        fs.Files.Release(target);
        Assert.Equal(2, fs.Audit().InodeCount);
    }

    [Fact]
    public void Two_names_of_one_inode_are_left_alone()
    {
        using var fs = new FilesFixture();
        InodeNumber file = fs.File(Root, "a").Inode;
        Ok(fs.Link(file, Root, "b"));
        Attributes before = fs.Stat(file);
        fs.Time.Advance(5);
        Ok(fs.Rename(Root, "a", Root, "b"));
        Ok(fs.Rename(Root, "a", Root, "a"));
        Ok(fs.Rename(Root, "a", Root, "b", RenameFlags.Exchange));
        Assert.Equal(["a", "b"], fs.Names(Root));
        Assert.Equal(before, fs.Stat(file));
        Assert.Equal(Errno.EEXIST, fs.Rename(Root, "a", Root, "b", RenameFlags.NoReplace));
    }

    [Fact]
    public void Directories_move_with_their_parent_and_link_counts()
    {
        using var fs = new FilesFixture();
        InodeNumber a = fs.Directory(Root, "a").Inode;
        InodeNumber b = fs.Directory(Root, "b").Inode;
        InodeNumber d = fs.Directory(a, "d").Inode;
        fs.File(d, "f");
        Ok(fs.Rename(a, "d", b, "e"));
        Assert.Equal((2u, 3u, 2u), (fs.Stat(a).LinkCount, fs.Stat(b).LinkCount, fs.Stat(d).LinkCount));
        Ok(fs.Lookup(d, "..", out Attributes parent));
        Assert.Equal(b, parent.Inode);
        Assert.Equal(b, fs.List(d).Entries[1].Inode);
        InodeNumber empty = fs.Directory(a, "empty").Inode;
        Ok(fs.Rename(b, "e", a, "empty"));
        Assert.Equal(Errno.ENOENT, fs.Files.GetAttributes(empty, out _));
        Assert.Equal((3u, 2u), (fs.Stat(a).LinkCount, fs.Stat(b).LinkCount));
        fs.Audit();
    }

    [Fact]
    public void Rename_is_refused_where_it_makes_no_sense()
    {
        using var fs = new FilesFixture();
        InodeNumber a = fs.Directory(Root, "a").Inode;
        InodeNumber b = fs.Directory(a, "b").Inode;
        InodeNumber c = fs.Directory(b, "c").Inode;
        fs.File(Root, "f");
        fs.Directory(Root, "empty");
        Assert.Equal(Errno.ENOENT, fs.Rename(Root, "x", Root, "y"));
        Assert.Equal(Errno.EINVAL, fs.Rename(Root, "a", a, "x"));
        Assert.Equal(Errno.EINVAL, fs.Rename(Root, "a", c, "x"));
        Assert.Equal(Errno.EINVAL, fs.Rename(Root, "a", b, "c"));
        Assert.Equal(Errno.ENOTEMPTY, fs.Rename(b, "c", Root, "a"));
        Assert.Equal(Errno.ENOTEMPTY, fs.Rename(Root, "empty", Root, "a"));
        Assert.Equal(Errno.EISDIR, fs.Rename(Root, "f", Root, "empty"));
        Assert.Equal(Errno.EISDIR, fs.Rename(Root, "f", Root, "a"));
        Assert.Equal(Errno.ENOTDIR, fs.Rename(Root, "empty", Root, "f"));
        Assert.Equal(Errno.EBUSY, fs.Rename(a, ".", Root, "x"));
        Assert.Equal(Errno.EBUSY, fs.Rename(a, "b", Root, ".."));
        Assert.Equal(Errno.EEXIST, fs.Rename(Root, "f", Root, "a", RenameFlags.NoReplace));
        Assert.Equal(Errno.ENOENT, fs.Rename(Root, "f", Root, "x", RenameFlags.Exchange));
        Assert.Equal(Errno.EINVAL, fs.Rename(Root, "f", Root, "x", RenameFlags.NoReplace | RenameFlags.Exchange));
        Assert.Equal(Errno.EINVAL, fs.Rename(Root, "f", Root, "x", (RenameFlags)4));
        Assert.Equal(Errno.EINVAL, fs.Rename(Root, "a", c, "x", RenameFlags.NoReplace));
        Assert.Equal(["a", "empty", "f"], fs.Names(Root));
        Ok(fs.Rename(Root, "f", Root, "g", RenameFlags.NoReplace));
        fs.Audit();
    }

    [Fact]
    public void Exchange_swaps_anything_with_anything()
    {
        using var fs = new FilesFixture();
        InodeNumber a = fs.Directory(Root, "a").Inode;
        InodeNumber b = fs.Directory(Root, "b").Inode;
        InodeNumber d = fs.Directory(a, "d").Inode;
        fs.File(d, "deep");
        InodeNumber f = fs.File(b, "f").Inode;
        fs.Time.Advance(5);
        Ok(fs.Rename(a, "d", b, "f", RenameFlags.Exchange));
        Ok(fs.Lookup(a, "d", out Attributes first));
        Ok(fs.Lookup(b, "f", out Attributes second));
        Assert.Equal((f, d), (first.Inode, second.Inode));
        Assert.Equal((fs.Time.Now, fs.Time.Now), (first.ChangeTime, second.ChangeTime));
        Assert.Equal((2u, 3u), (fs.Stat(a).LinkCount, fs.Stat(b).LinkCount));
        Ok(fs.Lookup(d, "..", out Attributes parent));
        Assert.Equal(b, parent.Inode);
        Ok(fs.Rename(Root, "a", Root, "b", RenameFlags.Exchange));
        Ok(fs.Lookup(Root, "a", out Attributes swapped));
        Assert.Equal(b, swapped.Inode);
        fs.Audit();
    }

    [Fact]
    public void Exchange_with_an_ancestor_or_descendant_is_refused()
    {
        using var fs = new FilesFixture();
        InodeNumber a = fs.Directory(Root, "a").Inode;
        InodeNumber b = fs.Directory(a, "b").Inode;
        fs.Directory(b, "c");
        Assert.Equal(Errno.EINVAL, fs.Rename(Root, "a", b, "c", RenameFlags.Exchange));
        Assert.Equal(Errno.EINVAL, fs.Rename(b, "c", Root, "a", RenameFlags.Exchange));
        Assert.Equal(Errno.EINVAL, fs.Rename(a, "b", Root, "a", RenameFlags.Exchange));
        fs.Audit();
    }
}
