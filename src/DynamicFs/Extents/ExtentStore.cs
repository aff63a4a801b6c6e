using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>
/// Writes, reads, verifies and deletes extents over the member disks. Knows nothing of files or trees: who keeps an <see cref="ExtentRecord"/> keeps
/// the extent. Thread-safe.
/// </summary>
public sealed class ExtentStore : IDisposable
{
    /// <summary>Most bytes of one extent, origin directory included.</summary>
    public const int MaxExtentBytes = 8 << 20;

    public ExtentStore(PoolId pool, IReadOnlyList<MemberDisk> members, ExtentStoreOptions options) => throw new NotImplementedException();

    /// <summary>
    /// Encodes <paramref name="lengthBytes"/> bytes of <paramref name="data"/> (a buffer of at least MaxExtentBytes; bytes behind the length may be
    /// overwritten with zeros as padding), writes all fragments in parallel (temporary name, sync, read-back, rename) to distinct HEALTHY disks
    /// weighted by free space and routes around disks that fail. The names are durable only after <see cref="SyncDirectories"/>.
    /// Falls back to <see cref="RedundancyScheme.AsReplica"/> when too few disks are healthy for the scheme. Throws <see cref="PoolException"/>
    /// (MinWrite, NoSpace) when min_write cannot be had; then nothing of the extent is left on any disk that still answers.
    /// </summary>
    public ExtentRecord Write(ExtentId id, Generation birth, RedundancyScheme scheme, NativeBuffer data, int lengthBytes, int directoryOffset)
        => throw new NotImplementedException();

    /// <summary>
    /// Barrier: on return the names of all fragments written so far are durable. Returns the ids of extents that fell below min_write because a
    /// directory sync failed; the caller writes them again.
    /// </summary>
    public IReadOnlyList<ExtentId> SyncDirectories() => throw new NotImplementedException();

    /// <summary>
    /// Fills <paramref name="destination"/> with the extent's bytes from <paramref name="offset"/> on, every block verified; bad or missing blocks are
    /// decoded from the others. Throws <see cref="PoolException"/> DataLost when too few good blocks are left; never returns wrong bytes.
    /// </summary>
    public void Read(ExtentRecord record, int offset, Span<byte> destination) => throw new NotImplementedException();

    /// <summary>Hint that the extent will be read from start to end soon.</summary>
    public void Prefetch(ExtentRecord record) => throw new NotImplementedException();

    /// <summary>Unlinks the fragments of an extent that nothing refers to any more. Missing ones are fine; failures are reported and ignored.</summary>
    public void Delete(ExtentRecord record) => throw new NotImplementedException();

    /// <summary>Reads every block of every fragment (parity too) and compares: one verdict per fragment index.</summary>
    public FragmentVerdict[] Verify(ExtentRecord record) => throw new NotImplementedException();

    /// <summary>
    /// Deletes fragment files of extents with id &gt;= <paramref name="firstUncommitted"/> that <paramref name="isKnown"/> does not know, and
    /// everything in tmp: what a crash left. Looks only into the groups that can hold such ids. Returns how many files went.
    /// </summary>
    public int RemoveUncommitted(ExtentId firstUncommitted, Func<ExtentId, bool> isKnown) => throw new NotImplementedException();

    /// <summary>Bytes of file data that can still be written under <paramref name="scheme"/> on today's HEALTHY disks, and the total, after the reserve.</summary>
    public (long AvailableBytes, long TotalBytes) Capacity(RedundancyScheme scheme) => throw new NotImplementedException();

    public void Dispose() => throw new NotImplementedException();
}

/// <param name="DirectReadBack">Verify what was written from the medium (O_DIRECT) instead of the page cache.</param>
/// <param name="NoFsync">DYNFS_NO_FSYNC=1: skips every sync; loud, never stored.</param>
/// <param name="OpenFiles">Most fragment files kept open.</param>
/// <param name="TableCacheBytes">Most bytes of cached headers and block tables.</param>
public sealed record ExtentStoreOptions(bool DirectReadBack = false, bool NoFsync = false, int OpenFiles = 2048, int TableCacheBytes = 48 << 20);

public enum FragmentVerdict
{
    Good,
    Missing,
    DiskMissing,
    Corrupt,
    Unplaced,
}
