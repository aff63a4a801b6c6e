using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using DynamicFs.Files;
using DynamicFs.Interop;
using DynamicFs.Primitives;
using DynamicFs.UnitTests.Files;
using Xunit;

namespace DynamicFs.UnitTests.Fuse;

/// <summary>Raw requests to a real filesystem on simulated storage: what the kernel would get.</summary>
public sealed class FuseServiceTests : IDisposable
{
    private const uint User = 1000;
    private const uint SetUserIdFile = 0x89ED; // 0104755

    private readonly FilesFixture _fixture = new();
    private readonly OfflineHandler _kernel;

    public FuseServiceTests() => _kernel = new OfflineHandler(_fixture.Files, time: _fixture.Time);

    public void Dispose()
    {
        _kernel.Dispose();
        _fixture.Dispose();
    }

    [Fact]
    public void A_missing_name_is_an_answer_that_may_be_kept()
    {
        FuseEntryOut entry = _kernel.Reply<FuseEntryOut>(new RequestBytes(FuseOpcode.Lookup).WithText("nobody"));
        Assert.Equal((0UL, 3600UL), (entry.Nodeid, entry.EntryValid));
    }

    [Fact]
    public void A_made_file_is_found_written_and_read()
    {
        byte[] reply = _kernel.Data(new RequestBytes(FuseOpcode.Create, userId: User).With(new FuseCreateIn { Mode = 0x81B6, Umask = 18 }).WithText("file"));
        FuseEntryOut entry = MemoryMarshal.Read<FuseEntryOut>(reply);
        FuseOpenOut opened = MemoryMarshal.Read<FuseOpenOut>(reply.AsSpan(Unsafe.SizeOf<FuseEntryOut>()));
        Assert.Equal(FuseOpenReply.KeepCache | FuseOpenReply.NoFlush, opened.OpenFlags);
        Assert.Equal((0x81A4u, User, 1u), (entry.Attr.Mode, entry.Attr.Uid, entry.Attr.Nlink));

        RequestBytes write = new RequestBytes(FuseOpcode.Write, node: entry.Nodeid).With(new FuseWriteIn { Offset = 3, Size = 4 }).WithBytes("data"u8);
        Assert.Equal(4u, _kernel.Reply<FuseWriteOut>(write).Size);
        Assert.Equal("\0\0\0data"u8.ToArray(), _kernel.Data(new RequestBytes(FuseOpcode.Read, node: entry.Nodeid).With(new FuseReadIn { Size = 4096 })));
        Assert.Equal(7UL, _kernel.Reply<FuseEntryOut>(new RequestBytes(FuseOpcode.Lookup).WithText("file")).Attr.Size);
    }

    [Fact]
    public void Attributes_of_a_fresh_file_are_kept_for_its_age_and_of_an_old_one_for_long()
    {
        ulong file = _fixture.File(FilesFixture.Root, "file").Inode.Value;
        Assert.Equal(1UL, Attributes(file).AttrValid);
        _fixture.Time.Advance(10);
        Assert.Equal(10UL, Attributes(file).AttrValid);
        _fixture.Time.Advance(50);
        Assert.Equal(3600UL, Attributes(file).AttrValid);
        Assert.Equal(3600UL, Attributes(FilesFixture.Root.Value).AttrValid);
    }

