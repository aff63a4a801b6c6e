using DynamicFs.Files;
using DynamicFs.Interop;
using DynamicFs.Primitives;

namespace DynamicFs.Fuse;

/// <summary>Requests that find, make, move and remove names.</summary>
internal sealed unsafe partial class FuseHandler
{
    private const uint KnownRenameFlags = (uint)(RenameFlags.NoReplace | RenameFlags.Exchange);

    private Errno Lookup(in FuseInHeader header, FuseArguments arguments, FuseBuffer buffer)
    {
        Errno errno = arguments.TakeName(out ReadOnlySpan<byte> name);
        if (errno != Errno.None)
            return errno;
        errno = files.Lookup(Node(header), name, out Attributes attributes);
        if (errno == Errno.ENOENT)
        {
            // Node 0: there is no such name, and that may be remembered.
            buffer.Append<FuseEntryOut>().EntryValid = _validSeconds;
            return Errno.None;
        }

        return AppendEntry(errno, buffer, attributes);
    }

    private Errno MakeNode(in FuseInHeader header, FuseArguments arguments, FuseBuffer buffer)
    {
        if (!arguments.TryTake(out FuseMknodIn* request))
            return Errno.EINVAL;
        Errno errno = arguments.TakeNewName(out ReadOnlySpan<byte> name);
        if (errno != Errno.None)
            return errno;
        errno = files.MakeNode(Caller(header, Umask(request->Umask)), Node(header), name, request->Mode, request->Rdev, out Attributes attributes);
        return AppendEntry(errno, buffer, attributes);
    }

    private Errno MakeDirectory(in FuseInHeader header, FuseArguments arguments, FuseBuffer buffer)
    {
        if (!arguments.TryTake(out FuseMkdirIn* request))
            return Errno.EINVAL;
        Errno errno = arguments.TakeNewName(out ReadOnlySpan<byte> name);
        if (errno != Errno.None)
            return errno;
        errno = files.MakeDirectory(Caller(header, Umask(request->Umask)), Node(header), name, request->Mode, out Attributes attributes);
        return AppendEntry(errno, buffer, attributes);
    }

    private Errno MakeSymbolicLink(in FuseInHeader header, FuseArguments arguments, FuseBuffer buffer)
    {
        Errno errno = arguments.TakeNewName(out ReadOnlySpan<byte> name);
        if (errno != Errno.None)
            return errno;
        errno = arguments.TakeText(out ReadOnlySpan<byte> target);
        if (errno != Errno.None)
            return errno;
        if (target.IsEmpty || target.Length > MaxTargetBytes)
            return target.IsEmpty ? Errno.EINVAL : Errno.ENAMETOOLONG;
        errno = files.MakeSymbolicLink(Caller(header), Node(header), name, target, out Attributes attributes);
        return AppendEntry(errno, buffer, attributes);
    }

    /// <summary>Makes a file; that it is open from now on is the kernel's business.</summary>
    private Errno Create(in FuseInHeader header, FuseArguments arguments, FuseBuffer buffer)
    {
        if (!arguments.TryTake(out FuseCreateIn* request))
            return Errno.EINVAL;
        Errno errno = arguments.TakeNewName(out ReadOnlySpan<byte> name);
        if (errno != Errno.None)
            return errno;
        uint mode = FileType.Regular | (request->Mode & ~FileType.Mask);
        errno = files.MakeNode(Caller(header, Umask(request->Umask)), Node(header), name, mode, 0, out Attributes attributes);
        return AppendOpenEntry(errno, buffer, attributes, request->Flags);
    }

    /// <summary>A file without a name lives until the kernel forgets it, or for as long as a name that it gets later.</summary>
    private Errno MakeTemporary(in FuseInHeader header, FuseArguments arguments, FuseBuffer buffer)
    {
        if (!arguments.TryTake(out FuseCreateIn* request))
            return Errno.EINVAL;
        Errno errno = files.MakeTemporary(Caller(header, Umask(request->Umask)), Node(header), request->Mode, out Attributes attributes);
        if (errno == Errno.None)
            _unlinked.Adopt(attributes.Inode);
        return AppendOpenEntry(errno, buffer, attributes, request->Flags);
    }

