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

    private const uint RootPermissions = 0x1ED;

    /// <summary>The root that creating a pool writes: two empty trees.</summary>
    private static readonly Generation _firstGeneration = new(1);

    private readonly TransactionGate _gate = new();

    /// <summary>The namespace lock: one change of names at a time. Look-ups and listings do not take it. Taken inside the gate, before inode locks.</summary>
    private readonly Lock _names = new();
    private readonly MetadataStore _metadata;
    private readonly Tree _tree;
    private readonly InodeTable _inodes;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly DirectoryEntries _entries;
    private readonly XattrStore _xattrs;
    private readonly SymbolicLinks _links;
    private readonly OrphanList _orphans;
    private readonly AccessTimePolicy _accessTimes;
    private readonly (uint UserId, uint GroupId) _rootOwner;
    private readonly uint _maxLinks;
    private volatile bool _isReadOnly;

    internal FileSystem(FileSystemParts parts)
    {
        (_metadata, _tree, _time, _log, _isReadOnly) = (parts.Metadata, parts.Metadata.Namespace, parts.Time, parts.Log, parts.IsReadOnly);
        RootCounters counters = _metadata.Root.Counters;
        _inodes = new InodeTable(_tree, parts.Limits.CachedInodes, Math.Max(counters.NextInode, InodeNumber.Root.Value + 1), counters.InodeCount);
        (_entries, _xattrs, _links, _orphans) = (new(_tree, parts.NameHash), new(_tree), new(_tree), new(_tree));
        (_accessTimes, _rootOwner, _maxLinks) = (parts.AccessTimes, parts.RootOwner, parts.Limits.MaxLinks);
        StartData(parts);
    }

    public bool IsReadOnly => _isReadOnly;

    internal TransactionGate Gate => _gate;
    internal InodeTable Inodes => _inodes;

    /// <summary>
    /// From now on every change answers EROFS: a commit failed, or a change stopped half-way and the running transaction must never be committed.
    /// </summary>
    internal void TurnReadOnly() => _isReadOnly = true;

    /// <summary>
    /// Makes the root directory of a new pool (true); any other pool without one is corrupt. Inside the gate; a read-only filesystem has it in memory only.
    /// </summary>
    private bool EnsureRoot()
    {
        if (_inodes.Find(InodeNumber.Root) is not null)
            return false;
        if (_metadata.Root.Generation > _firstGeneration || _inodes.InodeCount > 0)
            throw new CorruptionException("(pool)", "namespace tree", "a root directory", "none");
        FileTime now = Now();
        _inodes.Add(new Inode(InodeNumber.Root)
        {
            Parent = InodeNumber.Root,
            Attributes = new Attributes
            {
                Inode = InodeNumber.Root,
                Mode = FileType.Directory | RootPermissions,
                LinkCount = 2,
                UserId = _rootOwner.UserId,
                GroupId = _rootOwner.GroupId,
                AccessTime = now,
                ModifyTime = now,
                ChangeTime = now,
                BirthTime = now,
            },
        });
        return true;
    }

    private void KeepAccessTimes()
    {
        if (_gate.IsBroken)
            return;
        using (_gate.EnterExclusive())
            _inodes.KeepAccessTimes();
    }

    /// <summary>Called at the end of operations that look inodes up: outside the gate and all locks.</summary>
    private void TrimInodes()
    {
        if (!_inodes.IsOverfull || _gate.IsBroken)
            return;
        using (_gate.EnterExclusive())
        {
            if (_inodes.IsOverfull)
                _inodes.Trim();
        }
    }

    private FileTime Now() => FileTime.From(_time.GetUtcNow());
}
