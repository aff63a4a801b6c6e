using System.Runtime.InteropServices;
using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>
/// Writes, reads, verifies and deletes extents over the member disks. Knows nothing of files or trees: who keeps an <see cref="ExtentRecord"/> keeps
/// the extent. Thread-safe.
/// <list type="bullet">
/// <item>No byte is given out that a checksum in the record's chain does not vouch for.</item>
/// <item>An extent has at least min_write fragments on distinct disks, each synced and read back, or nothing.</item>
/// <item>A fragment file is never changed once it has its name.</item>
/// </list>
/// Order of locks: a directory round, then its state; the space refresh, then its state; all others are leaves. No lock is held over disk
/// calls, except those two outer ones, which nothing on a disk's queue ever takes.
/// </summary>
public sealed class ExtentStore : IDisposable
{
    /// <summary>Most bytes of one extent, origin directory included.</summary>
    public const int MaxExtentBytes = 8 << 20;

    /// <summary>Scratch buffers kept for reuse, for extents being written and for reads being recovered.</summary>
    private const int KeptScratchBuffers = 4;

    private readonly MemberSet _members;
    private readonly FragmentFiles _files;
    private readonly BlockTables _tables;
    private readonly ScratchPool _writeScratch = new(KeptScratchBuffers);
    private readonly ScratchPool _readScratch = new(KeptScratchBuffers);
    private readonly FreeSpace _space;
    private readonly DirectoryBatch _directories;
    private readonly FragmentPipeline _pipeline;
    private readonly FragmentReader _fragments;
    private readonly ExtentWriter _writer;
    private readonly ExtentReader _reader;
    private readonly ExtentRestorer _restorer;
    private readonly FragmentCarrier _carrier;
    private readonly FragmentInventory _inventory;

    public ExtentStore(PoolId pool, IReadOnlyList<MemberDisk> members, ExtentStoreOptions options)
    {
        _members = new MemberSet(members);
        _files = new FragmentFiles(options.OpenFiles);
        _tables = new BlockTables(options.TableCacheBytes);
        _space = new FreeSpace(members, options.Time ?? TimeProvider.System);
        _directories = new DirectoryBatch(_members, options.NoFsync, RaiseDamaged);
        _pipeline = new FragmentPipeline(options, _files, _directories, Counters);
        _fragments = new FragmentReader(pool, _members, _files, _tables, Counters, RaiseDamaged);
        var placement = new Placement(_space, options.Random ?? new Random());
        _writer = new ExtentWriter(pool, _members, _pipeline, _space, placement, _writeScratch, _fragments);
        _reader = new ExtentReader(_members, _fragments, _readScratch, Counters);
        _restorer = new ExtentRestorer(pool, _pipeline, _members, _space, placement, _writeScratch, _fragments, _reader);
        _carrier = new FragmentCarrier(_pipeline, _members, _space, placement, _fragments);
        _inventory = new FragmentInventory(_members, _fragments);
    }

    /// <summary>
    /// A fragment on a present disk is damaged (extent, fragment index, why): repair and the log listen. Raised each time it is met, on the thread
    /// that met it; a missing disk raises nothing here.
    /// </summary>
    public event Action<ExtentId, int, FragmentDamage>? Damaged;

    public ExtentCounters Counters { get; } = new();

    /// <summary>
    /// Encodes <paramref name="lengthBytes"/> bytes of <paramref name="data"/> (bytes behind the length may be
    /// overwritten with zeros as padding), writes all fragments in parallel (temporary name, sync, read-back, rename) to distinct HEALTHY disks
    /// weighted by free space and routes around disks that fail. The names are durable only after <see cref="SyncDirectories"/>.
    /// Falls back to <see cref="RedundancyScheme.AsReplica"/> when too few disks are healthy for the scheme. Throws <see cref="PoolException"/>
    /// (MinWrite, NoSpace) when min_write cannot be had; then nothing of the extent is left on any disk that still answers. A full disk never
    /// narrows an extent: that is NoSpace.
    /// </summary>
    public ExtentRecord Write(ExtentId id, Generation birth, RedundancyScheme scheme, NativeBuffer data, int lengthBytes, int directoryOffset) =>
        _writer.Write(id, birth, scheme, data, lengthBytes, directoryOffset);

    /// <summary>
    /// Barrier: on return the names of all fragments written so far are durable. Returns the ids of extents that fell below min_write because a
    /// directory sync failed; the caller writes them again (under the same id or another). Each is returned to one caller only.
    /// </summary>
    public IReadOnlyList<ExtentId> SyncDirectories() => _directories.Sync();