    [Theory]
    [InlineData(FuseOpcode.ReadDir)]
    [InlineData(FuseOpcode.ReadDirPlus)]
    internal void A_listing_in_small_pieces_has_every_name_once(FuseOpcode opcode)
    {
        var made = new Dictionary<string, ulong>();
        for (int i = 0; i < 100; i++)
            made.Add($"name-{i}", _fixture.File(FilesFixture.Root, $"name-{i}").Inode.Value);

        var listed = new List<string>();
        ulong cookie = 0;
        while (true)
        {
            byte[] records = _kernel.Data(new RequestBytes(opcode).With(new FuseReadIn { Offset = cookie, Size = 1000 }));
            if (records.Length == 0)
                break;
            foreach ((string name, FuseDirent entry, ulong node) in Records(records, opcode == FuseOpcode.ReadDirPlus))
            {
                listed.Add(name);
                cookie = entry.Off;
                bool isDots = name is "." or "..";
                Assert.Equal(isDots ? 4u : 8u, entry.Type);
                Assert.Equal(isDots ? FilesFixture.Root.Value : made[name], entry.Ino);
                Assert.Equal(isDots || opcode == FuseOpcode.ReadDir ? 0 : made[name], node);
            }
        }

        Assert.Equal(made.Keys.Concat([".", ".."]).Order(), listed.Order());
    }

    [Fact]
    public void A_listing_with_room_for_nothing_is_refused_not_ended() =>
        Assert.Equal(Errno.EINVAL, _kernel.ErrnoOf(new RequestBytes(FuseOpcode.ReadDir).With(new FuseReadIn { Size = 8 })));

    [Fact]
    public void Statx_has_the_birth_and_the_numbers_of_a_device()
    {
        // 259:70000 as the kernel encodes it.
        uint device = (70000 & 0xff) | (259u << 8) | ((70000u & ~0xffu) << 12);
        FuseEntryOut made = _kernel.Reply<FuseEntryOut>(new RequestBytes(FuseOpcode.MkNod).With(new FuseMknodIn { Mode = FileType.BlockDevice | 0x180, Rdev = device }).WithText("disk"));
        _fixture.Time.Advance(5);
        FuseStatx stat = _kernel.Reply<FuseStatxOut>(new RequestBytes(FuseOpcode.Statx, node: made.Nodeid).With(default(FuseStatxIn))).Stat;
        Assert.Equal((259u, 70000u, device), (stat.RdevMajor, stat.RdevMinor, made.Attr.Rdev));
        Assert.Equal(_fixture.Time.Now.Seconds - 5, stat.Btime.TvSec);
        Assert.Equal(FuseAbi.StatxMask, stat.Mask);
    }

    [Fact]
    public void Attribute_values_have_a_size_and_must_fit()
    {
        ulong file = _fixture.File(FilesFixture.Root, "file").Inode.Value;
        Assert.Equal(Errno.None, _kernel.ErrnoOf(new RequestBytes(FuseOpcode.SetXattr, node: file).With(new FuseSetxattrIn { Size = 5 }).WithText("user.name").WithBytes("value"u8)));
        Assert.Equal(5u, _kernel.Reply<FuseGetxattrOut>(Get(0)).Size);
        Assert.Equal(Errno.ERANGE, _kernel.ErrnoOf(Get(4)));
        Assert.Equal("value"u8.ToArray(), _kernel.Data(Get(100)));
        Assert.Equal("user.name\0"u8.ToArray(), _kernel.Data(new RequestBytes(FuseOpcode.ListXattr, node: file).With(new FuseGetxattrIn { Size = 100 })));
        Assert.Equal(Errno.None, _kernel.ErrnoOf(new RequestBytes(FuseOpcode.RemoveXattr, node: file).WithText("user.name")));
        Assert.Equal(Errno.ENODATA, _kernel.ErrnoOf(Get(100)));

        RequestBytes Get(uint size) => new RequestBytes(FuseOpcode.GetXattr, node: file).With(new FuseGetxattrIn { Size = size }).WithText("user.name");
    }

