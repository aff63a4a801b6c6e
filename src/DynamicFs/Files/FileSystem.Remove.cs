using System.Collections.Concurrent;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// Removing names, and what follows: an inode lives until its last name and its last user are gone. Until then, or while it is freed in several
/// transactions, it is on the orphan list.
/// </summary>
public sealed partial class FileSystem
{
    private const int FreeStepsPerCommit = 16;

    private readonly ConcurrentQueue<InodeNumber> _unfinished = new();

    public Errno Unlink(in Caller caller, InodeNumber parent, ReadOnlySpan<byte> name) => Remove(parent, name, isDirectory: false);

    public Errno RemoveDirectory(in Caller caller, InodeNumber parent, ReadOnlySpan<byte> name) => Remove(parent, name, isDirectory: true);

    /// <summary>Counts a user of the inode. <paramref name="truncate"/> is O_TRUNC (atomic); <paramref name="killPrivileges"/> is FUSE_OPEN_KILL_SUIDGID.</summary>
    public Errno Open(InodeNumber inode, bool write, bool truncate, bool killPrivileges)
    {
        try
        {
            if (write || truncate)
            {
                if (AdmitChange(needsSpace: false) is var refused and not Errno.None)
                    return refused;
            }

            Errno errno;
            using (_gate.EnterShared())
                errno = OpenInode(inode, truncate, killPrivileges);
            TrimInodes();
            return errno;
        }
        catch (Exception e)
        {
            return Failed(e, "open", inode);
        }
    }

    /// <summary>Ends one use; the last one of an unlinked inode frees it.</summary>
    public void Release(InodeNumber inode)
    {
        try
        {
            using (_gate.EnterShared())
            {
                if (_inodes.FindCached(inode) is not { } found)
                    return;
                lock (found.Lock)
                {
                    // More releases than opens: handles of a former process. They count for nothing.
                    if (found.OpenCount == 0)
                        return;
                    found.OpenCount--;
                    if (found.IsGone && !_isReadOnly)
                        Free(found);
                }
            }
        }
        catch (Exception e)
        {
            Failed(e, "release", inode);
        }
    }

    /// <summary>
    /// Frees more of the inodes that are too large for one step, a bounded number of steps. Called after each commit, outside the gate.
    /// </summary>
    private void FreeUnfinished()
    {
        for (int step = 0; step < FreeStepsPerCommit && !_isReadOnly && _unfinished.TryDequeue(out InodeNumber number); step++)
        {
            try
            {
                FreeStep(number);
            }
            catch (Exception e)
            {
                Failed(e, "free", number);
            }
        }
    }

    private void FreeStep(InodeNumber number)
    {
        using (_gate.EnterShared())
        {
            if (_inodes.Find(number) is not { } inode)
                return;
            lock (inode.Lock)
                Free(inode);
        }
    }

    /// <summary>At mount: frees every inode of the orphan list, large ones over the next commits. One that cannot be freed (corrupt) is reported and stays.</summary>
    private void FreeOrphans()
    {
        for (InodeNumber orphan = _orphans.Next(InodeNumber.None); orphan != InodeNumber.None; orphan = _orphans.Next(orphan))
        {
            try
            {
                using (_gate.EnterShared())
                    FreeOrphan(orphan);
            }
            catch (Exception e) when (e is CorruptionException or PoolException)
            {
                Failed(e, "free orphan", orphan);
                if (_gate.IsBroken)
                    return;
            }
        }
    }

    private void FreeOrphan(InodeNumber number)
    {
        Inode inode = _inodes.Find(number)
            ?? throw new CorruptionException("(pool)", "entry of the orphan list", $"inode {number}", "none");
        lock (inode.Lock)
        {
            if (inode.Attributes.LinkCount > 0)
                throw new CorruptionException("(pool)", $"orphan {number}", "no links", $"{inode.Attributes.LinkCount}");
            inode.IsListedOrphan = true;
            TreePrefix.Verify(_tree, number);
            Free(inode);
        }
    }

    private Errno OpenInode(InodeNumber number, bool truncate, bool killPrivileges)
    {
        if (_inodes.Find(number) is not { } inode)
            return Errno.ENOENT;
        lock (inode.Lock)
        {
            if (inode.IsGone)
                return Errno.ENOENT;
            if (truncate)
            {
                Errno errno = Truncate(inode, 0, killPrivileges, Now());
                if (errno != Errno.None)
                    return errno;
                _inodes.MarkDirty(inode);
            }

            inode.OpenCount++;
            return Errno.None;
        }
    }

    private Errno Remove(InodeNumber parent, ReadOnlySpan<byte> name, bool isDirectory)
    {
        try
        {
            Errno errno = FileName.Check(name);
            if (errno == Errno.None && FileName.IsDots(name))
                errno = !isDirectory ? Errno.EISDIR : FileName.IsDot(name) ? Errno.EINVAL : Errno.ENOTEMPTY;
            if (errno == Errno.None)
                errno = AdmitChange(needsSpace: false);
            if (errno == Errno.None)
            {
                using (_gate.EnterShared())
                {
                    lock (_names)
                        errno = RemoveName(parent, name, isDirectory);
                }
            }

            TrimInodes();
            return errno;
        }
        catch (Exception e)
        {
            return Failed(e, isDirectory ? "rmdir" : "unlink", parent);
        }
    }

    private Errno RemoveName(InodeNumber parent, ReadOnlySpan<byte> name, bool isDirectory)
    {
        if (FindDirectory(parent, out Inode directory) is var missing and not Errno.None)
            return missing;
        EntrySlot slot = _entries.Find(parent, name);
        if (!slot.Exists)
            return Errno.ENOENT;
        Inode inode = FindNamed(parent, slot);
        if (inode.Attributes.IsDirectory != isDirectory)
            return isDirectory ? Errno.ENOTDIR : Errno.EISDIR;
        if (inode.EntryCount > 0)
            return Errno.ENOTEMPTY;
        FileTime now = Now();
        using TransactionGate.ChangeScope change = _gate.BeginChange();
        _entries.Delete(parent, slot.Cookie);
        ChangeDirectory(directory, -1, name.Length, isDirectory ? -1 : 0, now);
        DropName(inode, now);
        change.Complete();
        return Errno.None;
    }

    /// <summary>One name less; a directory has only one. Frees the inode when that was the last and nobody uses it.</summary>
    private void DropName(Inode inode, FileTime now)
    {
        lock (inode.Lock)
        {
            inode.Attributes.LinkCount = inode.Attributes.IsDirectory ? 0 : inode.Attributes.LinkCount - 1;
            inode.Attributes.ChangeTime = now;
            _inodes.MarkDirty(inode);
            if (inode.IsGone)
                Free(inode);
            else if (inode.Attributes.LinkCount == 0)
                _orphans.Add(inode);
        }
    }

    /// <summary>Drops all of an inode, or a part of it and leaves the rest to <see cref="FreeUnfinished"/>. Inside the gate, inode lock held.</summary>
    private void Free(Inode inode)
    {
        Invariant.Check(inode.IsGone, "only what has no name and no user is freed");
        if (inode.IsRemoved)
            return;
        using TransactionGate.ChangeScope change = _gate.BeginChange();
        if (FreeData(inode))
        {
            _xattrs.DeleteAll(inode);
            if (inode.Attributes.IsSymbolicLink)
                _links.Delete(inode.Number);
            _orphans.Remove(inode);
            _inodes.Remove(inode);
        }
        else
        {
            _orphans.Add(inode);
            _inodes.MarkDirty(inode);
            _unfinished.Enqueue(inode.Number);
        }

        change.Complete();
    }
}
