using System.Runtime.CompilerServices;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>Making nodes and names.</summary>
public sealed partial class FileSystem
{
    /// <summary>
    /// Makes a file, fifo, socket or device node. <paramref name="mode"/> has the type bits; the umask of the caller is applied here (or the default ACL).
    /// </summary>
    public Errno MakeNode(in Caller caller, InodeNumber parent, ReadOnlySpan<byte> name, uint mode, uint deviceId, out Attributes attributes)
    {
        if ((mode & FileType.Mask) == 0)
            mode |= FileType.Regular;
        bool isDevice = (mode & FileType.Mask) is FileType.CharDevice or FileType.BlockDevice;
        if (isDevice || (mode & FileType.Mask) is FileType.Regular or FileType.Fifo or FileType.Socket)
            return Make(caller, parent, name, new NewNode { Mode = mode & (FileType.Mask | ModeBits.All), DeviceId = isDevice ? deviceId : 0 }, out attributes);
        attributes = default;
        return Errno.EINVAL;
    }

    public Errno MakeDirectory(in Caller caller, InodeNumber parent, ReadOnlySpan<byte> name, uint mode, out Attributes attributes)
        => Make(caller, parent, name, new NewNode { Mode = FileType.Directory | (mode & ModeBits.All) }, out attributes);

    public Errno MakeSymbolicLink(
        in Caller caller, InodeNumber parent, ReadOnlySpan<byte> name, ReadOnlySpan<byte> target, out Attributes attributes)
    {
        attributes = default;
        if (target.IsEmpty)
            return Errno.ENOENT;
        if (target.Length > SymbolicLinks.MaxTargetBytes)
            return Errno.ENAMETOOLONG;
        if (target.Contains((byte)0))
            return Errno.EINVAL;
        return Make(caller, parent, name, new NewNode { Mode = FileType.SymbolicLink | ModeBits.Permissions, Target = target }, out attributes);
    }

    /// <summary>Makes a regular file and opens it (counts one Open). EEXIST when the name is taken: the kernel asks Create only for new names.</summary>
    public Errno Create(in Caller caller, InodeNumber parent, ReadOnlySpan<byte> name, uint mode, out Attributes attributes)
        => Make(caller, parent, name, new NewNode { Mode = FileType.Regular | (mode & ModeBits.All), IsOpen = true }, out attributes);

    /// <summary>O_TMPFILE: an open regular file without a name (counts one Open).</summary>
    public Errno MakeTemporary(in Caller caller, InodeNumber parent, uint mode, out Attributes attributes)
    {
        attributes = default;
        var node = new NewNode { Mode = FileType.Regular | (mode & ModeBits.All), IsOpen = true, IsNameless = true };
        try
        {
            Errno errno = AdmitChange(needsSpace: true);
            if (errno == Errno.None)
            {
                using (_gate.EnterShared())
                {
                    lock (_names)
                    {
                        errno = FindLiveDirectory(parent, out Inode directory);
                        if (errno == Errno.None)
                            MakeNameless(caller, directory, node, out attributes);
                    }
                }
            }

            TrimInodes();
            return errno;
        }
        catch (Exception e)
        {
            return Failed(e, "tmpfile", parent);
        }
    }

    public Errno Link(in Caller caller, InodeNumber inode, InodeNumber newParent, ReadOnlySpan<byte> newName, out Attributes attributes)
    {
        attributes = default;
        try
        {
            Errno errno = AdmitName(newName);
            if (errno == Errno.None)
            {
                using (_gate.EnterShared())
                {
                    lock (_names)
                        errno = LinkName(inode, newParent, newName, out attributes);
                }
            }

            TrimInodes();
            return errno;
        }
        catch (Exception e)
        {
            return Failed(e, "link", inode);
        }
    }

    private Errno Make(in Caller caller, InodeNumber parent, ReadOnlySpan<byte> name, in NewNode node, out Attributes attributes)
    {
        attributes = default;
        try
        {
            Errno errno = AdmitName(name);
            if (errno == Errno.None)
            {
                using (_gate.EnterShared())
                {
                    lock (_names)
                        errno = MakeName(caller, parent, name, node, out attributes);
                }
            }

            TrimInodes();
            return errno;
        }
        catch (Exception e)
        {
            return Failed(e, "create", parent);
        }
    }

    /// <summary>Whether a name may be made at all, wherever.</summary>
    private Errno AdmitName(ReadOnlySpan<byte> name)
    {
        if (FileName.Check(name) is var bad and not Errno.None)
            return bad;
        return FileName.IsDots(name) ? Errno.EEXIST : AdmitChange(needsSpace: true);
    }

    private Errno MakeName(in Caller caller, InodeNumber parent, ReadOnlySpan<byte> name, in NewNode node, out Attributes attributes)
    {
        attributes = default;
        if (FindLiveDirectory(parent, out Inode directory) is var missing and not Errno.None)
            return missing;
        EntrySlot slot = _entries.Find(parent, name);
        if (slot.Exists || slot.Cookie == 0)
            return slot.Exists ? Errno.EEXIST : Errno.ENOSPC;
        if (node.IsDirectory && directory.Attributes.LinkCount >= _maxLinks)
            return Errno.EMLINK;
        FileTime now = Now();
        Inode inode = Prepare(caller, directory, node, now);
        InheritedAcl acl = InheritAcl(caller, directory, inode, stackalloc byte[InheritedAcl.BytesFor(directory)]);
        using TransactionGate.ChangeScope change = _gate.BeginChange();
        PutDetails(inode, node, acl);
        attributes = inode.Attributes;
        _inodes.Add(inode);
        _entries.Put(parent, slot.Cookie, name, inode.Number, node.Type);
        ChangeDirectory(directory, 1, name.Length, node.IsDirectory ? 1 : 0, now);
        change.Complete();
        return Errno.None;
    }

