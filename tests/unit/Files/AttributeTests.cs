using DynamicFs.Files;
using DynamicFs.Primitives;
using Xunit;
using static DynamicFs.UnitTests.Files.FilesFixture;

namespace DynamicFs.UnitTests.Files;

/// <summary>setattr, privileges and the access time.</summary>
public class AttributeTests
{
    [Fact]
    public void Chmod_changes_permissions_only_and_sets_ctime()
    {
        using var fs = new FilesFixture();
        Attributes file = fs.File(Root, "f");
        fs.Time.Advance(3);
        Ok(fs.Chmod(file.Inode, "177777"));
        Assert.Equal(file with { Mode = FileType.Regular | Octal("7777"), ChangeTime = fs.Time.Now }, fs.Stat(file.Inode));
    }

    [Fact]
    public void Times_are_set_now_or_as_given_to_the_nanosecond()
    {
        using var fs = new FilesFixture();
        Attributes file = fs.File(Root, "f");
        fs.Time.Advance(3);
        var before1970 = new FileTime(-1, 999_999_999);
        Ok(fs.Change(file.Inode, new AttributeChange { Mask = AttributeMask.AccessTime | AttributeMask.ModifyTimeNow, AccessTime = before1970 }));
        Assert.Equal(
            file with { AccessTime = before1970, ModifyTime = fs.Time.Now, ChangeTime = fs.Time.Now }, fs.Stat(file.Inode));
        fs.Time.Advance(3);
        var future = new FileTime(1L << 40, 1);
        Ok(fs.Change(file.Inode, new AttributeChange { Mask = AttributeMask.ModifyTime, ModifyTime = future }));
        Assert.Equal((before1970, future), (fs.Stat(file.Inode).AccessTime, fs.Stat(file.Inode).ModifyTime));
        Ok(fs.Change(file.Inode, new AttributeChange { Mask = AttributeMask.AccessTimeNow | AttributeMask.AccessTime }));
        Assert.Equal(fs.Time.Now, fs.Stat(file.Inode).AccessTime);
        Ok(fs.Change(file.Inode, new AttributeChange { Mask = AttributeMask.ChangeTime, ChangeTime = future }));
        fs.Reopen();
        Assert.Equal((future, future, file.BirthTime), (fs.Stat(file.Inode).ModifyTime, fs.Stat(file.Inode).ChangeTime, fs.Stat(file.Inode).BirthTime));
        Assert.Equal(
            Errno.EINVAL, fs.Change(file.Inode, new AttributeChange { Mask = AttributeMask.ModifyTime, ModifyTime = new FileTime(0, 1_000_000_000) }));
    }

    [Theory]
    [InlineData("6755", "755")]
    [InlineData("6745", "2745")] // no group execution: setgid stays
    [InlineData("4644", "644")]
    public void Chown_of_a_file_clears_privileges(string mode, string after)
    {
        using var fs = new FilesFixture();
        InodeNumber file = fs.File(Root, "f").Inode;
        foreach (AttributeMask mask in (AttributeMask[])[AttributeMask.UserId, AttributeMask.GroupId])
        {
            Ok(fs.Chmod(file, mode));
            Ok(fs.SetXattr(file, "security.capability", "caps"u8));
            Ok(fs.Change(file, new AttributeChange { Mask = mask, UserId = 5, GroupId = 6 }));
            Assert.Equal(after, fs.Permissions(file));
            Assert.Null(fs.GetXattr(file, "security.capability"));
        }

        Assert.Equal((5u, 6u), (fs.Stat(file).UserId, fs.Stat(file).GroupId));
        fs.Audit();
    }

    [Fact]
    public void Chown_of_a_directory_keeps_its_bits()
    {
        using var fs = new FilesFixture();
        InodeNumber directory = fs.Directory(Root, "d").Inode;
        Ok(fs.Chmod(directory, "6755"));
        Ok(fs.Change(directory, new AttributeChange { Mask = AttributeMask.UserId | AttributeMask.KillPrivileges, UserId = 5 }));
        Assert.Equal("6755", fs.Permissions(directory));
    }

    [Fact]
    public void Truncating_clears_capabilities_always_and_bits_when_told()
    {
        using var fs = new FilesFixture();
        InodeNumber file = fs.File(Root, "f").Inode;
        Ok(fs.Chmod(file, "6755"));
        Ok(fs.SetXattr(file, "security.capability", "caps"u8));
        Ok(fs.Change(file, new AttributeChange { Mask = AttributeMask.Size, SizeBytes = 10 }));
        Assert.Equal("6755", fs.Permissions(file));
        Assert.Null(fs.GetXattr(file, "security.capability"));
        Ok(fs.Change(file, new AttributeChange { Mask = AttributeMask.Size | AttributeMask.KillPrivileges, SizeBytes = 0 }));
        Assert.Equal("755", fs.Permissions(file));
        Ok(fs.Chmod(file, "4755"));
        Ok(fs.Files.Open(file, write: true, truncate: true, killPrivileges: true));
        Assert.Equal("755", fs.Permissions(file));
        Ok(fs.Chmod(file, "4755"));
        Ok(fs.Files.Open(file, write: true, truncate: true, killPrivileges: false));
        Assert.Equal("4755", fs.Permissions(file));
    }

