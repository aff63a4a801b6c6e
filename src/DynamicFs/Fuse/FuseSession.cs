using DynamicFs.Files;
using DynamicFs.Interop;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace DynamicFs.Fuse;

/// <summary>
/// A live mount: the connection, its reader threads, its metrics. All readers share one descriptor. State between requests is only what INIT agreed on
/// and what the filesystem itself keeps, so that a successor process could go on with the same descriptor.
/// The session ends when the kernel says so: somebody unmounted, or the connection was cut.
/// </summary>
public sealed class FuseSession : IDisposable
{
    /// <summary>Readers are added while requests wait long for disks, up to this.</summary>
    internal const int MaxReaders = 64;

    private static readonly TimeSpan InitTimeout = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(5);

    private readonly FuseMount _mount;
    private readonly FuseMountOptions _options;
    private readonly FuseWatch _watch;
    private readonly ManualResetEventSlim _negotiated = new();
    private readonly ManualResetEventSlim _ended = new();

    /// <summary>Protects <see cref="_readers"/> and the numbers below; nothing is called while it is held.</summary>
    private readonly Lock _gate = new();
    private readonly List<FuseReader> _readers = [];
    private readonly int _baseReaders;
    private int _nextReader;
    private int _readerCount;
    private int _allowedReaders;
    private bool _isOver;
    private int _active;

    private FuseSession(FileSystem files, FuseMount mount, FuseMountOptions options, ILoggerFactory loggers)
    {
        _mount = mount;
        _options = options;
        Log = loggers.CreateLogger("DynamicFs.Fuse");
        Handler = new FuseHandler(files, options, Log, TimeProvider.System, ForgetAttributes);
        Metrics = new FuseMetrics(() => ActiveCount);
        Trace = options.Trace ? new FuseTrace(Log) : null;
        _baseReaders = options.ReaderCount > 0 ? Math.Min(options.ReaderCount, MaxReaders) : Math.Clamp(2 * Environment.ProcessorCount, 4, 32);
        _allowedReaders = _baseReaders;
        Patience = new FusePatience(() => LibcFuse.HasRequest(Device), TimeProvider.System);
        _watch = new FuseWatch(this, options.SlowRequestAfter);
    }

    public string MountPoint => _mount.MountPoint;

    /// <summary>Why the session ended; null while it lives.</summary>
    public string? EndReason { get; private set; }

    internal SafeFileHandle Device => _mount.Device;
    internal FuseHandler Handler { get; }
    internal FuseMetrics Metrics { get; }
    internal FusePatience Patience { get; }
    internal FuseTrace? Trace { get; }
    internal ILogger Log { get; }
    internal int BaseReaders => _baseReaders;
    internal int ActiveCount => Volatile.Read(ref _active);

    /// <summary>
    /// Mounts and serves; returns when the kernel has taken INIT, so that the mount works. <see cref="PoolException"/> when it cannot be mounted,
    /// and then nothing is left behind.
    /// </summary>
    public static FuseSession Mount(FileSystem files, FuseMountOptions options, ILoggerFactory loggers)
    {
        if (files.IsReadOnly)
            options = options with { ReadOnly = true };
        FuseMount mount = FuseMount.Create(options);
        var session = new FuseSession(files, mount, options, loggers);
        try
        {
            session.Start();
        }
        catch
        {
            session.Unmount(TimeSpan.FromSeconds(2));
            session.Dispose();
            throw;
        }

        return session;
    }

    /// <summary>Waits until the session has ended, however; false when <paramref name="timeout"/> passed first.</summary>
    public bool WaitForEnd(TimeSpan? timeout = null) => _ended.Wait(timeout ?? Timeout.InfiniteTimeSpan);

    /// <summary>
    /// Takes the mount away and waits for the session to end. Who still has files open there keeps it alive: after <paramref name="grace"/> the connection is
    /// cut. False when that could not be done or a request hangs; then only the end of the process ends it.
    /// </summary>
    public bool Unmount(TimeSpan grace)
    {
        _mount.Unmount();
        if (_ended.Wait(grace))
            return true;
        FuseLog.Cutting(Log, MountPoint, (long)grace.TotalSeconds);
        return _mount.TryAbort() && _ended.Wait(StopTimeout);
    }