    private Errno AppendOpenEntry(Errno errno, FuseBuffer buffer, in Attributes attributes, uint openFlags)
    {
        errno = AppendEntry(errno, buffer, attributes);
        if (errno == Errno.None)
            buffer.Append<FuseOpenOut>().OpenFlags = CreateReply(openFlags);
        return errno;
    }

    private Errno Link(in FuseInHeader header, FuseArguments arguments, FuseBuffer buffer)
    {
        if (!arguments.TryTake(out FuseLinkIn* request))
            return Errno.EINVAL;
        Errno errno = arguments.TakeNewName(out ReadOnlySpan<byte> name);
        if (errno != Errno.None)
            return errno;
        errno = files.Link(Caller(header), new InodeNumber(request->Oldnodeid), Node(header), name, out Attributes attributes);
        return AppendEntry(errno, buffer, attributes);
    }

    private Errno Unlink(in FuseInHeader header, FuseArguments arguments)
    {
        Errno errno = arguments.TakeNewName(out ReadOnlySpan<byte> name);
        if (errno != Errno.None)
            return errno;
        bool takesLastName = files.Lookup(Node(header), name, out Attributes removed) == Errno.None && !removed.IsDirectory && removed.LinkCount == 1;
        if (takesLastName)
            _unlinked.Keep(removed.Inode);
        errno = files.Unlink(Caller(header), Node(header), name);
        if (errno != Errno.None && takesLastName)
            _unlinked.Forget(removed.Inode);
        return errno;
    }

    private Errno RemoveDirectory(in FuseInHeader header, FuseArguments arguments)
    {
        Errno errno = arguments.TakeNewName(out ReadOnlySpan<byte> name);
        if (errno != Errno.None)
            return errno;
        bool isKnown = IsDirectory(Node(header), name, out Attributes removed);
        errno = files.RemoveDirectory(Caller(header), Node(header), name);
        if (errno == Errno.None && isKnown)
            _removed.Add(removed);
        return errno;
    }

    private Errno Rename(in FuseInHeader header, FuseArguments arguments)
    {
        InodeNumber newParent;
        var flags = RenameFlags.None;
        if ((FuseOpcode)header.Opcode == FuseOpcode.Rename2)
        {
            if (!arguments.TryTake(out FuseRename2In* request) || (request->Flags & ~KnownRenameFlags) != 0 || request->Flags == KnownRenameFlags)
                return Errno.EINVAL;
            (newParent, flags) = (new InodeNumber(request->Newdir), (RenameFlags)request->Flags);
        }
        else
        {
            if (!arguments.TryTake(out FuseRenameIn* request))
                return Errno.EINVAL;
            newParent = new InodeNumber(request->Newdir);
        }

        Errno errno = arguments.TakeNewName(out ReadOnlySpan<byte> name);
        if (errno != Errno.None)
            return errno;
        errno = arguments.TakeNewName(out ReadOnlySpan<byte> newName);
        if (errno != Errno.None)
            return errno;
        return flags == RenameFlags.None
            ? RenameOver(header, name, newParent, newName)
            : files.Rename(Caller(header), Node(header), name, newParent, newName, flags);
    }

    private Errno RenameOver(in FuseInHeader header, ReadOnlySpan<byte> name, InodeNumber newParent, ReadOnlySpan<byte> newName)
    {
        bool replaces = files.Lookup(newParent, newName, out Attributes replaced) == Errno.None;
        bool takesLastName = replaces && !replaced.IsDirectory && replaced.LinkCount == 1;
        if (takesLastName)
            _unlinked.Keep(replaced.Inode);
        Errno errno = files.Rename(Caller(header), Node(header), name, newParent, newName, RenameFlags.None);
        if (errno == Errno.None && replaces && replaced.IsDirectory)
            _removed.Add(replaced);
        if (errno != Errno.None && takesLastName)
            _unlinked.Forget(replaced.Inode);
        return errno;
    }

    private bool IsDirectory(InodeNumber parent, ReadOnlySpan<byte> name, out Attributes attributes) =>
        files.Lookup(parent, name, out attributes) == Errno.None && attributes.IsDirectory;

    /// <summary>Without DONT_MASK the kernel has applied the umask itself.</summary>
    private uint Umask(uint umask) => Agreed.Has(FuseInitFlags.DontMask) ? umask : 0;
}
