using DynamicFs.Extents;
using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging;

namespace DynamicFs.Files;

/// <summary>File data: reading, writing, sizes, holes, sharing, durability; and the start and the end of the whole.</summary>
public sealed partial class FileSystem
{
    /// <summary>Largest size of a file: offsets are signed 64 bit everywhere in the kernel.</summary>
    public const long MaxFileBytes = long.MaxValue;

    /// <summary>After a crash ids up to here may have been used by the transaction that was lost.</summary>
    private const ulong LostExtents = 1 << 16;
    private const ulong LostInodes = 1 << 20;

    private static readonly TimeSpan _compactionPeriod = TimeSpan.FromSeconds(20);

    private ExtentStore _store = null!;
    private RedundancyScheme _scheme;
    private SegmentPool _segments = null!;
    private ExtentAccounts _accounts = null!;
    private ExtentAssembler _assembler = null!;
    private ExtentCatalog _catalog = null!;
    private readonly ExtentMoves _moves = new();
    private PoolNotes _notes = null!;
    private ForegroundLatency _foreground = null!;
    private JournalLog _journal = null!;
    private FileContents _contents = null!;
    private CommitCoordinator _commit = null!;
    private Compactor _compactor = null!;
    private PeriodicThread? _compaction;
    private SpaceAccount _space = null!;
    private FileSystemLimits _limits = null!;
    private bool _mayLackDisks;

    /// <summary>Why the filesystem turned read-only; null while it did not.</summary>
    public PoolException? Failure => _commit.Failure;

    internal CommitCoordinator Commits => _commit;
    internal ExtentCatalog Catalog => _catalog;
    internal ExtentMoves Moves => _moves;
    internal PoolNotes Notes => _notes;

    /// <summary>What programs wait for: maintenance yields to that.</summary>
    internal ForegroundLatency Foreground => _foreground;
    internal FileContents Contents => _contents;
    internal Compactor Compactor => _compactor;

    /// <summary>
    /// Brings the filesystem to its last durable state: replays the journal, removes what a crash left, frees orphans, commits that, and starts
    /// committing in the background. Call once, before anything else; read-only filesystems change nothing on disks.
    /// </summary>
    public void Start()
    {
        RootCounters root = _metadata.Root.Counters;
        var replay = new JournalReplay(_tree, _assembler, _accounts, _segments);
        IReadOnlyList<byte[]> batches = _metadata.JournalBatches;
        bool isNew;
        using (_gate.EnterShared())
        {
            replay.Run(batches);
            _inodes.Recover(Math.Max(root.NextInode, replay.NextInode) + LostInodes, replay.InodeCountChange);
            replay.RestoreData(_inodes.Find, (inode, offset, bytes) =>
            {
                lock (inode.Lock)
                {
                    _contents.Write(inode, offset, bytes);
                    _inodes.MarkDirty(inode);
                }
            });
            isNew = EnsureRoot();
        }

        if (!_isReadOnly && !_store.CanWrite(_scheme) && !(_mayLackDisks && batches.Count == 0))
        {
            // Everything can be read, nothing could be acknowledged: what the journal has stays there for the next start.
            LogTooFewDisks(_log, _scheme);
            TurnReadOnly();
        }

        if (_isReadOnly)
            return;
        KillPoint.Reach("mount-after-replay");
        // What was not seen now must never win later, so it is outdone before the fragments that it may name are removed.
        if (!_metadata.SawEverything && !TryFirstCommit())
            return;
        if (!Canary.Is("uncommitted-not-removed"))
            _store.RemoveUncommitted(new ExtentId(root.NextExtent), (extent, index, disk) => IsNeeded(extent, index, disk, replay.Extents));
        if (!Canary.Is("orphans-not-freed"))
            FreeOrphans();
        if ((isNew || batches.Count > 0) && !TryFirstCommit())
            return;
        KillPoint.Reach("mount-after-commit");
        if (_limits.ExtentWriters == 0)
            return;
        _commit.Start();
        long seen = _commit.CommitCount;
        _compaction = new PeriodicThread("compaction", KillPoint.Hurried(_compactionPeriod), () =>
        {
            // An idle pool is left alone: nothing died since the last look.
            if (_isReadOnly || _commit.CommitCount == seen)
                return;
            seen = _commit.CommitCount;
            try
            {
                _compactor.Step();
            }
            catch (Exception e)
            {
                Failed(e, "compaction", InodeNumber.None);
            }
        });
    }

