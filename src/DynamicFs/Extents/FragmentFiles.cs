using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>Names one fragment file: a fragment that moved to another disk is another file.</summary>
internal readonly record struct FragmentKey(ExtentId Extent, short DiskIndex, byte Index)
{
    public static FragmentKey Of(ExtentRecord record, int index) => new(record.Id, record.Fragments[index].DiskIndex, (byte)index);
}

/// <summary>
/// Open fragment files, a bounded number of them. When the process runs out of descriptors, it gives up half of its own and tries again, so that
/// this is never taken for a failure of the disk. Thread-safe.
/// </summary>
internal sealed class FragmentFiles(int capacity) : IDisposable
{
    private readonly LeaseCache<FragmentKey, IDiskFile> _files = new(capacity);

    public int OpenCount => _files.Count;

    public LeaseCache<FragmentKey, IDiskFile>.Lease Lease(MemberDisk member, in FragmentKey key)
    {
        LeaseCache<FragmentKey, IDiskFile>.Lease lease = _files.TryLease(key);
        return lease.IsEmpty ? _files.Add(key, Open(member, FragmentName.File(key.Extent, key.Index), DiskOpenMode.Read), weight: 1) : lease;
    }

    public IDiskFile Open(MemberDisk member, string path, DiskOpenMode mode)
    {
        IDisk disk = member.Disk!;
        try
        {
            return disk.Open(path, mode);
        }
        catch (DiskException e) when (e.Errno is Errno.EMFILE or Errno.ENFILE)
        {
            _files.Halve();
            return disk.Open(path, mode);
        }
    }

    public void Forget(in FragmentKey key) => _files.Remove(key);

    /// <summary>Closes all files of a disk; those in use are closed when they are not any more.</summary>
    public void Forget(int diskIndex) => _files.RemoveWhere(key => key.DiskIndex == diskIndex);

    public void Dispose() => _files.Dispose();
}
