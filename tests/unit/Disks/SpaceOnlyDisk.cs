using DynamicFs.Disks;

namespace DynamicFs.UnitTests.Disks;

/// <summary>A disk that only says how much room it has; every other call is one too many.</summary>
internal sealed class SpaceOnlyDisk(string name, Func<DiskSpace> space) : IDisk
{
    public string Name => name;

    public DiskSpace Space() => space();

    public IDiskFile Open(string path, DiskOpenMode mode) => throw new NotSupportedException();

    public void Rename(string from, string to) => throw new NotSupportedException();

    public void Unlink(string path) => throw new NotSupportedException();

    public void MakeDirectory(string path) => throw new NotSupportedException();

    public void RemoveDirectory(string path) => throw new NotSupportedException();

    public IReadOnlyList<DiskEntry> List(string path) => throw new NotSupportedException();

    public void SyncDirectory(string path) => throw new NotSupportedException();

    public bool TryLock() => throw new NotSupportedException();

    public void Dispose()
    {
    }
}
