#if DYNFS_KILL_POINTS
using DynamicFs.Primitives;

namespace DynamicFs.Disks;

/// <summary>A disk that does what <see cref="FaultSeam"/> is told before each call. Test builds only.</summary>
internal sealed class MisbehavingDisk(IDisk disk) : IDisk
{
    public string Name => disk.Name;

    public IDiskFile Open(string path, DiskOpenMode mode) => new MisbehavingFile(this, Reached().Open(path, mode));

    public void Rename(string from, string to) => Reached().Rename(from, to);

    public void Unlink(string path) => Reached().Unlink(path);

    public void MakeDirectory(string path) => Reached().MakeDirectory(path);

    public void RemoveDirectory(string path) => Reached().RemoveDirectory(path);

    public IReadOnlyList<DiskEntry> List(string path) => Reached().List(path);

    public void SyncDirectory(string path) => Reached().SyncDirectory(path);

    public DiskSpace Space() => Reached().Space();

    public void CheckPlace() => Reached().CheckPlace();

    public bool TryLock() => Reached().TryLock();

    public void Dispose() => disk.Dispose();

    private IDisk Reached()
    {
        FaultSeam.Reach(disk.Name);
        return disk;
    }

    private sealed class MisbehavingFile(MisbehavingDisk owner, IDiskFile file) : IDiskFile
    {
        public long LengthBytes => Reached().LengthBytes;

        public int Read(long offset, Span<byte> destination) => Reached().Read(offset, destination);

        public int Read(long offset, ReadOnlySpan<IoVector> destinations) => Reached().Read(offset, destinations);

        /// <summary>The page cache is part of what does not answer.</summary>
        public int TryReadCached(long offset, ReadOnlySpan<IoVector> destinations) => FaultSeam.IsFaulty(owner.Name) ? -1 : file.TryReadCached(offset, destinations);

        public void Write(long offset, ReadOnlySpan<byte> source) => Reached().Write(offset, source);

        public void Write(long offset, ReadOnlySpan<IoVector> sources) => Reached().Write(offset, sources);

        public void SetLength(long lengthBytes) => Reached().SetLength(lengthBytes);

        public void Allocate(long offset, long lengthBytes) => Reached().Allocate(offset, lengthBytes);

        public void Sync() => Reached().Sync();

        public void Advise(long offset, long lengthBytes, DiskAdvice advice) => file.Advise(offset, lengthBytes, advice);

        public void Dispose() => file.Dispose();

        private IDiskFile Reached()
        {
            FaultSeam.Reach(owner.Name);
            return file;
        }
    }
}
#endif