    /// <summary>The commit of a mount may use a number again that the lost transaction used on other disks: only the places of the record count.</summary>
    private bool IsNeeded(ExtentId extent, int index, int disk, HashSet<ExtentId> journaled) => _catalog.Find(extent) is { } record
        ? index < record.Fragments.Length && record.Fragments[index].DiskIndex == disk
        : journaled.Contains(extent);

    /// <summary>
    /// False when the disks as they are take no commit: then everything can be read, what the journal has is in memory and stays in the journal for the next start, and
    /// the filesystem is read-only (the commit said why).
    /// </summary>
    private bool TryFirstCommit()
    {
        try
        {
            _commit.Commit(force: true);
            return true;
        }
        catch (PoolException e) when (e.Id == ErrorId.MinWrite || e.Id == ErrorId.NoSpace)
        {
            return false;
        }
    }

    /// <summary>Commits everything and stops the background threads. Throws when the last commit failed.</summary>
    public void Stop()
    {
        _compaction?.Dispose();
        try
        {
            if (!_isReadOnly)
            {
                KeepAccessTimes();
                _commit.Commit();
            }
        }
        finally
        {
            _commit.Dispose();
            _assembler.Dispose();
            _segments.Dispose();
        }
    }

    /// <summary>Reads up to the end of the file; holes are zeros. EIO when a range cannot be read right.</summary>
    public Errno Read(InodeNumber inode, long offset, Span<byte> destination, out int count)
    {
        count = 0;
        if (offset < 0)
            return Errno.EINVAL;
        try
        {
            if (_inodes.Find(inode) is not { } found)
                return Errno.ENOENT;
            if (!found.Attributes.IsRegular)
                return found.Attributes.IsDirectory ? Errno.EISDIR : Errno.EINVAL;
            using ForegroundLatency.ForegroundCall call = _foreground.Begin(ForegroundKind.Read);
            count = _contents.Read(found, offset, destination);
            lock (found.Lock)
                NoteAccess(found);
            return Errno.None;
        }
        catch (Exception e)
        {
            return Failed(e, "read", inode);
        }
    }

    /// <summary>Writes all or nothing. <paramref name="killPrivileges"/> is FUSE_WRITE_KILL_SUIDGID. May wait for buffers (back-pressure).</summary>
    public Errno Write(InodeNumber inode, long offset, ReadOnlySpan<byte> source, bool killPrivileges)
    {
        if (offset < 0)
            return Errno.EINVAL;
        if (offset > MaxFileBytes - source.Length)
            return Errno.EFBIG;
        try
        {
            using ForegroundLatency.ForegroundCall call = _foreground.Begin(ForegroundKind.Write);
            if (AdmitWrite(source.Length) is var refused and not Errno.None)
                return refused;
            using (_gate.EnterShared())
            {
                if (_inodes.Find(inode) is not { } found)
                    return Errno.ENOENT;
                lock (found.Lock)
                {
                    if (found.IsRemoved || !found.Attributes.IsRegular)
                        return found.IsRemoved ? Errno.ENOENT : Errno.EINVAL;
                    _contents.Write(found, offset, source);
                    FileTime now = Now();
                    (found.Attributes.ModifyTime, found.Attributes.ChangeTime) = (now, now);
                    found.Attributes.SizeBytes = Math.Max(found.Attributes.SizeBytes, offset + source.Length);
                    if (killPrivileges)
                        KillPrivileges(found);
                    else
                        DropCapability(found);
                    _inodes.MarkDirty(found);
                }

                RelieveMemory();
            }

            return Errno.None;
        }
        catch (Exception e)
        {
            return Failed(e, "write", inode);
        }
    }

