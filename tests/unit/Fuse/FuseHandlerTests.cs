using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DynamicFs.Fuse;
using DynamicFs.Interop;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Fuse;

public sealed class FuseHandlerTests : IDisposable
{
    private readonly OfflineHandler _offline = new();

    public void Dispose() => _offline.Dispose();

    [Fact]
    public void The_reply_carries_the_unique_of_the_request_even_when_it_is_sent_again()
    {
        byte[] reply = _offline.Handle(new RequestBytes(FuseOpcode.Access, 77 | FuseAbi.ResentBit).ToArray());
        FuseOutHeader header = MemoryMarshal.Read<FuseOutHeader>(reply);
        Assert.Equal(77 | FuseAbi.ResentBit, header.Unique);
        Assert.Equal((uint)reply.Length, header.Len);
        Assert.Equal(-(int)Errno.ENOSYS, header.Error);
    }

    [Theory]
    [InlineData(FuseOpcode.Forget)]
    [InlineData(FuseOpcode.BatchForget)]
    [InlineData(FuseOpcode.Interrupt)]
    [InlineData(FuseOpcode.NotifyReply)]
    internal void What_nobody_waits_for_gets_no_reply(FuseOpcode opcode) => Assert.Empty(_offline.Handle(new RequestBytes(opcode).ToArray()));

    [Theory]
    [InlineData(FuseOpcode.Flush)]
    [InlineData(FuseOpcode.Access)]
    [InlineData(FuseOpcode.Poll)]
    [InlineData(FuseOpcode.Bmap)]
    [InlineData(FuseOpcode.GetLk)]
    [InlineData(FuseOpcode.SetLkW)]
    [InlineData(FuseOpcode.OpenDir)]
    [InlineData((FuseOpcode)4711)]
    internal void What_we_leave_to_the_kernel_is_not_asked_for_again(FuseOpcode opcode) =>
        Assert.Equal(Errno.ENOSYS, _offline.ErrnoOf(new RequestBytes(opcode)));

    [Fact]
    public void Unknown_ioctls_are_refused_one_by_one() => Assert.Equal(Errno.ENOTTY, _offline.ErrnoOf(new RequestBytes(FuseOpcode.Ioctl)));

    [Fact]
    public void An_older_kernel_gets_directories_opened()
    {
        using var offline = new OfflineHandler(offered: (FuseInitFlags)ulong.MaxValue & ~FuseInitFlags.NoOpendirSupport);
        byte[] reply = offline.Handle(new RequestBytes(FuseOpcode.OpenDir).With(default(FuseOpenIn)).ToArray());
        FuseOpenOut opened = MemoryMarshal.Read<FuseOpenOut>(reply.AsSpan(Unsafe.SizeOf<FuseOutHeader>()));
        Assert.Equal(FuseOpenReply.KeepCache | FuseOpenReply.CacheDir, opened.OpenFlags);
    }

    [Theory]
    [InlineData(255, Errno.EIO)]
    [InlineData(256, Errno.ENAMETOOLONG)]
    [InlineData(1024, Errno.ENAMETOOLONG)]
    [InlineData(0, Errno.EINVAL)]
    internal void Names_are_checked_in_every_request_that_has_one(int length, Errno expected)
    {
        string name = new('n', length);
        Assert.Equal(expected, _offline.ErrnoOf(new RequestBytes(FuseOpcode.Lookup).WithText(name)));
        Assert.Equal(expected, _offline.ErrnoOf(new RequestBytes(FuseOpcode.Unlink).WithText(name)));
        Assert.Equal(expected, _offline.ErrnoOf(new RequestBytes(FuseOpcode.RmDir).WithText(name)));
        Assert.Equal(expected, _offline.ErrnoOf(new RequestBytes(FuseOpcode.SymLink).WithText(name).WithText("target")));
        Assert.Equal(expected, _offline.ErrnoOf(new RequestBytes(FuseOpcode.MkDir).With(default(FuseMkdirIn)).WithText(name)));
        Assert.Equal(expected, _offline.ErrnoOf(new RequestBytes(FuseOpcode.MkNod).With(default(FuseMknodIn)).WithText(name)));
        Assert.Equal(expected, _offline.ErrnoOf(new RequestBytes(FuseOpcode.Create).With(default(FuseCreateIn)).WithText(name)));
        Assert.Equal(expected, _offline.ErrnoOf(new RequestBytes(FuseOpcode.Link).With(default(FuseLinkIn)).WithText(name)));
        Assert.Equal(expected, _offline.ErrnoOf(new RequestBytes(FuseOpcode.Rename).With(default(FuseRenameIn)).WithText("old").WithText(name)));
        Assert.Equal(expected, _offline.ErrnoOf(new RequestBytes(FuseOpcode.Rename2).With(default(FuseRename2In)).WithText(name).WithText("new")));
    }