    [Fact]
    public void Opening_and_closing_is_the_kernels_business()
    {
        ulong file = _fixture.File(FilesFixture.Root, "name").Inode.Value;
        Assert.Equal(Errno.ENOSYS, _kernel.ErrnoOf(new RequestBytes(FuseOpcode.Open, node: file).With(default(FuseOpenIn))));
        Assert.Equal(Errno.None, _kernel.ErrnoOf(new RequestBytes(FuseOpcode.Release, node: file).With(default(FuseReleaseIn))));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void A_file_renamed_over_or_unlinked_lives_until_the_kernel_forgets_it(bool inBatch, bool isUnlinked)
    {
        ulong old = _fixture.File(FilesFixture.Root, "name").Inode.Value;
        _fixture.File(FilesFixture.Root, "new");
        Assert.Equal(Errno.None, _kernel.ErrnoOf(isUnlinked ? new RequestBytes(FuseOpcode.Unlink).WithText("name") : Rename("new", "name")));
        Assert.Equal(0u, Attributes(old).Attr.Nlink);
        Assert.Equal(Errno.None, _kernel.ErrnoOf(new RequestBytes(FuseOpcode.Write, node: old).With(new FuseWriteIn { Size = 1 }).WithBytes("x"u8)));
        Assert.Equal("x"u8.ToArray(), _kernel.Data(new RequestBytes(FuseOpcode.Read, node: old).With(new FuseReadIn { Size = 9 })));

        RequestBytes forget = inBatch
            ? new RequestBytes(FuseOpcode.BatchForget).With(new FuseBatchForgetIn { Count = 2 }).With(new FuseForgetOne { Nodeid = 999 }).With(new FuseForgetOne { Nodeid = old })
            : new RequestBytes(FuseOpcode.Forget, node: old).With(new FuseForgetIn { Nlookup = 1 });
        Assert.Empty(_kernel.Handle(forget.ToArray()));
        Assert.Equal(Errno.ESTALE, _kernel.ErrnoOf(new RequestBytes(FuseOpcode.GetAttr, node: old).With(default(FuseGetattrIn))));
    }

    [Fact]
    public void A_file_with_another_name_is_not_kept()
    {
        Attributes file = _fixture.File(FilesFixture.Root, "name");
        Assert.Equal(Errno.None, _fixture.Files.Link(default, file.Inode, FilesFixture.Root, "other"u8, out _));
        Assert.Equal(Errno.None, _kernel.ErrnoOf(new RequestBytes(FuseOpcode.Unlink).WithText("name")));
        Assert.Equal(Errno.None, _fixture.Files.Unlink(default, FilesFixture.Root, "other"u8));
        Assert.Equal(Errno.ESTALE, _kernel.ErrnoOf(new RequestBytes(FuseOpcode.GetAttr, node: file.Inode.Value).With(default(FuseGetattrIn))));
    }

    [Fact]
    public void A_rename_that_fails_keeps_nothing_alive()
    {
        ulong file = _fixture.File(FilesFixture.Root, "name").Inode.Value;
        Assert.Equal(Errno.ENOENT, _kernel.ErrnoOf(Rename("nobody", "name")));
        Assert.Equal(Errno.None, _fixture.Files.Unlink(default, FilesFixture.Root, "name"u8));
        Assert.Equal(Errno.ESTALE, _kernel.ErrnoOf(new RequestBytes(FuseOpcode.GetAttr, node: file).With(default(FuseGetattrIn))));
    }

    [Fact]
    public void At_the_end_of_the_connection_what_was_kept_is_let_go()
    {
        ulong old = _fixture.File(FilesFixture.Root, "name").Inode.Value;
        _fixture.File(FilesFixture.Root, "new");
        Assert.Equal(Errno.None, _kernel.ErrnoOf(Rename("new", "name")));
        _kernel.Handler.Close();
        Assert.Equal(Errno.ESTALE, _kernel.ErrnoOf(new RequestBytes(FuseOpcode.GetAttr, node: old).With(default(FuseGetattrIn))));
    }

    [Fact]
    public void A_removed_directory_still_says_that_it_is_one_without_links()
    {
        ulong removed = _fixture.Directory(FilesFixture.Root, "removed").Inode.Value;
        ulong replaced = _fixture.Directory(FilesFixture.Root, "replaced").Inode.Value;
        _fixture.Directory(FilesFixture.Root, "other");
        Assert.Equal(Errno.None, _kernel.ErrnoOf(new RequestBytes(FuseOpcode.RmDir).WithText("removed")));
        Assert.Equal(Errno.None, _kernel.ErrnoOf(Rename("other", "replaced")));
        foreach (ulong gone in (ulong[])[removed, replaced])
        {
            FuseAttr attributes = Attributes(gone).Attr;
            Assert.Equal((0u, FileType.Directory), (attributes.Nlink, attributes.Mode & FileType.Mask));
        }
    }

    [Theory]
    [InlineData(User, 0x1EDu)]
    [InlineData(0u, 0x9EDu)]
    public void The_kernels_empty_setattr_clears_privileges_of_others_than_root(uint userId, uint permissions)
    {
        ulong file = SetUserId();
        RequestBytes request = new RequestBytes(FuseOpcode.SetAttr, node: file, userId: userId).With(default(FuseSetattrIn));
        Assert.Equal(permissions, _kernel.Reply<FuseAttrOut>(request).Attr.Mode & 0xFFF);
    }

    [Theory]
    [InlineData(User, 0x1EDu)]
    [InlineData(0u, 0x9EDu)]
    public void Fallocate_and_copy_clear_privileges_of_others_than_root(uint userId, uint permissions)
    {
        ulong file = SetUserId();
        Assert.Equal(Errno.None, _kernel.ErrnoOf(new RequestBytes(FuseOpcode.Fallocate, node: file, userId: userId).With(new FuseFallocateIn { Length = 100 })));
        Assert.Equal(permissions, Attributes(file).Attr.Mode & 0xFFF);
        Assert.Equal(userId == 0 ? [] : [new InodeNumber(file)], _kernel.ChangedInodes);

        ulong copy = SetUserId("copy");
        var range = new FuseCopyFileRangeIn { NodeidOut = copy, Len = 50 };
        Assert.Equal(50UL, _kernel.Reply<FuseCopyFileRangeOut>(new RequestBytes(FuseOpcode.CopyFileRange64, node: file, userId: userId).With(range)).BytesCopied);
        Assert.Equal(50u, _kernel.Reply<FuseWriteOut>(new RequestBytes(FuseOpcode.CopyFileRange, node: file, userId: userId).With(range)).Size);
        Assert.Equal(permissions, Attributes(copy).Attr.Mode & 0xFFF);
    }

    [Fact]
    public void A_direct_write_that_clears_privileges_tells_the_kernel()
    {
        using var kernel = new OfflineHandler(_fixture.Files, time: _fixture.Time, directWrites: true);
        byte[] made = kernel.Data(new RequestBytes(FuseOpcode.Create).With(new FuseCreateIn { Mode = 0x81A4, Flags = 1 }).WithText("made"));
        Assert.Equal(
            FuseOpenReply.KeepCache | FuseOpenReply.NoFlush | FuseOpenReply.DirectIo | FuseOpenReply.ParallelDirectWrites,
            MemoryMarshal.Read<FuseOpenOut>(made.AsSpan(Marshal.SizeOf<FuseEntryOut>())).OpenFlags);
        ulong file = SetUserId();
        RequestBytes write = new RequestBytes(FuseOpcode.Write, node: file, userId: User).With(new FuseWriteIn { Size = 1, WriteFlags = FuseAbi.WriteKillSuidgid }).WithBytes("x"u8);
        Assert.Equal(Errno.None, kernel.ErrnoOf(write));
        Assert.Equal([new InodeNumber(file)], kernel.ChangedInodes);
        Assert.Equal(Errno.None, kernel.ErrnoOf(write));
        Assert.Single(kernel.ChangedInodes);
        Assert.Equal(0x1EDu, Attributes(file).Attr.Mode & 0xFFF);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_file_without_a_name_lives_until_the_kernel_forgets_it_or_never_learns_of_it(bool isRefused)
    {
        byte[] reply = _kernel.Data(new RequestBytes(FuseOpcode.TmpFile).With(new FuseCreateIn { Mode = 0x81A4 }).WithText("/"));
        ulong file = MemoryMarshal.Read<FuseEntryOut>(reply).Nodeid;
        if (isRefused)
        {
            _kernel.RefuseReply();
        }
        else
        {
            Assert.Equal(0u, Attributes(file).Attr.Nlink);
            _kernel.Handle(new RequestBytes(FuseOpcode.Forget, node: file).With(new FuseForgetIn { Nlookup = 1 }).ToArray());
        }

        Assert.Equal(Errno.ESTALE, _kernel.ErrnoOf(new RequestBytes(FuseOpcode.GetAttr, node: file).With(default(FuseGetattrIn))));
    }

    [Fact]
    public void Without_dont_mask_the_kernel_has_applied_the_umask()
    {
        using var kernel = new OfflineHandler(_fixture.Files, (FuseInitFlags)ulong.MaxValue & ~FuseInitFlags.DontMask, _fixture.Time);
        RequestBytes make = new RequestBytes(FuseOpcode.MkDir).With(new FuseMkdirIn { Mode = 0x1FF, Umask = 0x3F }).WithText("open");
        Assert.Equal(0x1FFu, kernel.Reply<FuseEntryOut>(make).Attr.Mode & 0xFFF);
    }

    [Fact]
    public void Space_is_told_in_blocks_and_names_have_255_bytes()
    {
        FuseKstatfs space = _kernel.Reply<FuseKstatfs>(new RequestBytes(FuseOpcode.StatFs));
        Assert.Equal((4096u, 4096u, 255u), (space.Bsize, space.Frsize, space.Namelen));
        Assert.True(space.Bavail <= space.Blocks);
    }

    [Fact]
    public void Damaged_requests_do_no_harm_to_a_real_filesystem()
    {
        var random = new Random(7);
        ulong file = _fixture.File(FilesFixture.Root, "file").Inode.Value;
        for (int i = 0; i < 3000; i++)
        {
            byte[] arguments = new byte[random.Next(200)];
            random.NextBytes(arguments);
            if (random.Next(2) == 0)
                Array.Clear(arguments, 0, arguments.Length / 2);
            byte[] request = new RequestBytes((FuseOpcode)random.Next(1, 54), node: random.Next(3) == 0 ? file : 1, userId: User).WithBytes(arguments).ToArray();
            _kernel.Handle(request);
        }

        Assert.Equal(0, _kernel.DefectCount);
        Assert.Equal(FilesFixture.Root.Value, Attributes(1).Attr.Ino);
    }

    private FuseAttrOut Attributes(ulong node) => _kernel.Reply<FuseAttrOut>(new RequestBytes(FuseOpcode.GetAttr, node: node).With(default(FuseGetattrIn)));

    private ulong SetUserId(string name = "program") =>
        _kernel.Reply<FuseEntryOut>(new RequestBytes(FuseOpcode.MkNod).With(new FuseMknodIn { Mode = SetUserIdFile }).WithText(name)).Nodeid;

    private static RequestBytes Rename(string name, string newName) =>
        new RequestBytes(FuseOpcode.Rename).With(new FuseRenameIn { Newdir = 1 }).WithText(name).WithText(newName);

    private static IEnumerable<(string Name, FuseDirent Entry, ulong Node)> Records(byte[] records, bool plus)
    {
        for (int at = 0; at < records.Length;)
        {
            ulong node = plus ? MemoryMarshal.Read<FuseEntryOut>(records.AsSpan(at)).Nodeid : 0;
            int entryAt = at + (plus ? Unsafe.SizeOf<FuseEntryOut>() : 0), nameAt = entryAt + Unsafe.SizeOf<FuseDirent>();
            FuseDirent entry = MemoryMarshal.Read<FuseDirent>(records.AsSpan(entryAt));
            yield return (Encoding.UTF8.GetString(records, nameAt, (int)entry.Namelen), entry, node);
            at = FuseAbi.AlignRecord(nameAt + (int)entry.Namelen);
        }
    }
}