    /// <summary>fsync and fsyncdir: on return everything acknowledged before is durable.</summary>
    public Errno Sync(InodeNumber inode)
    {
        if (_isReadOnly)
            return _commit.Failure is null ? Errno.None : Errno.EIO;
        try
        {
            using ForegroundLatency.ForegroundCall call = _foreground.Begin(ForegroundKind.Sync);
            _commit.Sync();
            return Errno.None;
        }
        catch (Exception e)
        {
            return Failed(e, "fsync", inode);
        }
    }

    /// <summary>sync: a full commit.</summary>
    public Errno SyncAll()
    {
        if (_isReadOnly)
            return _commit.Failure is null ? Errno.None : Errno.EIO;
        try
        {
            _commit.Commit();
            return Errno.None;
        }
        catch (Exception e)
        {
            return Failed(e, "sync", InodeNumber.None);
        }
    }

    /// <summary>
    /// fallocate(2). Space is not tied to a file (an overwrite needs new space anyway): allocating checks that there is enough and sets the size; punching and
    /// zeroing make holes. setuid and setgid are cleared by the caller of this method, who knows whether the process may keep them.
    /// </summary>
    public Errno Allocate(InodeNumber inode, AllocateMode mode, long offset, long lengthBytes)
    {
        if (offset < 0 || lengthBytes <= 0)
            return Errno.EINVAL;
        if (offset > MaxFileBytes - lengthBytes)
            return Errno.EFBIG;
        bool punches = mode.HasFlag(AllocateMode.PunchHole);
        bool zeroes = mode.HasFlag(AllocateMode.ZeroRange);
        bool keepsSize = mode.HasFlag(AllocateMode.KeepSize);
        if ((mode & ~(AllocateMode.KeepSize | AllocateMode.PunchHole | AllocateMode.ZeroRange)) != 0 || (punches && (zeroes || !keepsSize)))
            return Errno.EOPNOTSUPP;
        try
        {
            if (AdmitChange(needsSpace: !punches) is var refused and not Errno.None)
                return refused;
            if (!punches && !_space.HasRoomFor(lengthBytes))
                return Errno.ENOSPC;
            using (_gate.EnterShared())
            {
                if (_inodes.Find(inode) is not { } found)
                    return Errno.ENOENT;
                lock (found.Lock)
                {
                    if (found.IsRemoved || !found.Attributes.IsRegular)
                        return found.IsRemoved ? Errno.ENOENT : Errno.ENODEV;
                    if (punches || zeroes)
                        _contents.Punch(found, offset, offset + lengthBytes);
                    if (!keepsSize)
                        found.Attributes.SizeBytes = Math.Max(found.Attributes.SizeBytes, offset + lengthBytes);
                    FileTime now = Now();
                    (found.Attributes.ModifyTime, found.Attributes.ChangeTime) = (now, now);
                    DropCapability(found);
                    _inodes.MarkDirty(found);
                }
            }

            return Errno.None;
        }
        catch (Exception e)
        {
            return Failed(e, "fallocate", inode);
        }
    }

    public Errno Seek(InodeNumber inode, long offset, SeekKind kind, out long result)
    {
        result = 0;
        try
        {
            if (_inodes.Find(inode) is not { } found)
                return Errno.ENOENT;
            lock (found.Lock)
            {
                long size = found.Attributes.SizeBytes;
                if (offset < 0 || offset >= size)
                    return Errno.ENXIO;
                if (kind == SeekKind.Hole)
                {
                    result = Math.Min(size, _contents.NextHole(found, offset));
                    return Errno.None;
                }

                return _contents.TryNextData(found, offset, out result) && result < size ? Errno.None : Errno.ENXIO;
            }
        }
        catch (Exception e)
        {
            return Failed(e, "lseek", inode);
        }
    }