    private void MakeNameless(in Caller caller, Inode directory, in NewNode node, out Attributes attributes)
    {
        Inode inode = Prepare(caller, directory, node, Now());
        InheritedAcl acl = InheritAcl(caller, directory, inode, stackalloc byte[InheritedAcl.BytesFor(directory)]);
        using TransactionGate.ChangeScope change = _gate.BeginChange();
        PutDetails(inode, node, acl);
        _orphans.Add(inode);
        attributes = inode.Attributes;
        _inodes.Add(inode);
        change.Complete();
    }

    /// <summary>A new inode that nobody knows yet. The group comes from a setgid directory, else from the caller; directories inherit the bit.</summary>
    private Inode Prepare(in Caller caller, Inode directory, in NewNode node, FileTime now)
    {
        uint directoryMode, directoryGroup;
        lock (directory.Lock)
            (directoryMode, directoryGroup) = (directory.Attributes.Mode, directory.Attributes.GroupId);
        bool inheritsGroup = (directoryMode & ModeBits.SetGroupId) != 0;
        var inode = new Inode(_inodes.AllocateNumber())
        {
            Parent = node.IsDirectory ? directory.Number : InodeNumber.None,
            OpenCount = node.IsOpen ? 1 : 0,
        };
        inode.Attributes = new Attributes
        {
            Inode = inode.Number,
            Mode = node.Mode | (inheritsGroup && node.IsDirectory ? ModeBits.SetGroupId : 0),
            LinkCount = node.IsNameless ? 0u : node.IsDirectory ? 2u : 1u,
            UserId = caller.UserId,
            GroupId = inheritsGroup ? directoryGroup : caller.GroupId,
            DeviceId = node.DeviceId,
            SizeBytes = node.Target.Length,
            AccessTime = now,
            ModifyTime = now,
            ChangeTime = now,
            BirthTime = now,
        };
        return inode;
    }

    private void PutDetails(Inode inode, in NewNode node, in InheritedAcl acl)
    {
        if (!acl.Access.IsEmpty)
            _xattrs.Put(inode, XattrName.AccessAcl, acl.Access, -1);
        if (!acl.Default.IsEmpty)
            _xattrs.Put(inode, XattrName.DefaultAcl, acl.Default, -1);
        if (!node.Target.IsEmpty)
            _links.Put(inode.Number, node.Target);
    }

    private Errno LinkName(InodeNumber number, InodeNumber newParent, ReadOnlySpan<byte> newName, out Attributes attributes)
    {
        attributes = default;
        if (_inodes.Find(number) is not { } inode)
            return Errno.ENOENT;
        if (inode.Attributes.IsDirectory)
            return Errno.EPERM;
        if (FindLiveDirectory(newParent, out Inode directory) is var missing and not Errno.None)
            return missing;
        EntrySlot slot = _entries.Find(newParent, newName);
        if (slot.Exists || slot.Cookie == 0)
            return slot.Exists ? Errno.EEXIST : Errno.ENOSPC;
        FileTime now = Now();
        lock (inode.Lock)
        {
            // A file without a name can only be one of O_TMPFILE that is still open: the kernel refuses the others.
            if (inode.IsGone || inode.Attributes.LinkCount >= _maxLinks)
                return inode.IsGone ? Errno.ENOENT : Errno.EMLINK;
            using TransactionGate.ChangeScope change = _gate.BeginChange();
            _orphans.Remove(inode);
            inode.Attributes.LinkCount++;
            inode.Attributes.ChangeTime = now;
            _inodes.MarkDirty(inode);
            _entries.Put(newParent, slot.Cookie, newName, number, inode.Attributes.Mode & FileType.Mask);
            attributes = Described(inode);
            change.Complete();
        }

        ChangeDirectory(directory, 1, newName.Length, 0, now);
        return Errno.None;
    }

    /// <summary>
    /// A directory gained or lost names. Its size is the bytes of its names and <see cref="EntryOverheadBytes"/> for each: something that grows with it and
    /// costs nothing to know.
    /// </summary>
    private void ChangeDirectory(Inode directory, int names, int nameBytes, int subdirectories, FileTime now)
    {
        lock (directory.Lock)
        {
            directory.EntryCount += names;
            directory.Attributes.SizeBytes += names * (nameBytes + EntryOverheadBytes);
            directory.Attributes.LinkCount = (uint)(directory.Attributes.LinkCount + subdirectories);
            (directory.Attributes.ModifyTime, directory.Attributes.ChangeTime) = (now, now);
            _inodes.MarkDirty(directory);
        }
    }

    private const int EntryOverheadBytes = 16;

    /// <summary>What is asked for when a node is made.</summary>
    private readonly ref struct NewNode
    {
        public uint Mode { get; init; }
        public uint DeviceId { get; init; }
        public ReadOnlySpan<byte> Target { get; init; }
        public bool IsOpen { get; init; }
        public bool IsNameless { get; init; }

        public uint Type => Mode & FileType.Mask;
        public bool IsDirectory => Type == FileType.Directory;
    }
}
