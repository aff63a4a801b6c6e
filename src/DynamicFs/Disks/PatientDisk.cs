using DynamicFs.Primitives;

namespace DynamicFs.Disks;

/// <summary>
/// A disk whose calls always come back: what another thread than the disk's own asks for runs on threads of its own, with memory of its own, and is given up when the disk does not
/// answer in time (ECANCELED; at once when it is not worth waiting, see <see cref="DiskPatience"/>). The disk's own threads call it directly: they are watched, and
/// their work is given up as a whole (<see cref="DiskQueue.GiveUp"/>). Owns the disk.
/// </summary>
public sealed class PatientDisk : IDisk
{
    private const int Threads = 4;

    private readonly IDisk _disk;

    public PatientDisk(IDisk disk) => (_disk, Calls) = (disk, new DiskQueue(disk.Name, Threads));

    /// <summary>The threads for calls of others.</summary>
    public DiskQueue Calls { get; }

    /// <summary>Calls take long at the moment; set by the watch.</summary>
    public bool IsLagging { get; set; }

    public string Name => _disk.Name;

    public IDiskFile Open(string path, DiskOpenMode mode) =>
        new PatientFile(this, Call($"open {path}", () => _disk.Open(path, mode), late: static file => file.Dispose()));

    public void Rename(string from, string to) => Call($"rename {from}", () => _disk.Rename(from, to));

    public void Unlink(string path) => Call($"unlink {path}", () => _disk.Unlink(path));

    public void MakeDirectory(string path) => Call($"mkdir {path}", () => _disk.MakeDirectory(path));

    public void RemoveDirectory(string path) => Call($"rmdir {path}", () => _disk.RemoveDirectory(path));

    public IReadOnlyList<DiskEntry> List(string path) => Call($"list {path}", () => _disk.List(path));

    public void SyncDirectory(string path) => Call($"fsync directory {path}", () => _disk.SyncDirectory(path));

    public DiskSpace Space() => Call("statvfs", _disk.Space);

    public void CheckPlace() => Call("find", _disk.CheckPlace);

    public bool TryLock() => Call("lock", _disk.TryLock);

    /// <summary>A disk that hangs is left to the end of the process.</summary>
    public void Dispose()
    {
        bool isStuck = Calls.IsStuck;
        Calls.Dispose();
        if (!isStuck)
            _disk.Dispose();
    }

    internal static bool IsDirect => DiskQueue.IsDiskThread && !DiskPatience.IsLimited;

    internal void Call(string operation, Action action) => Call(operation, () =>
    {
        action();
        return true;
    });

    internal T Call<T>(string operation, Func<T> function, Action<T>? late = null)
    {
        if (IsDirect)
            return function();
        var call = new PatientCall<T>(function, late);
        Await(call, operation);
        return call.Result;
    }

    /// <summary>Runs a call on the threads for others and waits as long as the caller's patience lasts; throws what the call threw.</summary>
    internal void Await(PatientWork call, string operation)
    {
        bool isShort = DiskPatience.IsShort;
        if (isShort && IsLagging)
            throw NotNow(operation);
        call.Begin();
        Calls.Post(call);
        if (!call.Wait(isShort ? (int)DiskPatience.ReadAround.TotalMilliseconds : Timeout.Infinite))
            throw NotNow(operation);
        // The file was closed under the caller: its disk was taken offline.
        if (call.Failure?.SourceException is ObjectDisposedException)
            throw NotNow(operation);
        call.Failure?.Throw();
    }

    /// <summary>Says nothing about the disk's health: the watch judges that.</summary>
    private DiskException NotNow(string operation) => new(Name, $"{operation}: no answer yet, others are asked", Errno.ECANCELED);
}
