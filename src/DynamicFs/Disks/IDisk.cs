using DynamicFs.Primitives;

namespace DynamicFs.Disks;

/// <summary>
/// The disk seam: everything durable goes through it. Paths are relative to <c>&lt;disk&gt;/.dynfs</c>, separated by '/', without '.', '..' or links;
/// a link on the way or a target that is no regular file fails with ELOOP or EINVAL and is never followed or opened. Every failure is a
/// <see cref="DiskException"/> with the errno. What survives a power cut is only what this contract says: file bytes after
/// <see cref="IDiskFile.Sync"/>, names after <see cref="SyncDirectory"/> of their directory; a rename is atomic but unordered until then.
/// All members may be called from any thread.
/// </summary>
public interface IDisk : IDisposable
{
    /// <summary>What messages call this disk: its path as the operator gave it.</summary>
    string Name { get; }

    /// <summary>Opens a regular file.</summary>
    IDiskFile Open(string path, DiskOpenMode mode);

    /// <summary>Moves <paramref name="from"/> over <paramref name="to"/>, atomically, both in this disk.</summary>
    void Rename(string from, string to);

    void Unlink(string path);

    /// <summary>Makes one directory (0700); EEXIST when the name is taken.</summary>
    void MakeDirectory(string path);

    void RemoveDirectory(string path);

    /// <summary>The entries of a directory, without '.' and '..', in no order. "" is <c>.dynfs</c> itself.</summary>
    IReadOnlyList<DiskEntry> List(string path);

    /// <summary>Returns when every earlier change of the directory's entries is durable.</summary>
    void SyncDirectory(string path);

    DiskSpace Space();

    /// <summary>
    /// Throws ESTALE when the place by which the operator knows this disk does not lead to it any more (unmounted, mounted over, replaced); ENOENT when there is nothing.
    /// Calls on the disk itself may still work then, but the disk is not where the next mount will look for it.
    /// </summary>
    void CheckPlace()
    {
    }

    /// <summary>Takes the exclusive advisory lock on <c>lock</c>; false when another process (or another opener here) has it. Held until Dispose.</summary>
    bool TryLock();
}

/// <summary>A regular file on a disk. Positional, unbuffered by us. Dispose closes it.</summary>
public interface IDiskFile : IDisposable
{
    long LengthBytes { get; }

    /// <summary>Reads up to <paramref name="destination"/>.Length bytes at <paramref name="offset"/>; less only at the end of the file.</summary>
    int Read(long offset, Span<byte> destination);

    /// <summary>Writes all of <paramref name="source"/> at <paramref name="offset"/>.</summary>
    void Write(long offset, ReadOnlySpan<byte> source);

    /// <summary>Reads into consecutive pieces as one transfer; the total read, less only at the end of the file.</summary>
    int Read(long offset, ReadOnlySpan<IoVector> destinations);

    /// <summary>
    /// Reads what can be had without waiting for the disk, which is what the page cache has; the number of bytes read, which may be less than there are, or -1 when that cannot be told.
    /// What was not counted may hold anything.
    /// </summary>
    int TryReadCached(long offset, ReadOnlySpan<IoVector> destinations) => -1;

    /// <summary>Writes all pieces one after the other from <paramref name="offset"/> on, as few system calls as the kernel allows.</summary>
    void Write(long offset, ReadOnlySpan<IoVector> sources);

    void SetLength(long lengthBytes);

    /// <summary>Reserves blocks so that later writes inside the range do not fail for space; the size grows to cover it.</summary>
    void Allocate(long offset, long lengthBytes);

    /// <summary>
    /// fdatasync: returns when all earlier writes of this file and its size are durable. After a failure nothing since the last good sync may be
    /// trusted, and the file must be given up: a second Sync proves nothing.
    /// </summary>
    void Sync();

    /// <summary>Hint: these bytes will be read soon (the disk may start to fetch them) or are not needed again (it may drop them). May do nothing.</summary>
    void Advise(long offset, long lengthBytes, DiskAdvice advice);
}

public enum DiskOpenMode
{
    /// <summary>Existing file, reading only.</summary>
    Read,

    /// <summary>Existing file, reading and writing.</summary>
    ReadWrite,

    /// <summary>New file (0600), reading and writing; EEXIST when the name is taken.</summary>
    CreateNew,

    /// <summary>Existing or new file, reading and writing.</summary>
    OpenOrCreate,

    /// <summary>Existing file, reading past the page cache (O_DIRECT); offset, length and address must be multiples of 4096.</summary>
    ReadDirect,
}

public enum DiskAdvice
{
    WillNeed,
    DoNotNeed,
}

public enum DiskEntryKind
{
    File,
    Directory,
    Other,
}

public readonly record struct DiskEntry(string Name, DiskEntryKind Kind);

/// <summary>Space of the filesystem that holds the disk, in bytes; <paramref name="DeviceNumber"/> is its st_dev.</summary>
public readonly record struct DiskSpace(long TotalBytes, long AvailableBytes, long TotalInodes, long FreeInodes, bool IsReadOnly, ulong DeviceNumber);