    /// <summary>
    /// Fills <paramref name="destination"/> with the extent's bytes from <paramref name="offset"/> on, every block verified; bad or missing blocks are
    /// decoded from the others. Throws <see cref="PoolException"/> DataLost when too few good blocks are left; never returns wrong bytes.
    /// </summary>
    public void Read(ExtentRecord record, int offset, Span<byte> destination) => _reader.Read(record, offset, destination);

    /// <summary>Hint that the extent will be read from start to end soon.</summary>
    public void Prefetch(ExtentRecord record) => _reader.Prefetch(record);

    /// <summary>
    /// Unlinks the fragments of an extent that nothing refers to any more. Missing ones are fine; failures are reported and ignored. A power cut brings them back
    /// until <see cref="SyncDeletions"/> has returned.
    /// </summary>
    public void Delete(ExtentRecord record)
    {
        _directories.Forget(record.Id);
        _writer.Unlink(record, keep: null);
        _space.NoteDeletion();
    }

    /// <summary>Closes the files of a disk, so that it can be unmounted.</summary>
    public void Detach(int diskIndex) => _files.Forget(diskIndex);

    /// <summary>Reads every block of every fragment (parity too) and compares: one verdict per fragment index.</summary>
    public FragmentVerdict[] Verify(ExtentRecord record) => new ExtentVerifier(_fragments, _readScratch).Verify(record);

    /// <summary>As <see cref="Verify(ExtentRecord)"/>, telling every bad block and fragment.</summary>
    internal FragmentVerdict[] Verify(ExtentRecord record, Action<FragmentFinding> onFinding) => new ExtentVerifier(_fragments, _readScratch, onFinding).Verify(record);

    /// <summary>Whether every byte of the extent can be had, from whatever fragments and blocks are good.</summary>
    internal bool IsReadable(ExtentRecord record) => _restorer.IsReadable(record);

    /// <summary>
    /// Copies what can be read of a fragment file to <c>quarantine/&lt;extent&gt;.&lt;index&gt;.&lt;time&gt;</c> on its disk, so that what replaces it destroys no evidence. Returns
    /// the path, or null when there was nothing to copy or the disk did not take it.
    /// </summary>
    internal string? Quarantine(ExtentRecord record, int index, DateTimeOffset time) => new FragmentQuarantine(_members).Copy(record, index, time);

    /// <summary>Looks whether every fragment is there with the right header: one verdict per fragment index. Says nothing about its blocks.</summary>
    internal FragmentVerdict[] Look(ExtentRecord record) => _inventory.Look(record);

    /// <summary>Names of the fragment files of one group (256 extents) on one disk; null when the disk cannot be asked.</summary>
    internal IReadOnlySet<(ExtentId Extent, int Index)>? List(int diskIndex, ulong group) => _inventory.List(diskIndex, group);

    /// <summary>
    /// Writes the fragments whose bit is set in <paramref name="wanted"/> anew, computed from the others: back to their disk when that is HEALTHY, else to a
    /// HEALTHY disk that has none of this extent. Good fragments are not touched. The names are durable only after <see cref="SyncRestored"/>.
    /// Throws <see cref="PoolException"/> DataLost when the extent cannot be read, <see cref="CorruptionException"/> when its fragments contradict each other;
    /// then nothing was written. Fragments in <paramref name="absent"/> are not looked at.
    /// </summary>
    internal RestoredExtent Restore(ExtentRecord record, uint wanted, uint absent) => _restorer.Restore(record, wanted, absent);

    /// <summary>
    /// Puts good fragments onto these disks, which have none of this extent. As <see cref="Restore"/>; a fragment that cannot be written there stays where it is.
    /// </summary>
    internal RestoredExtent Move(ExtentRecord record, IReadOnlyList<FragmentMove> moves) => _restorer.Move(record, moves);

    /// <summary>
    /// For an extent that cannot be read as a whole: takes the fragments whose bit is set in <paramref name="leaving"/> to other disks as they are. The same range is an error then as
    /// before. A file that is not there has its place given up. The names are durable only after <see cref="SyncRestored"/>.
    /// </summary>
    internal RestoredExtent Carry(ExtentRecord record, uint leaving) => _carrier.Carry(record, leaving);

    /// <summary>Space of the disks that can be written, above the reserve.</summary>
    internal IReadOnlyList<MemberRoom> Rooms() => _space.Survey(reserveDivisor: 1);

