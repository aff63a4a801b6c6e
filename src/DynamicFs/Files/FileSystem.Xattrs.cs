using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>Extended attributes: user, trusted, security, and the access control lists.</summary>
public sealed partial class FileSystem
{
    /// <summary>Value of an attribute; <paramref name="destination"/> empty asks for the size. ERANGE when it does not fit, ENODATA when there is none.</summary>
    public Errno GetXattr(InodeNumber inode, ReadOnlySpan<byte> name, Span<byte> destination, out int lengthBytes)
    {
        lengthBytes = 0;
        try
        {
            Errno errno = XattrName.Check(name);
            if (errno == Errno.None)
                errno = ReadXattr(inode, name, destination, out lengthBytes);
            TrimInodes();
            return errno;
        }
        catch (Exception e)
        {
            return Failed(e, "getxattr", inode);
        }
    }

    /// <summary><paramref name="killSetgid"/> is FUSE_SETXATTR_ACL_KILL_SGID.</summary>
    public Errno SetXattr(in Caller caller, InodeNumber inode, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, XattrMode mode, bool killSetgid)
    {
        try
        {
            Errno errno = XattrName.Check(name);
            if (errno == Errno.None)
                errno = CheckValue(name, value, mode);
            if (errno == Errno.None)
                errno = AdmitChange(needsSpace: true);
            if (errno == Errno.None)
            {
                using (_gate.EnterShared())
                    errno = ChangeXattr(inode, name, value, mode, killSetgid);
            }

            TrimInodes();
            return errno;
        }
        catch (Exception e)
        {
            return Failed(e, "setxattr", inode);
        }
    }

    /// <summary>NUL-terminated names one after the other; an empty <paramref name="destination"/> asks for the size.</summary>
    public Errno ListXattr(InodeNumber inode, Span<byte> destination, out int lengthBytes)
    {
        lengthBytes = 0;
        try
        {
            if (_inodes.Find(inode) is not { } found)
                return Errno.ENOENT;
            lock (found.Lock)
            {
                if (found.IsGone)
                    return Errno.ENOENT;
                lengthBytes = found.XattrListBytes;
                if (!destination.IsEmpty && destination.Length < lengthBytes)
                    return Errno.ERANGE;
                if (!destination.IsEmpty && lengthBytes > 0)
                    _xattrs.List(found, destination);
            }

            TrimInodes();
            return Errno.None;
        }
        catch (Exception e)
        {
            return Failed(e, "listxattr", inode);
        }
    }

    public Errno RemoveXattr(in Caller caller, InodeNumber inode, ReadOnlySpan<byte> name)
    {
        try
        {
            Errno errno = XattrName.Check(name);
            if (errno == Errno.None && XattrName.IsReserved(name))
                errno = Errno.EPERM;
            if (errno == Errno.None)
                errno = AdmitChange(needsSpace: false);
            if (errno == Errno.None)
            {
                using (_gate.EnterShared())
                    errno = DropXattr(inode, name);
            }

            TrimInodes();
            return errno;
        }
        catch (Exception e)
        {
            return Failed(e, "removexattr", inode);
        }
    }

    private static Errno CheckValue(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, XattrMode mode)
    {
        if ((mode & ~(XattrMode.Create | XattrMode.Replace)) != 0 || mode == (XattrMode.Create | XattrMode.Replace))
            return Errno.EINVAL;
        if (XattrName.IsReserved(name))
            return Errno.EPERM;
        return value.Length > XattrStore.MaxValueBytes ? Errno.E2BIG : Errno.None;
    }

    private Errno ReadXattr(InodeNumber number, ReadOnlySpan<byte> name, Span<byte> destination, out int lengthBytes)
    {
        lengthBytes = 0;
        if (_inodes.Find(number) is not { } inode)
            return Errno.ENOENT;
        lock (inode.Lock)
        {
            if (inode.IsGone)
                return Errno.ENOENT;
            InodeFlags flag = XattrName.FlagOf(name);
            bool isAbsent = inode.XattrListBytes == 0 || (flag != InodeFlags.None && (inode.Flags & flag) == 0);
            int length = isAbsent ? -1 : _xattrs.Read(inode, name, destination);
            if (length < 0)
                return Errno.ENODATA;
            lengthBytes = length;
            return !destination.IsEmpty && length > destination.Length ? Errno.ERANGE : Errno.None;
        }
    }

    private Errno ChangeXattr(InodeNumber number, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, XattrMode mode, bool killSetgid)
    {
        if (_inodes.Find(number) is not { } inode)
            return Errno.ENOENT;
        lock (inode.Lock)
        {
            if (inode.IsGone)
                return Errno.ENOENT;
            int old = _xattrs.Measure(inode, name);
            if (mode == XattrMode.Create && old >= 0)
                return Errno.EEXIST;
            if (mode == XattrMode.Replace && old < 0)
                return Errno.ENODATA;
            Errno errno = XattrName.IsAcl(name) ? ChangeAcl(inode, name, value, old, killSetgid) : StoreXattr(inode, name, value, old);
            if (errno != Errno.None)
                return errno;
            inode.Attributes.ChangeTime = Now();
            _inodes.MarkDirty(inode);
            return Errno.None;
        }
    }

    private Errno StoreXattr(Inode inode, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, int oldBytes)
    {
        if (XattrStore.CheckRoom(inode, name, oldBytes, value.Length) is var full and not Errno.None)
            return full;
        using TransactionGate.ChangeScope scope = _gate.BeginChange();
        _xattrs.Put(inode, name, value, oldBytes);
        scope.Complete();
        return Errno.None;
    }

    private Errno DropXattr(InodeNumber number, ReadOnlySpan<byte> name)
    {
        if (_inodes.Find(number) is not { } inode)
            return Errno.ENOENT;
        lock (inode.Lock)
        {
            if (inode.IsGone)
                return Errno.ENOENT;
            int old = _xattrs.Measure(inode, name);
            if (old < 0)
                return XattrName.IsAcl(name) ? Errno.None : Errno.ENODATA;
            EraseXattr(inode, name, old);
            inode.Attributes.ChangeTime = Now();
            _inodes.MarkDirty(inode);
            return Errno.None;
        }
    }

    private void EraseXattr(Inode inode, ReadOnlySpan<byte> name, int oldBytes)
    {
        if (oldBytes < 0)
            return;
        using TransactionGate.ChangeScope scope = _gate.BeginChange();
        _xattrs.Delete(inode, name, oldBytes);
        scope.Complete();
    }
}
