using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging;

namespace DynamicFs.Files;

/// <summary>
/// POSIX over the pool, by inode number: what the FUSE layer calls. Names are raw bytes without '/' and NUL, at most 255. Every method
/// returns an errno (<see cref="Errno.None"/> is success) and is safe to call from any thread. Permission bits are checked by the kernel
/// (default_permissions) except where only we can: sticky directories on rename and unlink are the kernel's too; setgid inheritance, ACL inheritance and
/// privilege clearing are ours. There are no file handles: an open file is its inode number, and <see cref="Open"/>/<see cref="Release"/> count users so
/// that an unlinked inode lives until the last close.
/// </summary>
public sealed partial class FileSystem
{
    /// <summary>Longest name of a directory entry, in bytes.</summary>
    public const int MaxNameBytes = 255;

    private readonly TransactionGate _gate = new();
    private readonly Lock _names = new();
    private readonly MetadataStore _metadata;
    private readonly Tree _tree;
    private readonly InodeTable _inodes;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private volatile bool _isReadOnly;

    internal FileSystem(FileSystemParts parts)
    {
        (_metadata, _tree, _time, _log, _isReadOnly) = (parts.Metadata, parts.Metadata.Namespace, parts.Time, parts.Log, parts.IsReadOnly);
        RootCounters counters = _metadata.Root.Counters;
        _inodes = new InodeTable(_tree, parts.Limits.CachedInodes, Math.Max(counters.NextInode, InodeNumber.Root.Value + 1), counters.InodeCount);
        StartData(parts);
    }

    public bool IsReadOnly => _isReadOnly;

    internal TransactionGate Gate => _gate;
    internal InodeTable Inodes => _inodes;

    /// <summary>
    /// From now on every change answers EROFS: a commit failed, or a change stopped half-way and the running transaction must never be committed.
    /// </summary>
    internal void TurnReadOnly() => _isReadOnly = true;

    private FileTime Now() => FileTime.From(_time.GetUtcNow());

    /// <summary>Finds <paramref name="name"/>; "." and ".." work too (NFS export).</summary>
    public Errno Lookup(InodeNumber parent, ReadOnlySpan<byte> name, out Attributes attributes) => throw new NotImplementedException();

    public Errno GetAttributes(InodeNumber inode, out Attributes attributes) => throw new NotImplementedException();

    public Errno SetAttributes(in Caller caller, InodeNumber inode, in AttributeChange change, out Attributes attributes) => throw new NotImplementedException();

    /// <summary>Makes a file, fifo, socket or device node. <paramref name="mode"/> has the type bits; the umask of the caller is applied here (or the default ACL).</summary>
    public Errno MakeNode(in Caller caller, InodeNumber parent, ReadOnlySpan<byte> name, uint mode, uint deviceId, out Attributes attributes) => throw new NotImplementedException();

    public Errno MakeDirectory(in Caller caller, InodeNumber parent, ReadOnlySpan<byte> name, uint mode, out Attributes attributes) => throw new NotImplementedException();

    public Errno MakeSymbolicLink(in Caller caller, InodeNumber parent, ReadOnlySpan<byte> name, ReadOnlySpan<byte> target, out Attributes attributes) => throw new NotImplementedException();

    /// <summary>Makes a regular file and opens it (counts one Open). EEXIST when the name is taken: the kernel asks Create only for new names.</summary>
    public Errno Create(in Caller caller, InodeNumber parent, ReadOnlySpan<byte> name, uint mode, out Attributes attributes) => throw new NotImplementedException();

    /// <summary>O_TMPFILE: an open regular file without a name (counts one Open).</summary>
    public Errno MakeTemporary(in Caller caller, InodeNumber parent, uint mode, out Attributes attributes) => throw new NotImplementedException();

    public Errno ReadSymbolicLink(InodeNumber inode, Span<byte> destination, out int lengthBytes) => throw new NotImplementedException();

    public Errno Link(in Caller caller, InodeNumber inode, InodeNumber newParent, ReadOnlySpan<byte> newName, out Attributes attributes) => throw new NotImplementedException();

    public Errno Unlink(in Caller caller, InodeNumber parent, ReadOnlySpan<byte> name) => throw new NotImplementedException();

    public Errno RemoveDirectory(in Caller caller, InodeNumber parent, ReadOnlySpan<byte> name) => throw new NotImplementedException();

    public Errno Rename(in Caller caller, InodeNumber parent, ReadOnlySpan<byte> name, InodeNumber newParent, ReadOnlySpan<byte> newName, RenameFlags flags) => throw new NotImplementedException();

    /// <summary>Counts a user of the inode. <paramref name="truncate"/> is O_TRUNC (atomic); <paramref name="killPrivileges"/> is FUSE_OPEN_KILL_SUIDGID.</summary>
    public Errno Open(InodeNumber inode, bool write, bool truncate, bool killPrivileges) => throw new NotImplementedException();

    /// <summary>Ends one use; the last one of an unlinked inode frees it.</summary>
    public void Release(InodeNumber inode) => throw new NotImplementedException();

    /// <summary>Lists entries after <paramref name="cookie"/> (0: from the start, '.' and '..' first). Stable under concurrent change.</summary>
    public Errno ReadDirectory(InodeNumber inode, ulong cookie, IDirectorySink sink) => throw new NotImplementedException();

    /// <summary>Value of an attribute; <paramref name="destination"/> empty asks for the size. ERANGE when it does not fit, ENODATA when there is none.</summary>
    public Errno GetXattr(InodeNumber inode, ReadOnlySpan<byte> name, Span<byte> destination, out int lengthBytes) => throw new NotImplementedException();

    /// <summary><paramref name="killSetgid"/> is FUSE_SETXATTR_ACL_KILL_SGID.</summary>
    public Errno SetXattr(in Caller caller, InodeNumber inode, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, XattrMode mode, bool killSetgid) => throw new NotImplementedException();

    /// <summary>NUL-terminated names one after the other.</summary>
    public Errno ListXattr(InodeNumber inode, Span<byte> destination, out int lengthBytes) => throw new NotImplementedException();

    public Errno RemoveXattr(in Caller caller, InodeNumber inode, ReadOnlySpan<byte> name) => throw new NotImplementedException();
}