    /// <summary>copy_file_range: shares slices where it can. <paramref name="copied"/> may be short. setuid and setgid as for <see cref="Allocate"/>.</summary>
    public Errno CopyRange(InodeNumber source, long sourceOffset, InodeNumber destination, long destinationOffset, long lengthBytes, out long copied)
    {
        copied = 0;
        if (sourceOffset < 0 || destinationOffset < 0 || lengthBytes < 0)
            return Errno.EINVAL;
        if (destinationOffset > MaxFileBytes - lengthBytes)
            return Errno.EFBIG;
        try
        {
            if (AdmitChange(needsSpace: true) is var refused and not Errno.None)
                return refused;
            using (_gate.EnterShared())
            {
                if (_inodes.Find(source) is not { } from || _inodes.Find(destination) is not { } to)
                    return Errno.ENOENT;
                (Inode first, Inode second) = from.Number.Value <= to.Number.Value ? (from, to) : (to, from);
                lock (first.Lock)
                {
                    lock (second.Lock)
                        return CopyLocked(from, sourceOffset, to, destinationOffset, lengthBytes, out copied);
                }
            }
        }
        catch (Exception e)
        {
            return Failed(e, "copy_file_range", destination);
        }
    }

    public Errno GetSpace(out FileSystemSpace space)
    {
        space = default;
        try
        {
            space = _space.Describe(_inodes.InodeCount);
            return Errno.None;
        }
        catch (Exception e)
        {
            return Failed(e, "statfs", InodeNumber.Root);
        }
    }

    /// <summary>Called by the constructor before anything else of this file.</summary>
    private void StartData(FileSystemParts parts)
    {
        _limits = parts.Limits;
        _foreground = new ForegroundLatency(parts.Time);
        _store = parts.Extents;
        _scheme = _metadata.Root.Shape.DefaultScheme;
        RedundancyScheme scheme = _scheme;
        _store.Damaged += (extent, fragment, damage) => LogDamage(_log, extent, fragment, damage);
        _segments = new SegmentPool();
        _accounts = new ExtentAccounts();
        _journal = new JournalLog();
        _catalog = new ExtentCatalog(_metadata.Pool);
        _notes = new PoolNotes(_metadata.Pool);
        _metadata.Pool.Changes.LimitBytes = 0;
        _assembler = new ExtentAssembler(
            _store, scheme, _metadata.CurrentTransaction, _metadata.Root.Counters.NextExtent + LostExtents, _limits);
        _contents = new FileContents(new FileMap(_tree, _accounts, _gate), _assembler, _catalog, _store, _segments, _journal);
        _mayLackDisks = parts.MayLackDisks;
        _commit = new CommitCoordinator(new CommitParts(
            _gate, _inodes, _contents, _assembler, _accounts, _catalog, _moves, _notes, _store, _metadata, _journal, _limits, _log, FreeUnfinished, TurnReadOnly,
            parts.BeforePublish));
        _compactor = new Compactor(_gate, _inodes, _contents, _catalog, _tree, scheme, _limits, _log);
        _space = new SpaceAccount(_store, scheme, _segments, _assembler, _commit);
    }

    /// <summary>
    /// Called before a change enters the gate: may wait (too much is dirty), and refuses with ENOSPC when <paramref name="needsSpace"/> and only the
    /// reserve is left. Removing never needs space.
    /// </summary>
    private Errno AdmitChange(bool needsSpace)
    {
        if (_isReadOnly)
            return Errno.EROFS;
        return needsSpace && !_space.HasRoomFor(SegmentPool.SmallestBlock) ? Errno.ENOSPC : Errno.None;
    }

