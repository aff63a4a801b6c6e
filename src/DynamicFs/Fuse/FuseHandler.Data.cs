using DynamicFs.Files;
using DynamicFs.Interop;
using DynamicFs.Primitives;

namespace DynamicFs.Fuse;

/// <summary>Requests on the content of files.</summary>
internal sealed unsafe partial class FuseHandler
{
    private const uint AccessModeMask = 3;
    private const uint WriteOnly = 1;
    private const uint KnownAllocateModes = (uint)(AllocateMode.KeepSize | AllocateMode.PunchHole | AllocateMode.ZeroRange);

    /// <summary>Most that a 32-bit reply can tell, in whole pages.</summary>
    private const ulong MaxShortCopyBytes = 0x7FFF_F000;

    /// <summary>
    /// Cached pages stay valid over close and open, because every change comes through this mount; and there is nothing to flush at close.
    /// </summary>
    private FuseOpenReply CreateReply(uint flags)
    {
        var reply = FuseOpenReply.KeepCache | FuseOpenReply.NoFlush;
        if (options.DirectWrites && (flags & AccessModeMask) == WriteOnly && Agreed.DirectWritesAreCoherent)
            reply |= FuseOpenReply.DirectIo | FuseOpenReply.ParallelDirectWrites;
        return reply;
    }

    private Errno Read(in FuseInHeader header, FuseArguments arguments, FuseBuffer buffer)
    {
        if (!arguments.TryTake(out FuseReadIn* request) || request->Size > FuseBuffer.PayloadBytes || request->Offset > long.MaxValue)
            return Errno.EINVAL;
        int sizeBytes = (int)Math.Min(request->Size, long.MaxValue - request->Offset);
        Errno errno = files.Read(Node(header), (long)request->Offset, new Span<byte>(buffer.Payload, sizeBytes), out int count);
        if (errno != Errno.None)
            return Stale(errno);
        buffer.SetData(buffer.Payload, count);
        return Errno.None;
    }

    private Errno Write(in FuseInHeader header, FuseArguments arguments, FuseBuffer buffer)
    {
        if (!arguments.TryTake(out FuseWriteIn* request) || !arguments.TryTakeData(request->Size, out ReadOnlySpan<byte> data))
            return Errno.EINVAL;
        if (request->Offset > long.MaxValue || request->Offset + request->Size > long.MaxValue)
            return Errno.EFBIG;
        InodeNumber inode = Node(header);
        bool killPrivileges = (request->WriteFlags & FuseAbi.WriteKillSuidgid) != 0;

        // Before a write through the page cache the kernel has the mode cleared with a SETATTR of its own; before a direct one it does not.
        bool hadPrivileges = killPrivileges && options.DirectWrites && HasPrivilegedMode(inode);
        Errno errno = files.Write(inode, (long)request->Offset, data, killPrivileges);
        if (errno != Errno.None)
            return Stale(errno);
        if (hadPrivileges)
            attributesChanged(inode);
        buffer.Append<FuseWriteOut>().Size = (uint)data.Length;
        return Errno.None;
    }

    private Errno Allocate(in FuseInHeader header, FuseArguments arguments)
    {
        if (!arguments.TryTake(out FuseFallocateIn* request))
            return Errno.EINVAL;
        if ((request->Mode & ~KnownAllocateModes) != 0)
            return Errno.EOPNOTSUPP;
        if (request->Offset > long.MaxValue || request->Length > long.MaxValue - request->Offset)
            return Errno.EFBIG;
        DropPrivileges(header, Node(header));
        return Stale(files.Allocate(Node(header), (AllocateMode)request->Mode, (long)request->Offset, (long)request->Length));
    }

    private Errno Seek(in FuseInHeader header, FuseArguments arguments, FuseBuffer buffer)
    {
        if (!arguments.TryTake(out FuseLseekIn* request) || (SeekKind)request->Whence is not (SeekKind.Data or SeekKind.Hole))
            return Errno.EINVAL;
        if (request->Offset > long.MaxValue)
            return Errno.ENXIO;
        Errno errno = files.Seek(Node(header), (long)request->Offset, (SeekKind)request->Whence, out long result);
        if (errno == Errno.None)
            buffer.Append<FuseLseekOut>().Offset = (ulong)result;
        return Stale(errno);
    }

    private Errno CopyRange(in FuseInHeader header, FuseArguments arguments, FuseBuffer buffer)
    {
        if (!arguments.TryTake(out FuseCopyFileRangeIn* request) || request->Flags != 0)
            return Errno.EINVAL;
        bool isShort = (FuseOpcode)header.Opcode == FuseOpcode.CopyFileRange;
        ulong length = isShort ? Math.Min(request->Len, MaxShortCopyBytes) : request->Len;
        if (request->OffIn > long.MaxValue || request->OffOut > long.MaxValue || length > long.MaxValue - Math.Max(request->OffIn, request->OffOut))
            return Errno.EFBIG;
        var destination = new InodeNumber(request->NodeidOut);
        DropPrivileges(header, destination);
        Errno errno = files.CopyRange(Node(header), (long)request->OffIn, destination, (long)request->OffOut, (long)length, out long copied);
        if (errno != Errno.None)
            return Stale(errno);
        if (isShort)
            buffer.Append<FuseWriteOut>().Size = (uint)copied;
        else
            buffer.Append<FuseCopyFileRangeOut>().BytesCopied = (ulong)copied;
        return Errno.None;
    }

    /// <summary>
    /// Changing a file clears setuid, setgid and capabilities unless root does it. FALLOCATE and COPY_FILE_RANGE have no flag that says so, and kernels
    /// before 6.0 send no SETATTR first.
    /// </summary>
    private void DropPrivileges(in FuseInHeader header, InodeNumber inode)
    {
        if (header.Uid == 0 || !(HasPrivilegedMode(inode) || files.GetXattr(inode, "security.capability"u8, default, out _) == Errno.None))
            return;
        _ = files.SetAttributes(Caller(header), inode, new AttributeChange { Mask = AttributeMask.KillPrivileges }, out _);
        attributesChanged(inode);
    }

    private bool HasPrivilegedMode(InodeNumber inode) =>
        files.GetAttributes(inode, out Attributes attributes) == Errno.None && attributes.IsRegular
        && ((attributes.Mode & SetUserId) != 0 || (attributes.Mode & SetGroupIdAndExecute) == SetGroupIdAndExecute);

    private const uint SetUserId = 0x800;
    private const uint SetGroupIdAndExecute = 0x408;
}