    /// <summary>Barrier: returns the same extents with those fragments only whose names are durable now.</summary>
    internal List<RestoredExtent> SyncRestored(IReadOnlyCollection<RestoredExtent> restored)
    {
        HashSet<int> failed = _directories.Sync(restored);
        return [.. restored.Select(extent => extent.Without(failed))];
    }

    /// <summary>Barrier: fragments that were unlinked stay gone, on all disks that still answer. Before it, their record must be kept.</summary>
    internal void SyncDeletions(IEnumerable<(ExtentId Extent, int DiskIndex)> deleted) => _directories.SyncRemoved(deleted);

    /// <summary>Unlinks one fragment file that no record names any more. A missing one is fine; a failure is reported and ignored.</summary>
    internal void DeleteFragment(ExtentId extent, int index, int diskIndex)
    {
        if (_members.Find(diskIndex) is { IsReadable: true } member)
            FragmentPipeline.Unlink(member, FragmentName.File(extent, index));
        _space.NoteDeletion();
    }

    /// <summary>
    /// Deletes fragment files of extents with id &gt;= <paramref name="firstUncommitted"/> that <paramref name="isNeeded"/> (extent, fragment, disk) does not want, and
    /// everything in tmp: what a crash left. Looks only into the groups that can hold such ids. Returns how many files went.
    /// </summary>
    public int RemoveUncommitted(ExtentId firstUncommitted, Func<ExtentId, int, int, bool> isNeeded) => new Leftovers(_members).Remove(firstUncommitted, isNeeded);

    /// <summary>Bytes of file data that can still be written under <paramref name="scheme"/> on today's HEALTHY disks, and the total, after the reserve.</summary>
    public (long AvailableBytes, long TotalBytes) Capacity(RedundancyScheme scheme)
    {
        MemberRoom[] free = _space.Survey(reserveDivisor: 1);
        if (free.Length < scheme.MinWrite && !scheme.IsReplica)
            scheme = scheme.AsReplica;
        if (free.Length < scheme.MinWrite)
            return (0, 0);
        MemberRoom[] total = [.. free.Select(room => room with { FreeBytes = room.TotalBytes })];
        return (DataBytes(free, scheme), DataBytes(total, scheme));
    }

    /// <summary>True when enough disks are HEALTHY to acknowledge an extent of <paramref name="scheme"/>, or of the copies that stand in for it.</summary>
    public bool CanWrite(RedundancyScheme scheme)
    {
        int writable = 0;
        foreach (MemberDisk member in _members.All)
            writable += member.IsWritable ? 1 : 0;
        return writable >= scheme.MinWrite || writable >= scheme.AsReplica.MinWrite;
    }

    public void Dispose()
    {
        _reader.Dispose();
        _restorer.Dispose();
        _files.Dispose();
        _tables.Dispose();
        _pipeline.Dispose();
        _writeScratch.Dispose();
        _readScratch.Dispose();
    }

    private static long DataBytes(MemberRoom[] rooms, RedundancyScheme scheme)
    {
        double level = EvenFill.Level(CollectionsMarshal.AsSpan(Placement.Devices(rooms)), Math.Min(scheme.Width, rooms.Length));
        var full = new ExtentLayout(scheme, MaxExtentBytes);
        return (long)(level * scheme.DataCount * full.PayloadBytes / full.FragmentBytes);
    }

    private void RaiseDamaged(ExtentId extent, int index, FragmentDamage damage) => Damaged?.Invoke(extent, index, damage);
}

/// <param name="DirectReadBack">Verify what was written from the medium (O_DIRECT) instead of the page cache.</param>
/// <param name="NoFsync">DYNFS_NO_FSYNC=1: skips every sync; loud, never stored.</param>
/// <param name="OpenFiles">Most fragment files kept open.</param>
/// <param name="TableCacheBytes">Most bytes of cached headers and block tables.</param>
/// <param name="Time">Clock for the age of the disks' free space; the system's when null.</param>
/// <param name="Random">Source of placement; seeded by the system when null. The store locks it.</param>
public sealed record ExtentStoreOptions(
    bool DirectReadBack = false,
    bool NoFsync = false,
    int OpenFiles = 2048,
    int TableCacheBytes = 48 << 20,
    TimeProvider? Time = null,
    Random? Random = null);

public enum FragmentVerdict
{
    Good,
    Missing,
    DiskMissing,
    Corrupt,
    Unplaced,
}
