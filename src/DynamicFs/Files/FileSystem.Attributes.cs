using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// Changing attributes, and what goes with it: chmod changes the mask of the ACL, chown and writing clear privileges, reading sets the access time.
/// </summary>
public sealed partial class FileSystem
{
    private const AttributeMask AnyOwner = AttributeMask.UserId | AttributeMask.GroupId;
    private const long AccessTimeSeconds = 24 * 60 * 60;

    public Errno SetAttributes(in Caller caller, InodeNumber inode, in AttributeChange change, out Attributes attributes)
    {
        attributes = default;
        try
        {
            Errno errno = CheckTimes(change);
            if (errno == Errno.None)
                errno = AdmitChange(needsSpace: false);
            if (errno == Errno.None)
            {
                using (_gate.EnterShared())
                    errno = ChangeAttributes(inode, change, out attributes);
            }

            TrimInodes();
            return errno;
        }
        catch (Exception e)
        {
            return Failed(e, "setattr", inode);
        }
    }

    private static Errno CheckTimes(in AttributeChange change)
    {
        const uint Limit = 1_000_000_000;
        bool isValid = change.AccessTime.Nanoseconds < Limit && change.ModifyTime.Nanoseconds < Limit && change.ChangeTime.Nanoseconds < Limit;
        return isValid ? Errno.None : Errno.EINVAL;
    }

    private Errno ChangeAttributes(InodeNumber number, in AttributeChange change, out Attributes attributes)
    {
        attributes = default;
        if (_inodes.Find(number) is not { } inode)
            return Errno.ENOENT;
        lock (inode.Lock)
        {
            if (inode.IsGone)
                return Errno.ENOENT;
            FileTime now = Now();
            if (change.Mask.HasFlag(AttributeMask.Size))
            {
                Errno errno = Truncate(inode, change.SizeBytes, change.Mask.HasFlag(AttributeMask.KillPrivileges), now);
                if (errno != Errno.None)
                    return errno;
            }
            // Without a size: the caller is about to change the content by other means.
            else if (change.Mask.HasFlag(AttributeMask.KillPrivileges) && inode.Attributes.IsRegular)
            {
                KillPrivileges(inode);
            }

            ChangeOwner(inode, change);
            if (change.Mask.HasFlag(AttributeMask.Mode))
                ChangeMode(inode, change.Mode);
            ChangeTimes(inode, change, now);
            _inodes.MarkDirty(inode);
            attributes = Described(inode);
            return Errno.None;
        }
    }

    /// <summary>
    /// Sets the size and drops security.capability; setuid and setgid only when the kernel says that the caller may not keep them. Inside the gate, inode lock
    /// held; the caller marks the inode dirty.
    /// </summary>
    private Errno Truncate(Inode inode, long sizeBytes, bool killsPrivileges, FileTime now)
    {
        if (!inode.Attributes.IsRegular)
            return inode.Attributes.IsDirectory ? Errno.EISDIR : Errno.EINVAL;
        using TransactionGate.ChangeScope scope = _gate.BeginChange();
        Errno errno = SetSize(inode, sizeBytes, now);
        if (errno == Errno.None && killsPrivileges)
            KillPrivileges(inode);
        else if (errno == Errno.None)
            DropCapability(inode);
        scope.Complete();
        return errno;
    }

    private void ChangeOwner(Inode inode, in AttributeChange change)
    {
        if ((change.Mask & AnyOwner) == 0)
            return;
        if (change.Mask.HasFlag(AttributeMask.UserId))
            inode.Attributes.UserId = change.UserId;
        if (change.Mask.HasFlag(AttributeMask.GroupId))
            inode.Attributes.GroupId = change.GroupId;
        if (!inode.Attributes.IsDirectory)
            KillPrivileges(inode);
    }

    private void ChangeMode(Inode inode, uint mode)
    {
        if (inode.Flags.HasFlag(InodeFlags.HasAccessAcl))
            ChangeAclMode(inode, mode);
        SetModeBits(inode, mode & ModeBits.All);
    }

    private static void ChangeTimes(Inode inode, in AttributeChange change, FileTime now)
    {
        ref Attributes attributes = ref inode.Attributes;
        if ((change.Mask & (AttributeMask.AccessTime | AttributeMask.AccessTimeNow)) != 0)
            attributes.AccessTime = change.Mask.HasFlag(AttributeMask.AccessTimeNow) ? now : change.AccessTime;
        if ((change.Mask & (AttributeMask.ModifyTime | AttributeMask.ModifyTimeNow)) != 0)
            attributes.ModifyTime = change.Mask.HasFlag(AttributeMask.ModifyTimeNow) ? now : change.ModifyTime;
        attributes.ChangeTime = change.Mask.HasFlag(AttributeMask.ChangeTime) ? change.ChangeTime : now;
    }

    /// <summary>
    /// Clears setuid, setgid (where the group may execute: elsewhere it meant mandatory locking) and security.capability. Inside the gate, inode lock
    /// held; the caller marks the inode dirty.
    /// </summary>
    private void KillPrivileges(Inode inode)
    {
        uint mode = inode.Attributes.Mode & ~ModeBits.SetUserId;
        if ((mode & ModeBits.GroupExecute) != 0)
            mode &= ~ModeBits.SetGroupId;
        inode.Attributes.Mode = mode;
        DropCapability(inode);
    }

    /// <summary>
    /// Drops security.capability: whoever writes, truncates or gives away, root too, makes another program of it. Inside the gate, inode lock held; the
    /// caller marks the inode dirty. Costs nothing when there is none.
    /// </summary>
    private void DropCapability(Inode inode)
    {
        if (!inode.Flags.HasFlag(InodeFlags.HasCapability))
            return;
        using TransactionGate.ChangeScope scope = _gate.BeginChange();
        _xattrs.Delete(inode, XattrName.Capability, _xattrs.Measure(inode, XattrName.Capability));
        scope.Complete();
    }

    /// <summary>
    /// Reading happened: sets the access time where relatime would, in memory only (see <see cref="AccessTimePolicy"/>). Inode lock held; the gate is not
    /// needed. The kernel does not do this for a FUSE filesystem.
    /// </summary>
    private void NoteAccess(Inode inode)
    {
        if (_accessTimes == AccessTimePolicy.None || _isReadOnly || inode.IsRemoved)
            return;
        ref Attributes attributes = ref inode.Attributes;
        FileTime now = Now();
        bool isStale = IsNotAfter(attributes.AccessTime, attributes.ModifyTime) || IsNotAfter(attributes.AccessTime, attributes.ChangeTime)
            || now.Seconds - attributes.AccessTime.Seconds >= AccessTimeSeconds;
        if (!isStale)
            return;
        attributes.AccessTime = now;
        inode.HasNewAccessTime = true;
    }

    private static void SetModeBits(Inode inode, uint bits) => inode.Attributes.Mode = (inode.Attributes.Mode & FileType.Mask) | bits;

    private static bool IsNotAfter(FileTime time, FileTime other)
        => time.Seconds < other.Seconds || (time.Seconds == other.Seconds && time.Nanoseconds <= other.Nanoseconds);
}
