using System.Buffers.Binary;
using System.Globalization;
using DynamicFs.Files;
using DynamicFs.Primitives;
using Xunit;
using static DynamicFs.UnitTests.Files.FilesFixture;

namespace DynamicFs.UnitTests.Files;

/// <summary>Lists are written as setfacl does: "u::rwx,u:5:r-x,g::r-x,m::r-x,o::---".</summary>
public class AccessControlListTests
{
    private const string Access = "system.posix_acl_access";
    private const string Default = "system.posix_acl_default";

    [Theory]
    [InlineData("u::rwx,g::r-x,o::---", true)]
    [InlineData("u::rwx,u:5:r-x,g::r-x,m::r-x,o::---", true)]
    [InlineData("u::rwx,u:5:r-x,u:6:---,g::r-x,g:7:rwx,g:8:rwx,m::rwx,o::r--", true)]
    [InlineData("u::rwx,g::r-x,m::r-x,o::---", true)]
    [InlineData("u::rwx,u:5:r-x,g::r-x,o::---", false)] // named, no mask
    [InlineData("u::rwx,g::r-x,g:5:rwx,o::---", false)]
    [InlineData("g::r-x,u::rwx,o::---", false)] // order
    [InlineData("u::rwx,g:5:r-x,g::r-x,m::r-x,o::---", false)]
    [InlineData("u::rwx,g::r-x", false)] // no others
    [InlineData("u::rwx,o::---", false)]
    [InlineData("g::rwx,o::---", false)]
    [InlineData("u::rwx,u::rwx,g::r-x,o::---", false)]
    [InlineData("u::rwx,g::r-x,o::---,o::---", false)]
    [InlineData("u::rwx,g::r-x,m::r-x,m::r-x,o::---", false)]
    public void The_rules_of_a_valid_list(string text, bool isValid)
        => Assert.Equal(isValid ? Errno.None : Errno.EINVAL, AccessControlList.TryParse(Parse(text), out _, out _));

    [Fact]
    public void Malformed_bytes_are_refused()
    {
        byte[] good = Parse("u::rwx,g::r-x,o::---");
        Assert.Equal(Errno.EINVAL, Check(good[..^1]));
        Assert.Equal(Errno.EINVAL, Check(good[..3]));
        Assert.Equal(Errno.EOPNOTSUPP, Check([1, .. good[1..]]));
        Assert.Equal(Errno.E2BIG, Check([.. good, .. new byte[8192]]));
        Assert.Equal(Errno.EINVAL, Check([.. good[..6], 8, .. good[7..]])); // a permission beyond rwx
        Assert.Equal(Errno.EINVAL, Check([.. good[..4], 0x40, .. good[5..]])); // an unknown tag
        byte[] nobody = Parse("u::rwx,u:4294967295:rwx,g::r-x,m::rwx,o::---");
        Assert.Equal(Errno.EINVAL, Check(nobody));
        Assert.Equal(Errno.None, AccessControlList.TryParse(good.AsSpan(0, 4), out _, out bool isEmpty));
        Assert.True(isEmpty);
        Assert.Equal(Errno.None, AccessControlList.TryParse([], out _, out isEmpty));
        Assert.True(isEmpty);
        Assert.Throws<CorruptionException>(() => AccessControlList.FromStored(Root, new byte[3]).SetMode(0));
        Assert.Throws<CorruptionException>(() => AccessControlList.FromStored(Root, []).SetMode(0));

        static Errno Check(byte[] bytes) => AccessControlList.TryParse(bytes, out _, out _);
    }