    private Errno AdmitWrite(int lengthBytes)
    {
        if (_isReadOnly)
            return Errno.EROFS;
        if (_space.HasRoomFor(lengthBytes))
            return Errno.None;
        return _store.CanWrite(_scheme) ? Errno.ENOSPC : ErrorId.MinWrite.Errno;
    }

    /// <summary>Assigns the oldest dirty data until memory is within its bound. Inside the gate, no inode lock held.</summary>
    private void RelieveMemory()
    {
        while (_segments.UsedBytes > _limits.DirtyDataBytes && _contents.TakeDirty() is { } inode)
        {
            lock (inode.Lock)
            {
                _contents.Assign(inode);
                if (!inode.IsRemoved)
                    _inodes.MarkDirty(inode);
            }
        }
    }

    /// <summary>
    /// Sets the size of a regular file (truncate or extend) and its mtime and ctime. Inside the gate, inode lock held. Does nothing when it fails.
    /// </summary>
    private Errno SetSize(Inode inode, long sizeBytes, FileTime now)
    {
        if (sizeBytes < 0)
            return Errno.EINVAL;
        if (sizeBytes < inode.Attributes.SizeBytes)
            _contents.Punch(inode, sizeBytes, long.MaxValue);
        inode.Attributes.SizeBytes = sizeBytes;
        (inode.Attributes.ModifyTime, inode.Attributes.ChangeTime) = (now, now);
        return Errno.None;
    }

    /// <summary>
    /// Drops data of an inode that is being freed: what is in memory and its file map. Inside the gate, inode lock held. False when there is more to
    /// drop than fits one transaction: the inode stays on the orphan list and the call is repeated in a later one.
    /// </summary>
    private bool FreeData(Inode inode) => _contents.Free(inode, _limits.SlicesFreedAtOnce);

    private Errno CopyLocked(Inode from, long sourceOffset, Inode to, long destinationOffset, long lengthBytes, out long copied)
    {
        copied = 0;
        if (from.IsRemoved || to.IsRemoved)
            return Errno.ENOENT;
        if (!from.Attributes.IsRegular || !to.Attributes.IsRegular)
            return Errno.EINVAL;
        long length = Math.Min(lengthBytes, from.Attributes.SizeBytes - sourceOffset);
        if (length <= 0)
            return Errno.None;
        bool overlaps = from == to && sourceOffset < destinationOffset + length && destinationOffset < sourceOffset + length;
        if (overlaps)
            return Errno.EINVAL;
        using TransactionGate.ChangeScope change = _gate.BeginChange();
        _contents.Share(from, sourceOffset, to, destinationOffset, length, NoteShared);
        FileTime now = Now();
        (to.Attributes.ModifyTime, to.Attributes.ChangeTime) = (now, now);
        to.Attributes.SizeBytes = Math.Max(to.Attributes.SizeBytes, destinationOffset + length);
        DropCapability(to);
        _inodes.MarkDirty(from);
        _inodes.MarkDirty(to);
        change.Complete();
        copied = length;
        return Errno.None;
    }

    /// <summary>Compaction finds owners through the origin directory of an extent; a shared slice has one more, noted here.</summary>
    private void NoteShared(Slice slice, InodeNumber owner)
    {
        Span<byte> key = stackalloc byte[SharedFormat.KeyBytes];
        Span<byte> value = stackalloc byte[SharedFormat.ValueBytes];
        SharedFormat.Write(key, value, owner, slice);
        _tree.Put(key, value);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "too few disks are HEALTHY to acknowledge a write under {Scheme}: the pool is READ_ONLY. Bring the missing disks back and mount again")]
    private static partial void LogTooFewDisks(ILogger log, RedundancyScheme scheme);

    [LoggerMessage(Level = LogLevel.Warning, Message = "fragment {Fragment} of extent {Extent} is damaged: {Damage}. Reads are answered from the other fragments; 'dynfs fsck' lists all damage")]
    private static partial void LogDamage(ILogger log, ExtentId extent, int fragment, FragmentDamage damage);
}
