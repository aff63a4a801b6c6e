using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.UnitTests.Extents;

internal enum DiskCall
{
    Open,
    Create,
    Read,
    Write,
    Sync,
    Rename,
    Unlink,
    MakeDirectory,
    List,
    SyncDirectory,
    Space,
}

/// <summary>A real disk whose calls fail on demand: <see cref="Fault"/> says for each call (kind, number in the life of this wrapper, path) with what.</summary>
internal sealed class FaultyDisk(IDisk disk) : IDisk
{
    private int _calls;

    public Func<DiskCall, int, string, Errno>? Fault { get; set; }

    /// <summary>Replaces what the disk says about its space.</summary>
    public Func<DiskSpace, DiskSpace>? ChangeSpace { get; set; }

    /// <summary>Changes what a write puts on the disk: a flipped bit that the disk does not know of.</summary>
    public bool CorruptsWrites { get; set; }

    public int Calls => _calls;
    public List<string> Log { get; } = [];
    public bool IsLogging { get; set; } = true;
    public string Name => disk.Name;

    public IDiskFile Open(string path, DiskOpenMode mode)
    {
        Check(mode == DiskOpenMode.CreateNew ? DiskCall.Create : DiskCall.Open, path);
        return new FaultyFile(this, disk.Open(path, mode), path);
    }

    public void Rename(string from, string to)
    {
        Check(DiskCall.Rename, to);
        disk.Rename(from, to);
    }

    public void Unlink(string path)
    {
        Check(DiskCall.Unlink, path);
        disk.Unlink(path);
    }

    public void MakeDirectory(string path)
    {
        Check(DiskCall.MakeDirectory, path);
        disk.MakeDirectory(path);
    }

    public void RemoveDirectory(string path) => disk.RemoveDirectory(path);

    public IReadOnlyList<DiskEntry> List(string path)
    {
        Check(DiskCall.List, path);
        return disk.List(path);
    }

    public void SyncDirectory(string path)
    {
        Check(DiskCall.SyncDirectory, path);
        disk.SyncDirectory(path);
    }

    public DiskSpace Space()
    {
        Check(DiskCall.Space, "");
        return ChangeSpace is null ? disk.Space() : ChangeSpace(disk.Space());
    }

    public bool TryLock() => disk.TryLock();

    public void Dispose() => disk.Dispose();

    private void Check(DiskCall call, string path)
    {
        int number = Interlocked.Increment(ref _calls);
        if (IsLogging)
        {
            lock (Log)
                Log.Add($"{call} {path}");
        }

        Errno errno = Fault?.Invoke(call, number, path) ?? Errno.None;
        if (errno != Errno.None)
            throw new DiskException(Name, $"{call} {path} (injected)", errno);
    }

    private sealed unsafe class FaultyFile(FaultyDisk owner, IDiskFile file, string path) : IDiskFile
    {
        public long LengthBytes => file.LengthBytes;

        public int Read(long offset, Span<byte> destination)
        {
            owner.Check(DiskCall.Read, path);
            return file.Read(offset, destination);
        }

        public void Write(long offset, ReadOnlySpan<byte> source)
        {
            owner.Check(DiskCall.Write, path);
            file.Write(offset, source);
        }

        public int Read(long offset, ReadOnlySpan<IoVector> destinations)
        {
            owner.Check(DiskCall.Read, path);
            return file.Read(offset, destinations);
        }

        public void Write(long offset, ReadOnlySpan<IoVector> sources)
        {
            owner.Check(DiskCall.Write, path);
            file.Write(offset, sources);
            if (owner.CorruptsWrites)
                file.Write(offset + 5000, [(byte)~sources[1].Span[5000 - sources[0].LengthBytes < 0 ? 0 : 5000 - sources[0].LengthBytes]]);
        }

        public void SetLength(long lengthBytes) => file.SetLength(lengthBytes);

        public void Allocate(long offset, long lengthBytes) => file.Allocate(offset, lengthBytes);

        public void Sync()
        {
            owner.Check(DiskCall.Sync, path);
        }

        public void Advise(long offset, long lengthBytes, DiskAdvice advice)
        {
            if (advice == DiskAdvice.WillNeed && owner.IsLogging)
            {
                lock (owner.Log)
                    owner.Log.Add($"WillNeed {path} {offset}+{lengthBytes}");
            }

            file.Advise(offset, lengthBytes, advice);
        }

        public void Dispose() => file.Dispose();
    }
}
