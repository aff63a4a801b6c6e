using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.CrashTests.Simulation;

/// <summary>
/// The disk seam in memory, with the worst disk that its contract allows. One opener of one disk of a <see cref="SimulatedWorld"/>; everything it does
/// is visible to the other openers at once and durable only as the contract says.
/// </summary>
public sealed partial class SimulatedDisk : IDisk
{
    private readonly SimulatedMedium _medium;
    private bool _isDisposed;

    internal SimulatedDisk(SimulatedMedium medium) => _medium = medium;

    public string Name => _medium.Name;

    public int Index => _medium.Index;

    public SimulatedWorld World => _medium.World;

    /// <summary>What the disk is now, pending changes included.</summary>
    public DiskImage Image => _medium.Image;

    public IDiskFile Open(string path, DiskOpenMode mode)
    {
        DiskPath.Check(path);
        bool mayCreate = mode is DiskOpenMode.CreateNew or DiskOpenMode.OpenOrCreate;
        bool creates = mayCreate && Image.Find(path, out _) == Errno.ENOENT;
        var call = new CallScope(this, creates ? DiskCalls.Create : DiskCalls.Open, "open", path);
        lock (World.Gate)
        {
            DiskImage image = _medium.Image;
            Errno errno = image.Find(path, out int inode);
            if (errno == Errno.ENOENT && mayCreate)
            {
                inode = image.NextInode;
                Change(call, Add(image, call, FileInode.New));
            }
            else
            {
                call.ThrowOnFailure(errno == Errno.None ? CheckRegular(image, inode, mode) : errno);
            }

            call.ThrowIfFailsAfter();
            _medium.AddOpen(inode);
            return new SimulatedFile(this, _medium, inode, path, mode);
        }
    }

    public void MakeDirectory(string path)
    {
        DiskPath.Check(path);
        var call = new CallScope(this, DiskCalls.MakeDirectory, "mkdir", path);
        lock (World.Gate)
        {
            call.ThrowOnFailure(_medium.Image.Find(path, out _) switch
            {
                Errno.None => Errno.EEXIST,
                Errno.ENOENT => Errno.None,
                Errno other => other,
            });
            Change(call, Add(_medium.Image, call, ImageNames.NewDirectory));
        }

        call.ThrowIfFailsAfter();
    }

    public void Unlink(string path)
    {
        DiskPath.Check(path);
        var call = new CallScope(this, DiskCalls.Unlink, "unlink", path);
        lock (World.Gate)
        {
            call.ThrowOnFailure(_medium.Image.Find(path, out int inode));
            call.ThrowOnFailure(_medium.Image.Inodes[inode] is DirectoryInode ? Errno.EISDIR : Errno.None);
            Change(call, Remove(_medium.Image, call));
        }

        call.ThrowIfFailsAfter();
    }

    public void RemoveDirectory(string path)
    {
        DiskPath.Check(path);
        var call = new CallScope(this, DiskCalls.RemoveDirectory, "rmdir", path);
        lock (World.Gate)
        {
            call.ThrowOnFailure(_medium.Image.FindDirectory(path, out int inode));
            call.ThrowOnFailure(((DirectoryInode)_medium.Image.Inodes[inode]).Live.IsEmpty ? Errno.None : Errno.ENOTEMPTY);
            Change(call, Remove(_medium.Image, call));
        }

        call.ThrowIfFailsAfter();
    }

    public void Rename(string from, string to)
    {
        DiskPath.Check(from);
        DiskPath.Check(to);
        var call = new CallScope(this, DiskCalls.Rename, "rename", from, to);
        lock (World.Gate)
        {
            DiskImage image = _medium.Image;
            call.ThrowOnFailure(image.Find(from, out int moved));
            call.ThrowOnFailure(image.FindDirectory(DiskPath.Split(to, out string newName), out int newDirectory));
            _ = image.FindDirectory(DiskPath.Split(from, out string oldName), out int oldDirectory);
            int replaced = image.Lookup(newDirectory, newName);
            if (replaced != moved)
            {
                call.ThrowOnFailure(image.CheckRename(moved, newDirectory, replaced));
                var change = new EntryChange(
                    call.Sequence, $"rename {from} -> {to}",
                    [new EntrySetting(oldDirectory, oldName, 0), new EntrySetting(newDirectory, newName, moved)]);
                Change(call, image.Change(change));
            }
        }

        call.ThrowIfFailsAfter();
    }

