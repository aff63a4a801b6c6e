using DynamicFs.Files;
using DynamicFs.Primitives;
using Xunit;
using static DynamicFs.UnitTests.Files.FilesFixture;

namespace DynamicFs.UnitTests.Files;

public class XattrTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2999)]
    [InlineData(3000)]
    [InlineData(3001)]
    [InlineData(6000)]
    [InlineData(65536)]
    public void Values_of_any_size_are_kept(int length)
    {
        using var fs = new FilesFixture();
        InodeNumber file = fs.File(Root, "f").Inode;
        byte[] value = new byte[length];
        new Random(length).NextBytes(value);
        fs.Time.Advance(1);
        Ok(fs.SetXattr(file, "user.a", value));
        Assert.Equal(fs.Time.Now, fs.Stat(file).ChangeTime);
        fs.Reopen();
        Assert.Equal(value, fs.GetXattr(file, "user.a"));
        Ok(fs.Files.GetXattr(file, "user.a"u8, [], out int size));
        Assert.Equal(length, size);
        if (length > 0)
            Assert.Equal(length == 1 ? Errno.None : Errno.ERANGE, fs.Files.GetXattr(file, "user.a"u8, new byte[1], out _));
        fs.Audit();
    }

    [Fact]
    public void A_value_is_replaced_by_a_shorter_or_longer_one()
    {
        using var fs = new FilesFixture();
        InodeNumber file = fs.File(Root, "f").Inode;
        int keys = fs.Audit().KeyCount;
        foreach (int length in (int[])[10_000, 100, 0, 3000, 3001, 7])
        {
            byte[] value = new byte[length];
            new Random(length).NextBytes(value);
            Ok(fs.SetXattr(file, "user.a", value));
            Assert.Equal(value, fs.GetXattr(file, "user.a"));
            Assert.Equal(keys + Math.Max(1, (length + 2999) / 3000), fs.Audit().KeyCount);
        }

        Ok(fs.RemoveXattr(file, "user.a"));
        Assert.Equal(keys, fs.Audit().KeyCount);
        Assert.Null(fs.GetXattr(file, "user.a"));
    }

    [Fact]
    public void Create_and_replace_mean_what_they_say()
    {
        using var fs = new FilesFixture();
        InodeNumber file = fs.File(Root, "f").Inode;
        Assert.Equal(Errno.ENODATA, fs.SetXattr(file, "user.a", "1"u8, XattrMode.Replace));
        Ok(fs.SetXattr(file, "user.a", "1"u8, XattrMode.Create));
        Assert.Equal(Errno.EEXIST, fs.SetXattr(file, "user.a", "2"u8, XattrMode.Create));
        Ok(fs.SetXattr(file, "user.a", "3"u8, XattrMode.Replace));
        Assert.Equal(Errno.EINVAL, fs.SetXattr(file, "user.a", "4"u8, XattrMode.Create | XattrMode.Replace));
        Assert.Equal("3"u8.ToArray(), fs.GetXattr(file, "user.a"));
        Ok(fs.RemoveXattr(file, "user.a"));
        Assert.Equal(Errno.ENODATA, fs.RemoveXattr(file, "user.a"));
    }

    [Fact]
    public void Names_are_checked()
    {
        using var fs = new FilesFixture();
        InodeNumber file = fs.File(Root, "f").Inode;
        foreach (string name in (string[])["user.a", "trusted.a", "security.selinux", "user." + new string('n', 250)])
        {
            Ok(fs.SetXattr(file, name, "v"u8));
            Assert.Equal("v"u8.ToArray(), fs.GetXattr(file, name));
        }

        foreach ((string name, Errno errno) in ((string, Errno)[])[
            ("", Errno.ERANGE), ("user." + new string('n', 251), Errno.ERANGE), ("user.", Errno.EINVAL), ("trusted.", Errno.EINVAL),
            ("plain", Errno.EOPNOTSUPP), ("system.other", Errno.EOPNOTSUPP), ("btrfs.compression", Errno.EOPNOTSUPP), ("user.a\0b", Errno.EINVAL)])
        {
            Assert.Equal(errno, fs.SetXattr(file, name, "v"u8));
            Assert.Equal(errno, fs.RemoveXattr(file, name));
            Assert.Equal(errno, fs.Files.GetXattr(file, Bytes(name), [], out _));
        }

        Assert.Equal(Errno.EPERM, fs.SetXattr(file, "user.dynfs.policy", "v"u8));
        Assert.Equal(Errno.EPERM, fs.RemoveXattr(file, "user.dynfs.policy"));
        Assert.Null(fs.GetXattr(file, "user.dynfs.policy"));
        Assert.Equal(Errno.ENOENT, fs.SetXattr(new InodeNumber(99), "user.a", "v"u8));
        Assert.Equal(Errno.ENOENT, fs.Files.GetXattr(new InodeNumber(99), "user.a"u8, [], out _));
        Assert.Equal(Errno.ENOENT, fs.Files.ListXattr(new InodeNumber(99), [], out _));
    }

    [Fact]
    public void Listing_gives_every_name_once()
    {
        using var fs = new FilesFixture();
        InodeNumber file = fs.File(Root, "f").Inode;
        Assert.Empty(fs.ListXattr(file));
        Ok(fs.SetXattr(file, "user.b", new byte[7000]));
        Ok(fs.SetXattr(file, "user.a", "v"u8));
        Ok(fs.SetXattr(file, "user.ab", []));
        Ok(fs.SetXattr(file, "security.capability", "caps"u8));
        Assert.Equal(["security.capability", "user.a", "user.ab", "user.b"], fs.ListXattr(file).Order(StringComparer.Ordinal));
        Ok(fs.Files.ListXattr(file, [], out int size));
        Assert.Equal(20 + 7 + 8 + 7, size);
        Assert.Equal(Errno.ERANGE, fs.Files.ListXattr(file, new byte[size - 1], out _));
        Ok(fs.Files.ListXattr(file, new byte[size], out _));
        fs.Reopen();
        Assert.Equal(4, fs.ListXattr(file).Length);
    }

    [Fact]
    public void Values_and_their_number_are_bounded()
    {
        using var fs = new FilesFixture();
        InodeNumber file = fs.File(Root, "f").Inode;
        Assert.Equal(Errno.E2BIG, fs.SetXattr(file, "user.a", new byte[65537]));
        int count = 0;
        while (fs.SetXattr(file, $"user.{count:d249}", []) == Errno.None)
            count++;
        Assert.Equal(65536 / 255, count);
        InodeNumber other = fs.File(Root, "g").Inode;
        for (count = 0; fs.SetXattr(other, $"user.{count}", new byte[65536]) == Errno.None; count++)
        {
        }

        Assert.Equal(64, count);
        Assert.Equal(Errno.ENOSPC, fs.SetXattr(other, "user.one.more", "v"u8));
        Ok(fs.SetXattr(other, "user.0", new byte[65535], XattrMode.Replace));
        Ok(fs.SetXattr(other, "user.one.more", "v"u8));
        fs.Audit();
    }

    [Fact]
    public void A_value_whose_chunks_do_not_add_up_is_EIO()
    {
        using var fs = new FilesFixture();
        InodeNumber file = fs.File(Root, "f").Inode;
        Ok(fs.SetXattr(file, "user.a", new byte[7000]));
        byte[] key = new byte[NamespaceFormat.MaxXattrKeyBytes];
        int length = NamespaceFormat.WriteXattrKey(key, file, "user.a"u8, 1);
        fs.Reopen(damage: tree => tree.Put(key.AsSpan(0, length), new byte[2999]));
        Assert.Equal(Errno.EIO, fs.Files.GetXattr(file, "user.a"u8, new byte[7000], out _));
        Assert.True(fs.Tree.Delete(key.AsSpan(0, NamespaceFormat.WriteXattrKey(key, file, "user.a"u8, 1))));
        Assert.Equal(Errno.EIO, fs.Files.GetXattr(file, "user.a"u8, new byte[7000], out _));
        fs.Tree.Put(key.AsSpan(0, NamespaceFormat.WriteXattrKey(key, file, "user.a"u8, 0)), [1, 2, 3]);
        Assert.Equal(Errno.EIO, fs.Files.GetXattr(file, "user.a"u8, new byte[7000], out _));
        fs.Tree.Put(key.AsSpan(0, NamespaceFormat.WriteXattrKey(key, file, "user.b"u8, 0)), [1, 0, 0, 0, 9]);
        Assert.Equal(Errno.EIO, fs.Files.ListXattr(file, new byte[100], out _));
    }

    [Fact]
    public void Directories_and_links_have_them_too()
    {
        using var fs = new FilesFixture();
        InodeNumber link = fs.Symlink(Root, "l", "t").Inode;
        Ok(fs.SetXattr(link, "trusted.a", "1"u8));
        Ok(fs.SetXattr(Root, "user.a", "2"u8));
        Assert.Equal("1"u8.ToArray(), fs.GetXattr(link, "trusted.a"));
        Assert.Equal(["user.a"], fs.ListXattr(Root));
    }
}
