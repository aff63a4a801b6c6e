using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>File data and the hooks that names and attributes call. Placeholder for the file data layer.</summary>
public sealed partial class FileSystem
{
    /// <summary>Reads up to the end of the file; holes are zeros. EIO when a range cannot be read right.</summary>
    public Errno Read(InodeNumber inode, long offset, Span<byte> destination, out int count) => throw new NotImplementedException();

    /// <summary>Writes all or nothing. <paramref name="killPrivileges"/> is FUSE_WRITE_KILL_SUIDGID. May wait for buffers (back-pressure).</summary>
    public Errno Write(InodeNumber inode, long offset, ReadOnlySpan<byte> source, bool killPrivileges) => throw new NotImplementedException();

    /// <summary>fsync and fsyncdir: on return everything acknowledged before is durable.</summary>
    public Errno Sync(InodeNumber inode) => throw new NotImplementedException();

    /// <summary>sync: a full commit.</summary>
    public Errno SyncAll() => throw new NotImplementedException();

    public Errno Allocate(InodeNumber inode, AllocateMode mode, long offset, long lengthBytes) => throw new NotImplementedException();

    public Errno Seek(InodeNumber inode, long offset, SeekKind kind, out long result) => throw new NotImplementedException();

    /// <summary>copy_file_range: shares slices where it can. <paramref name="copied"/> may be short.</summary>
    public Errno CopyRange(InodeNumber source, long sourceOffset, InodeNumber destination, long destinationOffset, long lengthBytes, out long copied) => throw new NotImplementedException();

    public Errno GetSpace(out FileSystemSpace space) => throw new NotImplementedException();

    /// <summary>Called by the constructor before anything else of this file.</summary>
    private void StartData(FileSystemParts parts) => _ = parts;

    /// <summary>
    /// Called before a change enters the gate: may wait (too much is dirty), and refuses with ENOSPC when <paramref name="needsSpace"/> and only the
    /// reserve is left. Removing never needs space.
    /// </summary>
    private Errno AdmitChange(bool needsSpace) => Errno.None;

    /// <summary>
    /// Sets the size of a regular file (truncate or extend) and its mtime and ctime. Inside the gate, inode lock held. Does nothing when it fails.
    /// </summary>
    private Errno SetSize(Inode inode, long sizeBytes, FileTime now) => Errno.EOPNOTSUPP;

    /// <summary>
    /// Drops data of an inode that is being freed: what is in memory and its file map. Inside the gate, inode lock held. False when there is more to
    /// drop than fits one transaction: the inode stays on the orphan list and the call is repeated in a later one.
    /// </summary>
    private bool FreeData(Inode inode) => true;
}