    [Fact]
    public void Random_bytes_never_do_harm()
    {
        var random = new Random(3);
        byte[] good = Parse("u::rwx,u:5:r-x,g::r-x,g:9:rwx,m::r-x,o::---");
        int valid = 0;
        for (int round = 0; round < 20_000; round++)
        {
            byte[] bytes = good[..random.Next(good.Length + 1)];
            for (int flips = random.Next(3); flips > 0 && bytes.Length > 0; flips--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(64);
            if (AccessControlList.TryParse(bytes, out AccessControlList acl, out bool isEmpty) != Errno.None || isEmpty)
                continue;
            valid++;
            acl.Inherit((uint)random.Next(512));
            acl.SetMode((uint)random.Next(512));
            Assert.Equal(Errno.None, AccessControlList.TryParse(bytes, out _, out _));
        }

        Assert.InRange(valid, 100, 19_000);
    }

    [Fact]
    public void An_equivalent_list_becomes_permission_bits()
    {
        using var fs = new FilesFixture();
        InodeNumber file = fs.File(Root, "f", "4600").Inode;
        fs.Time.Advance(1);
        Ok(fs.SetXattr(file, Access, Parse("u::rw-,g::r--,o::--x")));
        Assert.Equal("4641", fs.Permissions(file));
        Assert.Equal(fs.Time.Now, fs.Stat(file).ChangeTime);
        Assert.Null(fs.GetXattr(file, Access));
        Assert.Empty(fs.ListXattr(file));
        Ok(fs.SetXattr(file, Access, Parse("u::rw-,u:5:rwx,g::r--,m::rwx,o::---")));
        Assert.Equal("4670", fs.Permissions(file));
        Assert.Equal([Access], fs.ListXattr(file));
        Ok(fs.SetXattr(file, Access, Parse("u::rwx,g::r--,o::---")));
        Assert.Equal("4740", fs.Permissions(file));
        Assert.Empty(fs.ListXattr(file));
        fs.Audit();
    }

    [Fact]
    public void Setgid_is_cleared_when_the_kernel_says_so()
    {
        using var fs = new FilesFixture();
        InodeNumber file = fs.File(Root, "f", "6755").Inode;
        Ok(fs.SetXattr(file, Access, Parse("u::rwx,u:5:rwx,g::r-x,m::rwx,o::r-x")));
        Assert.Equal("6775", fs.Permissions(file));
        Ok(fs.SetXattr(file, Access, Parse("u::rwx,u:5:rwx,g::r-x,m::r-x,o::r-x"), killSetgid: true));
        Assert.Equal("4755", fs.Permissions(file));
    }

    [Fact]
    public void Chmod_moves_the_mask_not_the_group()
    {
        using var fs = new FilesFixture();
        InodeNumber file = fs.File(Root, "f").Inode;
        Ok(fs.SetXattr(file, Access, Parse("u::rw-,u:5:rwx,g::r-x,m::rwx,o::---")));
        Ok(fs.Chmod(file, "2714"));
        Assert.Equal("u::rwx,u:5:rwx,g::r-x,m::--x,o::r--", Text(fs.GetXattr(file, Access)));
        Assert.Equal("2714", fs.Permissions(file));
        fs.Reopen();
        Assert.Equal("u::rwx,u:5:rwx,g::r-x,m::--x,o::r--", Text(fs.GetXattr(file, Access)));
    }

    [Fact]
    public void Removing_works_in_every_way()
    {
        using var fs = new FilesFixture();
        InodeNumber directory = fs.Directory(Root, "d").Inode;
        byte[] acl = Parse("u::rwx,u:5:rwx,g::r-x,m::rwx,o::---");
        foreach (string name in (string[])[Access, Default])
        {
            Ok(fs.RemoveXattr(directory, name));
            Ok(fs.SetXattr(directory, name, acl));
            Ok(fs.RemoveXattr(directory, name));
            Ok(fs.SetXattr(directory, name, acl));
            Ok(fs.SetXattr(directory, name, []));
            Ok(fs.SetXattr(directory, name, acl));
            Ok(fs.SetXattr(directory, name, Parse("")));
            Assert.Null(fs.GetXattr(directory, name));
        }

        Assert.Equal("770", fs.Permissions(directory));
        Assert.Empty(fs.ListXattr(directory));
        fs.Audit();
    }

    [Fact]
    public void Default_lists_are_for_directories_and_none_for_links()
    {
        using var fs = new FilesFixture();
        byte[] acl = Parse("u::rwx,g::r-x,o::---");
        InodeNumber file = fs.File(Root, "f").Inode;
        InodeNumber link = fs.Symlink(Root, "l", "t").Inode;
        Assert.Equal(Errno.EACCES, fs.SetXattr(file, Default, acl));
        Ok(fs.SetXattr(file, Default, []));
        Assert.Equal(Errno.EOPNOTSUPP, fs.SetXattr(link, Access, acl));
        Assert.Equal(Errno.EINVAL, fs.SetXattr(file, Access, Parse("u::rwx,o::---")));
        Assert.Equal(Errno.E2BIG, fs.SetXattr(file, Access, new byte[9000]));
        Assert.Null(fs.GetXattr(file, Default));
    }

    [Theory]
    // default list, mode of the call -> access list of a file, its permissions
    [InlineData("u::rwx,g::r-x,o::r-x", "666", null, "644")]
    [InlineData("u::rwx,g::rwx,o::rwx", "666", null, "666")]
    [InlineData("u::rwx,u:5:rwx,g::r-x,m::rwx,o::---", "666", "u::rw-,u:5:rwx,g::r-x,m::rw-,o::---", "660")]
    [InlineData("u::r--,u:5:rwx,g::r-x,m::r-x,o::r-x", "777", "u::r--,u:5:rwx,g::r-x,m::r-x,o::r-x", "455")]
    [InlineData("u::rwx,g::rwx,g:7:-w-,m::-w-,o::--x", "640", "u::rw-,g::rwx,g:7:-w-,m::---,o::---", "600")]
    public void A_file_inherits_the_default_list_instead_of_the_umask(string list, string mode, string? access, string permissions)
    {
        using var fs = new FilesFixture();
        InodeNumber directory = fs.Directory(Root, "d").Inode;
        Ok(fs.SetXattr(directory, Default, Parse(list)));
        Assert.Equal("755", fs.Permissions(directory));
        Attributes file = fs.File(directory, "f", mode, User with { Umask = Octal("077") });
        Assert.Equal(permissions, fs.Permissions(file.Inode));
        Assert.Equal(file.Mode, fs.Stat(file.Inode).Mode);
        Assert.Equal(access, fs.GetXattr(file.Inode, Access) is { } found ? Text(found) : null);
        Assert.Null(fs.GetXattr(file.Inode, Default));
        Ok(fs.Files.MakeTemporary(User, directory, Octal(mode), out Attributes temporary));
        Assert.Equal(file.Mode, temporary.Mode);
        fs.Reopen();
        Assert.Equal(access, fs.GetXattr(file.Inode, Access) is { } again ? Text(again) : null);
        fs.Audit();
    }

    [Fact]
    public void A_directory_passes_the_default_list_on()
    {
        using var fs = new FilesFixture();
        InodeNumber directory = fs.Directory(Root, "d").Inode;
        const string List = "u::rwx,u:5:rwx,g::r-x,m::rwx,o::---";
        Ok(fs.SetXattr(directory, Default, Parse(List)));
        InodeNumber inner = fs.Directory(directory, "i", "750", User with { Umask = Octal("777") }).Inode;
        Assert.Equal(List, Text(fs.GetXattr(inner, Default)));
        Assert.Equal("u::rwx,u:5:rwx,g::r-x,m::r-x,o::---", Text(fs.GetXattr(inner, Access)));
        Assert.Equal("750", fs.Permissions(inner));
        InodeNumber link = fs.Symlink(inner, "l", "t").Inode;
        Assert.Empty(fs.ListXattr(link));
        Assert.Equal("777", fs.Permissions(link));
        fs.Audit();
    }

    private static byte[] Parse(string text)
    {
        List<byte> bytes = [2, 0, 0, 0];
        foreach (string entry in text.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = entry.Split(':');
            bool isNamed = parts[1].Length > 0;
            int tag = parts[0] switch { "u" => isNamed ? 2 : 1, "g" => isNamed ? 8 : 4, "m" => 16, _ => 32 };
            int permissions = (parts[2][0] == 'r' ? 4 : 0) + (parts[2][1] == 'w' ? 2 : 0) + (parts[2][2] == 'x' ? 1 : 0);
            byte[] raw = new byte[8];
            BinaryPrimitives.WriteUInt16LittleEndian(raw, (ushort)tag);
            BinaryPrimitives.WriteUInt16LittleEndian(raw.AsSpan(2), (ushort)permissions);
            BinaryPrimitives.WriteUInt32LittleEndian(raw.AsSpan(4), isNamed ? uint.Parse(parts[1], CultureInfo.InvariantCulture) : uint.MaxValue);
            bytes.AddRange(raw);
        }

        return [.. bytes];
    }

    private static string Text(byte[]? bytes)
    {
        Assert.NotNull(bytes);
        var entries = new List<string>();
        for (int i = 4; i < bytes.Length; i += 8)
        {
            int tag = bytes[i];
            int p = bytes[i + 2];
            uint id = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(i + 4));
            string who = tag switch { 1 => "u:", 2 => $"u:{id}", 4 => "g:", 8 => $"g:{id}", 16 => "m:", _ => "o:" };
            entries.Add($"{who}:{((p & 4) != 0 ? 'r' : '-')}{((p & 2) != 0 ? 'w' : '-')}{((p & 1) != 0 ? 'x' : '-')}");
        }

        return string.Join(',', entries);
    }
}
