using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Fuzz.Targets;

/// <summary>A disk with one file, under every name, that can only be read: for parsers that get what a disk has.</summary>
internal sealed class MemoryDisk(string name, MemoryFile file) : IDisk
{
    public string Name { get; } = name;

    public IDiskFile Open(string path, DiskOpenMode mode) => file;

    public void Dispose()
    {
    }

    public void Rename(string from, string to) => throw new NotSupportedException();
    public void Unlink(string path) => throw new NotSupportedException();
    public void MakeDirectory(string path) => throw new NotSupportedException();
    public void RemoveDirectory(string path) => throw new NotSupportedException();
    public IReadOnlyList<DiskEntry> List(string path) => throw new NotSupportedException();
    public void SyncDirectory(string path) => throw new NotSupportedException();
    public DiskSpace Space() => throw new NotSupportedException();
    public bool TryLock() => throw new NotSupportedException();
}

internal sealed class MemoryFile(byte[] bytes) : IDiskFile
{
    public byte[] Bytes { get; } = bytes;
    public long LengthBytes => Bytes.Length;

    public int Read(long offset, Span<byte> destination)
    {
        int count = (int)Math.Clamp(Bytes.Length - offset, 0, destination.Length);
        Bytes.AsSpan((int)Math.Min(offset, Bytes.Length), count).CopyTo(destination);
        return count;
    }

    public void Dispose()
    {
    }

    public void Write(long offset, ReadOnlySpan<byte> source) => throw new NotSupportedException();
    public int Read(long offset, ReadOnlySpan<IoVector> destinations) => throw new NotSupportedException();
    public void Write(long offset, ReadOnlySpan<IoVector> sources) => throw new NotSupportedException();
    public void SetLength(long lengthBytes) => throw new NotSupportedException();
    public void Allocate(long offset, long lengthBytes) => throw new NotSupportedException();
    public void Sync() => throw new NotSupportedException();
    public void Advise(long offset, long lengthBytes, DiskAdvice advice) => throw new NotSupportedException();
}
