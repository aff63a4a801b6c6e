using System.Diagnostics;
using DynamicFs.Interop;
using DynamicFs.Primitives;

namespace DynamicFs.Fuse;

/// <summary>
/// One thread that reads a request from the shared descriptor, has it handled and writes the reply, until the connection ends. Owns its buffer.
/// What it is working on can be seen from outside (<see cref="Current"/>), for the watchdog.
/// </summary>
internal sealed unsafe class FuseReader
{
    private readonly FuseSession _session;
    private FuseInHeader _header;
    private long _startedAt;
    private FuseBuffer _buffer = null!;

    public FuseReader(FuseSession session, int number)
    {
        _session = session;
        Number = number;
    }

    public int Number { get; }

    /// <summary>Starts the thread; <see cref="FuseSession.ReaderEnded"/> is called at its end.</summary>
    public void Start() => new Thread(Run) { Name = $"fuse-{Number}", IsBackground = true }.Start();

    /// <summary>The request in work, or null. A racy look from another thread: the parts may belong to two requests that followed each other.</summary>
    public RunningRequest? Current
    {
        get
        {
            long startedAt = Volatile.Read(ref _startedAt);
            return startedAt == 0
                ? null
                : new RunningRequest((FuseOpcode)_header.Opcode, _header.Unique, _header.Nodeid, _header.Pid, Stopwatch.GetElapsedTime(startedAt));
        }
    }

    private void Run()
    {
        LibcFuse.MarkIoFlusher();
        using var buffer = new FuseBuffer();
        _buffer = buffer;
        string reason;
        while (true)
        {
            _session.Patience.Await();
            Errno errno = LibcFuse.Read(_session.Device, _buffer.Request, FuseBuffer.RequestCapacity, out int count);
            if (errno == Errno.None)
            {
                Serve(count);
                if (_session.IsSpare(this))
                {
                    reason = "spare";
                    break;
                }
            }
            else if (EndReason(errno) is { } end)
            {
                reason = end;
                break;
            }
        }

        _session.ReaderEnded(this, reason);
    }

    private void Serve(int requestBytes)
    {
        long startedAt = Stopwatch.GetTimestamp();
        _header = *(FuseInHeader*)_buffer.Request;
        var opcode = (FuseOpcode)_header.Opcode;
        Volatile.Write(ref _startedAt, startedAt);
        _session.RequestBegins();
        _session.Trace?.Request(_buffer, requestBytes);
        _session.Handler.Handle(_buffer, requestBytes);
        _session.Trace?.Reply(_buffer, Stopwatch.GetElapsedTime(startedAt));
        if (_buffer.ReplyBytes > 0)
            Reply(opcode, _header.Unique);
        Volatile.Write(ref _startedAt, 0);
        bool isError = _buffer.ReplyBytes > 0 && _buffer.ReplyErrno is not (Errno.None or Errno.ENOSYS);
        _session.Metrics.Record(opcode, Stopwatch.GetTimestamp() - startedAt, isError);
        _session.RequestEnds(opcode);
    }

    private void Reply(FuseOpcode opcode, ulong unique)
    {
        Errno errno = Send();
        if (errno == Errno.None)
            return;

        // ENOENT: the kernel gave the request up, for the connection was cut. ENODEV: unmounted.
        if (errno is Errno.ENOENT or Errno.ENODEV or Errno.ECONNABORTED)
        {
            _session.Handler.Undo(_buffer);
            return;
        }

        // A reply that the kernel finds malformed still leaves somebody waiting: an error alone is always well-formed.
        FuseLog.ReplyRefused(_session.Log, opcode, unique, _buffer.ReplyBytes, errno);
        _session.Handler.Undo(_buffer);
        _buffer.Fail(unique, Errno.EIO);
        _ = Send();
    }

    private Errno Send()
    {
        if (_buffer.ReplyDataBytes == 0)
            return LibcFuse.Write(_session.Device, _buffer.ReplyHead, _buffer.ReplyHeadBytes);
        IoVector* pieces = stackalloc IoVector[2];
        pieces[0] = new IoVector(_buffer.ReplyHead, _buffer.ReplyHeadBytes);
        pieces[1] = new IoVector(_buffer.ReplyData, _buffer.ReplyDataBytes);
        return LibcFuse.WriteVector(_session.Device, pieces, 2);
    }

    /// <summary>Null: read again. ENOENT means that the request at hand was taken back before we got it.</summary>
    private string? EndReason(Errno errno)
    {
        switch (errno)
        {
            case Errno.EINTR or Errno.EAGAIN or Errno.ENOENT:
                return null;
            case Errno.ENODEV:
                return "unmounted";
            case Errno.ECONNABORTED:
                return "connection cut";
            default:
                FuseLog.ReadFailed(_session.Log, FuseMount.DevicePath, errno);
                return $"read error {errno}";
        }
    }
}

/// <summary>A request in work: what, on which inode, for which process, since when.</summary>
internal readonly record struct RunningRequest(FuseOpcode Opcode, ulong Unique, ulong Inode, uint ProcessId, TimeSpan Elapsed);