    [Theory]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a/b")]
    public void Names_that_cannot_be_made_are_refused(string name)
    {
        Assert.Equal(Errno.EINVAL, _offline.ErrnoOf(new RequestBytes(FuseOpcode.Unlink).WithText(name)));
        Assert.Equal(Errno.EINVAL, _offline.ErrnoOf(new RequestBytes(FuseOpcode.MkDir).With(default(FuseMkdirIn)).WithText(name)));
    }

    [Fact]
    public void A_missing_nul_is_refused() => Assert.Equal(Errno.EINVAL, _offline.ErrnoOf(new RequestBytes(FuseOpcode.Lookup).WithBytes("name"u8)));

    [Fact]
    public void A_link_target_has_a_length()
    {
        Assert.Equal(Errno.ENAMETOOLONG, _offline.ErrnoOf(new RequestBytes(FuseOpcode.SymLink).WithText("l").WithText(new string('t', 4096))));
        Assert.Equal(Errno.EIO, _offline.ErrnoOf(new RequestBytes(FuseOpcode.SymLink).WithText("l").WithText(new string('t', 4095))));
        Assert.Equal(Errno.EINVAL, _offline.ErrnoOf(new RequestBytes(FuseOpcode.SymLink).WithText("l").WithText("")));
    }

    [Theory]
    [InlineData(3u)]
    [InlineData(4u)]
    [InlineData(0x80000000u)]
    public void Rename_flags_are_known_or_refused(uint flags) =>
        Assert.Equal(Errno.EINVAL, _offline.ErrnoOf(new RequestBytes(FuseOpcode.Rename2).With(new FuseRename2In { Flags = flags }).WithText("a").WithText("b")));

    [Fact]
    public void Sizes_and_offsets_beyond_the_possible_are_refused()
    {
        Assert.Equal(Errno.EINVAL, _offline.ErrnoOf(new RequestBytes(FuseOpcode.Read).With(new FuseReadIn { Size = FuseBuffer.PayloadBytes + 1 })));
        Assert.Equal(Errno.EINVAL, _offline.ErrnoOf(new RequestBytes(FuseOpcode.Read).With(new FuseReadIn { Offset = ulong.MaxValue, Size = 1 })));
        Assert.Equal(Errno.EINVAL, _offline.ErrnoOf(new RequestBytes(FuseOpcode.Write).With(new FuseWriteIn { Size = 5 }).WithBytes("data"u8)));
        Assert.Equal(Errno.EFBIG, _offline.ErrnoOf(new RequestBytes(FuseOpcode.Write).With(new FuseWriteIn { Offset = long.MaxValue, Size = 4 }).WithBytes("data"u8)));
        Assert.Equal(Errno.EFBIG, _offline.ErrnoOf(new RequestBytes(FuseOpcode.SetAttr).With(new FuseSetattrIn { Valid = FuseSetAttrValid.Size, Size = 1UL << 63 })));
        Assert.Equal(Errno.EINVAL, _offline.ErrnoOf(new RequestBytes(FuseOpcode.SetAttr).With(new FuseSetattrIn { Valid = FuseSetAttrValid.Mtime, Mtimensec = 1_000_000_000 })));
        Assert.Equal(Errno.EFBIG, _offline.ErrnoOf(new RequestBytes(FuseOpcode.Fallocate).With(new FuseFallocateIn { Offset = long.MaxValue, Length = 1 })));
        Assert.Equal(Errno.EOPNOTSUPP, _offline.ErrnoOf(new RequestBytes(FuseOpcode.Fallocate).With(new FuseFallocateIn { Mode = 8, Length = 1 })));
        Assert.Equal(Errno.EINVAL, _offline.ErrnoOf(new RequestBytes(FuseOpcode.Lseek).With(new FuseLseekIn { Whence = 2 })));
        Assert.Equal(Errno.ENXIO, _offline.ErrnoOf(new RequestBytes(FuseOpcode.Lseek).With(new FuseLseekIn { Whence = 3, Offset = ulong.MaxValue })));
        Assert.Equal(Errno.EFBIG, _offline.ErrnoOf(new RequestBytes(FuseOpcode.CopyFileRange64).With(new FuseCopyFileRangeIn { OffOut = long.MaxValue, Len = 1 })));
        Assert.Equal(Errno.EINVAL, _offline.ErrnoOf(new RequestBytes(FuseOpcode.CopyFileRange64).With(new FuseCopyFileRangeIn { Flags = 1 })));
    }

