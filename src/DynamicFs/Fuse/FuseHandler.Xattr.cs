using DynamicFs.Files;
using DynamicFs.Interop;
using DynamicFs.Primitives;

namespace DynamicFs.Fuse;

/// <summary>Requests on extended attributes; POSIX ACLs come as <c>system.posix_acl_*</c>.</summary>
internal sealed unsafe partial class FuseHandler
{
    /// <summary>XATTR_SIZE_MAX and XATTR_NAME_MAX of Linux.</summary>
    private const uint MaxXattrBytes = 64 << 10;
    private const int MaxXattrNameBytes = 255;

    private Errno GetXattr(in FuseInHeader header, FuseArguments arguments, FuseBuffer buffer)
    {
        if (!arguments.TryTake(out FuseGetxattrIn* request))
            return Errno.EINVAL;
        uint sizeBytes = request->Size;
        Errno errno = TakeXattrName(ref arguments, out ReadOnlySpan<byte> name);
        if (errno != Errno.None)
            return errno;
        Span<byte> destination = Destination(buffer, sizeBytes);
        errno = files.GetXattr(Node(header), name, destination, out int lengthBytes);
        return AppendXattr(errno, buffer, sizeBytes, lengthBytes);
    }

    private Errno ListXattr(in FuseInHeader header, FuseArguments arguments, FuseBuffer buffer)
    {
        if (!arguments.TryTake(out FuseGetxattrIn* request))
            return Errno.EINVAL;
        uint sizeBytes = request->Size;
        Errno errno = files.ListXattr(Node(header), Destination(buffer, sizeBytes), out int lengthBytes);
        return AppendXattr(errno, buffer, sizeBytes, lengthBytes);
    }

    private Errno SetXattr(in FuseInHeader header, FuseArguments arguments)
    {
        bool isExtended = Agreed.Has(FuseInitFlags.SetxattrExt);
        if (!arguments.TryTake(isExtended ? sizeof(FuseSetxattrIn) : FuseSetxattrIn.CompatSize, out FuseSetxattrIn* request))
            return Errno.EINVAL;
        bool killSetgid = isExtended && (request->SetxattrFlags & FuseAbi.SetxattrAclKillSgid) != 0;
        var mode = (XattrMode)request->Flags;
        if (mode is not (XattrMode.None or XattrMode.Create or XattrMode.Replace))
            return Errno.EINVAL;
        if (request->Size > MaxXattrBytes)
            return Errno.E2BIG;
        Errno errno = TakeXattrName(ref arguments, out ReadOnlySpan<byte> name);
        if (errno != Errno.None)
            return errno;
        return arguments.TryTakeData(request->Size, out ReadOnlySpan<byte> value)
            ? Stale(files.SetXattr(Caller(header), Node(header), name, value, mode, killSetgid))
            : Errno.EINVAL;
    }

    private Errno RemoveXattr(in FuseInHeader header, FuseArguments arguments)
    {
        Errno errno = TakeXattrName(ref arguments, out ReadOnlySpan<byte> name);
        return errno == Errno.None ? Stale(files.RemoveXattr(Caller(header), Node(header), name)) : errno;
    }

    private static Errno TakeXattrName(ref FuseArguments arguments, out ReadOnlySpan<byte> name)
    {
        Errno errno = arguments.TakeText(out name);
        return errno == Errno.None && name.Length is 0 or > MaxXattrNameBytes ? Errno.ERANGE : errno;
    }

    /// <summary>Size 0 asks for the size only.</summary>
    private static Span<byte> Destination(FuseBuffer buffer, uint sizeBytes) =>
        sizeBytes == 0 ? default : buffer.DataAfterArguments[..(int)Math.Min(sizeBytes, MaxXattrBytes)];

    private static Errno AppendXattr(Errno errno, FuseBuffer buffer, uint sizeBytes, int lengthBytes)
    {
        if (errno != Errno.None)
            return Stale(errno);
        if (sizeBytes == 0)
            buffer.Append<FuseGetxattrOut>().Size = (uint)lengthBytes;
        else
            buffer.SetDataAfterArguments(lengthBytes);
        return Errno.None;
    }
}
