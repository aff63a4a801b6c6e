using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>rename(2), renameat2(2).</summary>
public sealed partial class FileSystem
{
    public Errno Rename(
        in Caller caller, InodeNumber parent, ReadOnlySpan<byte> name, InodeNumber newParent, ReadOnlySpan<byte> newName, RenameFlags flags)
    {
        try
        {
            Errno errno = CheckRename(name, newName, flags);
            if (errno == Errno.None)
                errno = AdmitChange(needsSpace: true);
            if (errno == Errno.None)
            {
                using (_gate.EnterShared())
                {
                    lock (_names)
                        errno = RenameName(parent, name, newParent, newName, flags);
                }
            }

            TrimInodes();
            return errno;
        }
        catch (Exception e)
        {
            return Failed(e, "rename", parent);
        }
    }

    private static Errno CheckRename(ReadOnlySpan<byte> name, ReadOnlySpan<byte> newName, RenameFlags flags)
    {
        if ((flags & ~(RenameFlags.NoReplace | RenameFlags.Exchange)) != 0 || flags == (RenameFlags.NoReplace | RenameFlags.Exchange))
            return Errno.EINVAL;
        if (FileName.Check(name) is var bad and not Errno.None)
            return bad;
        if (FileName.Check(newName) is var badToo and not Errno.None)
            return badToo;
        return FileName.IsDots(name) || FileName.IsDots(newName) ? Errno.EBUSY : Errno.None;
    }

    private Errno RenameName(InodeNumber parent, ReadOnlySpan<byte> name, InodeNumber newParent, ReadOnlySpan<byte> newName, RenameFlags flags)
    {
        if (FindDirectory(parent, out Inode directory) is var missing and not Errno.None)
            return missing;
        if (FindLiveDirectory(newParent, out Inode newDirectory) is var missingToo and not Errno.None)
            return missingToo;
        EntrySlot from = _entries.Find(parent, name);
        EntrySlot to = _entries.Find(newParent, newName);
        if (!from.Exists)
            return Errno.ENOENT;
        if (to.Exists && flags == RenameFlags.NoReplace)
            return Errno.EEXIST;
        if (!to.Exists && flags == RenameFlags.Exchange)
            return Errno.ENOENT;
        if (to.Cookie == 0)
            return Errno.ENOSPC;

        var move = new Move(directory, newDirectory, FindNamed(parent, from), to.Exists ? FindNamed(newParent, to) : null, from, to, Now());
        if (flags == RenameFlags.Exchange)
            return Exchange(move, name, newName);
        return Replace(move, name, newName);
    }

    private Errno Replace(in Move move, ReadOnlySpan<byte> name, ReadOnlySpan<byte> newName)
    {
        (Inode source, Inode? target) = (move.Source, move.Target);
        bool isDirectory = source.Attributes.IsDirectory;
        if (isDirectory && IsInside(move.NewDirectory, source))
            return Errno.EINVAL;
        if (source == target)
            return Errno.None;
        if (target is not null && CheckReplaced(isDirectory, target) is var refused and not Errno.None)
            return refused;
        int subdirectory = isDirectory ? 1 : 0;
        int replaced = target is { Attributes.IsDirectory: true } ? 1 : 0;
        if (move.IsAcross && subdirectory > replaced && move.NewDirectory.Attributes.LinkCount >= _maxLinks)
            return Errno.EMLINK;

        using TransactionGate.ChangeScope change = _gate.BeginChange();
        _entries.Put(move.NewDirectory.Number, move.To.Cookie, newName, source.Number, move.From.Type);
        _entries.Delete(move.Directory.Number, move.From.Cookie);
        ChangeDirectory(move.Directory, -1, name.Length, -subdirectory, move.Now);
        ChangeDirectory(move.NewDirectory, target is null ? 1 : 0, newName.Length, subdirectory - replaced, move.Now);
        NoteMoved(source, move.NewDirectory, move.Now);
        if (target is not null)
            DropName(target, move.Now);
        change.Complete();
        return Errno.None;
    }

    private Errno Exchange(in Move move, ReadOnlySpan<byte> name, ReadOnlySpan<byte> newName)
    {
        (Inode source, Inode target) = (move.Source, move.Target!);
        if (source.Attributes.IsDirectory && IsInside(move.NewDirectory, source))
            return Errno.EINVAL;
        if (target.Attributes.IsDirectory && IsInside(move.Directory, target))
            return Errno.EINVAL;
        if (source == target)
            return Errno.None;
        int gained = !move.IsAcross ? 0 : (source.Attributes.IsDirectory ? 1 : 0) - (target.Attributes.IsDirectory ? 1 : 0);
        Inode gaining = gained < 0 ? move.Directory : move.NewDirectory;
        if (gained != 0 && gaining.Attributes.LinkCount >= _maxLinks)
            return Errno.EMLINK;

        using TransactionGate.ChangeScope change = _gate.BeginChange();
        _entries.Put(move.NewDirectory.Number, move.To.Cookie, newName, source.Number, move.From.Type);
        _entries.Put(move.Directory.Number, move.From.Cookie, name, target.Number, move.To.Type);
        ChangeDirectory(move.NewDirectory, 0, 0, gained, move.Now);
        ChangeDirectory(move.Directory, 0, 0, -gained, move.Now);
        NoteMoved(source, move.NewDirectory, move.Now);
        NoteMoved(target, move.Directory, move.Now);
        change.Complete();
        return Errno.None;
    }

    private static Errno CheckReplaced(bool isDirectory, Inode target)
    {
        if (isDirectory != target.Attributes.IsDirectory)
            return isDirectory ? Errno.ENOTDIR : Errno.EISDIR;
        return target.EntryCount > 0 ? Errno.ENOTEMPTY : Errno.None;
    }

    private void NoteMoved(Inode inode, Inode directory, FileTime now)
    {
        lock (inode.Lock)
        {
            if (inode.Attributes.IsDirectory)
                inode.Parent = directory.Number;
            inode.Attributes.ChangeTime = now;
            _inodes.MarkDirty(inode);
        }
    }

    /// <summary>Whether <paramref name="directory"/> is <paramref name="ancestor"/> or lies below it. The namespace lock keeps the chain still.</summary>
    private bool IsInside(Inode directory, Inode ancestor)
    {
        for (long steps = _inodes.InodeCount + 1; steps > 0; steps--)
        {
            if (directory == ancestor)
                return true;
            if (directory.Number == InodeNumber.Root)
                return false;
            directory = _inodes.Find(directory.Parent) ?? throw Dangling(directory.Number, directory.Parent);
        }

        throw new CorruptionException("(pool)", $"parents of directory {directory.Number}", "a way to the root", "a circle");
    }

    /// <summary>Everything that a rename is about. <see cref="Target"/> is what has the new name now.</summary>
    private readonly record struct Move(
        Inode Directory, Inode NewDirectory, Inode Source, Inode? Target, EntrySlot From, EntrySlot To, FileTime Now)
    {
        public bool IsAcross => Directory != NewDirectory;
    }
}