    [Fact]
    public void Attribute_names_and_values_have_limits()
    {
        Assert.Equal(Errno.ERANGE, _offline.ErrnoOf(new RequestBytes(FuseOpcode.GetXattr).With(default(FuseGetxattrIn)).WithText("user." + new string('x', 251))));
        Assert.Equal(Errno.ERANGE, _offline.ErrnoOf(new RequestBytes(FuseOpcode.RemoveXattr).WithText("")));
        Assert.Equal(Errno.E2BIG, _offline.ErrnoOf(new RequestBytes(FuseOpcode.SetXattr).With(new FuseSetxattrIn { Size = 65537 }).WithText("user.k").WithBytes(new byte[65537])));
        Assert.Equal(Errno.EINVAL, _offline.ErrnoOf(new RequestBytes(FuseOpcode.SetXattr).With(new FuseSetxattrIn { Size = 4, Flags = 3 }).WithText("user.k").WithBytes("four"u8)));
        Assert.Equal(Errno.EINVAL, _offline.ErrnoOf(new RequestBytes(FuseOpcode.SetXattr).With(new FuseSetxattrIn { Size = 5 }).WithText("user.k").WithBytes("four"u8)));
        Assert.Equal(Errno.EIO, _offline.ErrnoOf(new RequestBytes(FuseOpcode.SetXattr).With(new FuseSetxattrIn { Size = 4 }).WithText("user.k").WithBytes("four"u8)));
    }

    [Fact]
    public void The_short_form_of_setxattr_is_read_where_the_long_one_was_not_agreed()
    {
        using var offline = new OfflineHandler(offered: (FuseInitFlags)ulong.MaxValue & ~FuseInitFlags.SetxattrExt);
        RequestBytes request = new RequestBytes(FuseOpcode.SetXattr).With(4u).With(0u).WithText("user.k").WithBytes("four"u8);
        Assert.Equal(Errno.EIO, offline.ErrnoOf(request));
        Assert.Equal(Errno.ERANGE, _offline.ErrnoOf(new RequestBytes(FuseOpcode.SetXattr).With(4u).With(0u).With(0UL).WithText("").WithBytes("four"u8)));
    }

    [Fact]
    public void A_request_shorter_than_its_header_says_is_refused()
    {
        byte[] request = new RequestBytes(FuseOpcode.GetAttr).With(default(FuseGetattrIn)).ToArray();
        request[0]++;
        Assert.Equal(-(int)Errno.EINVAL, MemoryMarshal.Read<FuseOutHeader>(_offline.Handle(request)).Error);
        Assert.Empty(_offline.Handle(request.AsSpan(0, 39)));
    }

    [Fact]
    public void Extensions_longer_than_the_request_are_refused()
    {
        byte[] request = new RequestBytes(FuseOpcode.GetAttr).With(default(FuseGetattrIn)).ToArray();
        MemoryMarshal.Write(request, MemoryMarshal.Read<FuseInHeader>(request) with { TotalExtlen = 3 });
        Assert.Equal(-(int)Errno.EINVAL, MemoryMarshal.Read<FuseOutHeader>(_offline.Handle(request)).Error);
    }

    [Fact]
    public void A_defect_is_an_io_error_to_the_caller_and_reported()
    {
        Assert.Equal(Errno.EIO, _offline.ErrnoOf(new RequestBytes(FuseOpcode.StatFs)));
        Assert.Equal(1, _offline.DefectCount);
    }

    [Fact]
    public void Init_of_a_newer_protocol_is_asked_for_again_and_an_older_one_refused()
    {
        byte[] reply = _offline.Handle(new RequestBytes(FuseOpcode.Init).With(new FuseInitIn { Major = 8, Minor = 1 }).ToArray());
        Assert.Equal(7u, MemoryMarshal.Read<FuseInitOut>(reply.AsSpan(Unsafe.SizeOf<FuseOutHeader>())).Major);
        Assert.Equal(Errno.EPROTO, _offline.ErrnoOf(new RequestBytes(FuseOpcode.Init).With(new FuseInitIn { Major = 7, Minor = 30 })));
        Assert.Equal(Errno.EINVAL, _offline.ErrnoOf(new RequestBytes(FuseOpcode.Init).With(7u)));
    }

    [Fact]
    public void Init_is_answered_in_full()
    {
        var offer = new FuseInitIn { Major = 7, Minor = 40, MaxReadahead = 131072, Flags = uint.MaxValue, Flags2 = uint.MaxValue };
        byte[] reply = _offline.Handle(new RequestBytes(FuseOpcode.Init).With(offer).ToArray());
        FuseInitOut answer = MemoryMarshal.Read<FuseInitOut>(reply.AsSpan(Unsafe.SizeOf<FuseOutHeader>()));
        Assert.Equal(Unsafe.SizeOf<FuseOutHeader>() + 64, reply.Length);
        Assert.Equal((7u, 40u), (answer.Major, answer.Minor));
        Assert.Equal((1u << 20, (ushort)(1048576 / Environment.SystemPageSize), 1u), (answer.MaxWrite, answer.MaxPages, answer.TimeGran));
    }

    [Fact]
    public void Init_without_its_extension_is_understood()
    {
        RequestBytes request = new RequestBytes(FuseOpcode.Init).With(7u).With(31u).With(131072u).With((uint)FuseInitFlags.BigWrites);
        Assert.Equal(Errno.None, _offline.ErrnoOf(request));
        Assert.Equal(FuseInitFlags.BigWrites, _offline.Handler.Negotiation!.Flags);
    }
}