    public IReadOnlyList<DiskEntry> List(string path)
    {
        DiskPath.CheckDirectory(path);
        var call = new CallScope(this, DiskCalls.List, "list", path);
        lock (World.Gate)
        {
            DiskImage image = _medium.Image;
            call.ThrowOnFailure(image.FindDirectory(path, out int directory));
            call.ThrowIfFailsAfter();
            return [.. ((DirectoryInode)image.Inodes[directory]).Live.Select(entry => new DiskEntry(entry.Key, KindOf(image.Inodes[entry.Value])))];
        }
    }

    public void SyncDirectory(string path)
    {
        DiskPath.CheckDirectory(path);
        var call = new CallScope(this, DiskCalls.SyncDirectory, "fsync directory", path);
        lock (World.Gate)
        {
            call.ThrowOnFailure(_medium.Image.FindDirectory(path, out int directory));
            if (call.Fault != FaultKind.SkippedSync)
                _medium.Set(call.Sequence, _medium.Image.SyncDirectory(directory, _medium.IsOpen));
        }

        call.ThrowIfFailsAfter();
    }

    public DiskSpace Space()
    {
        var call = new CallScope(this, DiskCalls.Space, "statvfs", "");
        call.ThrowIfFailsAfter();
        DiskImage image = _medium.Image;
        long availableBytes = Math.Max(0, image.CapacityBytes - image.UsedBytes - _medium.World.Ballast.GetValueOrDefault(Index));
        return new DiskSpace(image.CapacityBytes, availableBytes, 1 << 30, 1 << 30, image.IsReadOnly, (ulong)Index + 1);
    }

    public bool TryLock()
    {
        ThrowIfDisposed();
        lock (World.Gate)
        {
            _medium.LockHolder ??= this;
            return _medium.LockHolder == this;
        }
    }

    public void Dispose()
    {
        lock (World.Gate)
        {
            _isDisposed = true;
            if (_medium.LockHolder == this)
                _medium.LockHolder = null;
        }
    }

    internal void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(_isDisposed, this);

    /// <summary>Publishes what a call did; refuses on a read-only disk.</summary>
    private void Change(in CallScope call, DiskImage image)
    {
        call.ThrowOnFailure(_medium.Image.IsReadOnly ? Errno.EROFS : Errno.None);
        _medium.Set(call.Sequence, image);
    }

    private static DiskImage Add(DiskImage image, in CallScope call, Inode inode)
    {
        call.ThrowOnFailure(image.FindDirectory(DiskPath.Split(call.Path, out string name), out int directory));
        return image.Create(call.Sequence, call.Path, directory, name, inode);
    }

    private static DiskImage Remove(DiskImage image, in CallScope call)
    {
        _ = image.FindDirectory(DiskPath.Split(call.Path, out string name), out int directory);
        return image.Change(new EntryChange(call.Sequence, $"unlink {call.Path}", [new EntrySetting(directory, name, 0)]));
    }

    private static Errno CheckRegular(DiskImage image, int inode, DiskOpenMode mode)
    {
        if (mode == DiskOpenMode.CreateNew)
            return Errno.EEXIST;
        bool writes = mode is DiskOpenMode.ReadWrite or DiskOpenMode.OpenOrCreate;
        return image.Inodes[inode] switch
        {
            FileInode => image.IsReadOnly && writes ? Errno.EROFS : Errno.None,
            DirectoryInode => Errno.EISDIR,
            OtherInode { IsLink: true } => Errno.ELOOP,
            _ => Errno.EINVAL,
        };
    }

    private static DiskEntryKind KindOf(Inode inode) => inode switch
    {
        FileInode => DiskEntryKind.File,
        DirectoryInode => DiskEntryKind.Directory,
        _ => DiskEntryKind.Other,
    };
}