    /// <summary>After the end: stops counting, and closes the descriptor if the session did not end.</summary>
    public void Dispose()
    {
        _watch.Dispose();
        Metrics.Dispose();
        _mount.Dispose();
    }

    /// <summary>What is being worked on right now, for the watchdog and for status reports.</summary>
    internal IReadOnlyList<RunningRequest> Running()
    {
        lock (_gate)
            return [.. _readers.Select(reader => reader.Current).OfType<RunningRequest>()];
    }

    internal void RequestBegins()
    {
        // Everybody is busy: the watch looks whether they are stuck.
        if (Interlocked.Increment(ref _active) >= _baseReaders)
            _watch.Wake();
    }

    internal void RequestEnds(FuseOpcode opcode)
    {
        Interlocked.Decrement(ref _active);
        if (opcode == FuseOpcode.Init && Handler.Negotiation is not null)
            _negotiated.Set();
    }

    /// <summary>Sets how many readers there may be, and starts those that are missing.</summary>
    internal void AllowReaders(int count)
    {
        List<FuseReader> added = [];
        lock (_gate)
        {
            _allowedReaders = Math.Clamp(count, _baseReaders, MaxReaders);
            while (!_isOver && _readers.Count < _allowedReaders)
            {
                var reader = new FuseReader(this, _nextReader++);
                _readers.Add(reader);
                added.Add(reader);
            }

            _readerCount = _readers.Count;
        }

        foreach (FuseReader reader in added)
            reader.Start();
    }

    /// <summary>There are more readers than allowed and this one may go; then it must.</summary>
    internal bool IsSpare(FuseReader reader)
    {
        if (Volatile.Read(ref _readerCount) <= Volatile.Read(ref _allowedReaders))
            return false;
        lock (_gate)
        {
            bool isSpare = _readers.Count > _allowedReaders && _readers.Remove(reader);
            _readerCount = _readers.Count;
            return isSpare;
        }
    }

    /// <summary>A reader's thread ends: the last one ends the session.</summary>
    internal void ReaderEnded(FuseReader reader, string reason)
    {
        lock (_gate)
        {
            // The connection is over for all of them; only a spare one goes while it lives, and that took itself off the list before.
            _isOver |= _readers.Remove(reader);
            if (!_isOver || _readers.Count > 0)
                return;
        }

        Handler.Close();
        _mount.Dispose();
        EndReason = reason;
        FuseLog.Ended(Log, MountPoint, reason);
        _ended.Set();
    }

    /// <summary>
    /// NOTIFY_INVAL_INODE without a range: the kernel only marks the attributes as unknown and takes no lock, so this may be sent while the request that
    /// caused it waits for its reply. (With a range, or for names, it takes locks that the waiting caller holds: that needs a thread of its own.)
    /// </summary>
    private unsafe void ForgetAttributes(InodeNumber inode)
    {
        var message = new InvalidateMessage
        {
            Header = new FuseOutHeader { Len = (uint)sizeof(InvalidateMessage), Error = (int)FuseNotifyCode.InvalInode },
            Body = new FuseNotifyInvalInodeOut { Ino = inode.Value, Off = -1 },
        };

        // ENOENT: the kernel does not know the inode at all.
        _ = LibcFuse.Write(Device, (byte*)&message, sizeof(InvalidateMessage));
    }

    private struct InvalidateMessage
    {
        public FuseOutHeader Header;
        public FuseNotifyInvalInodeOut Body;
    }

    private void Start()
    {
        AllowReaders(_baseReaders);
        _watch.Start();
        WaitHandle.WaitAny([_negotiated.WaitHandle, _ended.WaitHandle], InitTimeout);
        if (!_negotiated.IsSet)
            throw new PoolException(ErrorId.Mount, $"{MountPoint}: mounted, but the kernel did not agree on a protocol ({EndReason ?? "no answer"}); Linux 5.4 or newer is needed");
        _mount.TrySetReadAhead(_options.ReadAheadKiB);
        FuseLog.Mounted(Log, MountPoint, _options.Source, _baseReaders);
    }
}