    [Fact]
    public void Writing_clears_capabilities_always_and_bits_when_told()
    {
        using var fs = new FilesFixture();
        InodeNumber file = fs.File(Root, "f").Inode;
        Ok(fs.Chmod(file, "6755"));
        Ok(fs.SetXattr(file, "security.capability", "caps"u8));
        Ok(fs.Files.Write(file, 0, "x"u8, killPrivileges: false));
        Assert.Equal("6755", fs.Permissions(file));
        Assert.Null(fs.GetXattr(file, "security.capability"));
        Ok(fs.Files.Write(file, 0, "x"u8, killPrivileges: true));
        Assert.Equal("755", fs.Permissions(file));
    }

    [Fact]
    public void Only_files_have_a_size_to_set()
    {
        using var fs = new FilesFixture();
        InodeNumber fifo = fs.Directory(Root, "d").Inode;
        Ok(fs.Files.MakeNode(User, Root, "p"u8, FileType.Fifo, 0, out Attributes pipe));
        var change = new AttributeChange { Mask = AttributeMask.Size | AttributeMask.Mode, SizeBytes = 1, Mode = 0 };
        Assert.Equal(Errno.EISDIR, fs.Change(fifo, change));
        Assert.Equal(Errno.EINVAL, fs.Change(pipe.Inode, change));
        InodeNumber file = fs.File(Root, "f").Inode;
        Assert.Equal(Errno.EINVAL, fs.Change(file, change with { SizeBytes = -1 }));
        Assert.Equal("644", fs.Permissions(file));
        Assert.Equal(Errno.ENOENT, fs.Change(new InodeNumber(99), change));
    }

    [Fact]
    public void A_change_of_nothing_sets_ctime()
    {
        using var fs = new FilesFixture();
        Attributes file = fs.File(Root, "f");
        fs.Time.Advance(3);
        Ok(fs.Files.SetAttributes(User, file.Inode, default, out Attributes after));
        Assert.Equal(file with { ChangeTime = fs.Time.Now }, after);
    }

    [Fact]
    public void Reading_sets_the_access_time_as_relatime_does()
    {
        using var fs = new FilesFixture();
        InodeNumber directory = fs.Directory(Root, "d").Inode;
        FileTime made = fs.Time.Now;
        fs.Time.Advance(10);
        fs.List(directory);
        FileTime first = fs.Time.Now;
        Assert.Equal((first, made), (fs.Stat(directory).AccessTime, fs.Stat(directory).ChangeTime));
        fs.Time.Advance(10);
        fs.List(directory);
        Assert.Equal(first, fs.Stat(directory).AccessTime);
        fs.Time.Advance(24 * 3600);
        fs.List(directory);
        Assert.Equal(fs.Time.Now, fs.Stat(directory).AccessTime);
        fs.Time.Advance(10);
        Ok(fs.Chmod(directory, "700"));
        fs.Time.Advance(10);
        fs.List(directory);
        FileTime last = fs.Time.Now;
        Assert.Equal(0, DirtyAfterCommit(fs));
        fs.Reopen();
        Assert.Equal(last, fs.Stat(directory).AccessTime);
    }

    [Fact]
    public void Reading_links_and_files_counts_too_and_can_be_switched_off()
    {
        using var fs = new FilesFixture();
        InodeNumber link = fs.Symlink(Root, "l", "t").Inode;
        InodeNumber file = fs.File(Root, "f").Inode;
        fs.Time.Advance(10);
        Ok(fs.Files.ReadSymbolicLink(link, new byte[10], out _));
        Ok(fs.Files.Read(file, 0, new byte[10], out _));
        Assert.Equal((fs.Time.Now, fs.Time.Now), (fs.Stat(link).AccessTime, fs.Stat(file).AccessTime));
        FileTime before = fs.Time.Now;
        fs.Reopen(parts => parts with { AccessTimes = AccessTimePolicy.None });
        fs.Time.Advance(48 * 3600);
        Ok(fs.Files.ReadSymbolicLink(link, new byte[10], out _));
        fs.List(Root);
        Assert.Equal(before, fs.Stat(link).AccessTime);
    }

    private static int DirtyAfterCommit(FilesFixture fs)
    {
        Ok(fs.Files.SyncAll());
        return fs.Files.Inodes.DirtyCount;
    }
}
