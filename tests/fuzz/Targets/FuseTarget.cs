using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DynamicFs.CrashTests;
using DynamicFs.CrashTests.Simulation;
using DynamicFs.Fuse;
using DynamicFs.Interop;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging.Abstractions;

namespace DynamicFs.Fuzz.Targets;

/// <summary>
/// Kernel requests to the whole engine in memory. Every request that wants one gets exactly one well-formed reply, no invariant breaks, the filesystem stays
/// writable; after a session its metadata verifies, and it is the same when it is opened anew.
/// </summary>
internal sealed unsafe class FuseTarget
{
    private const int SessionInputs = 1000;

    private readonly EnginePool _pool;
    private readonly SimulatedWorld _world;
    private readonly FuseHandler _handler;
    private readonly FuseBuffer _buffer = new();
    private Exception? _defect;

    private FuseTarget()
    {
        _pool = SamplePool.Make(out _world);
        var options = new FuseMountOptions { Source = "tank", MountPoint = "/nowhere", OnDefect = e => _defect = e };
        _handler = new FuseHandler(_pool.Files, options, NullLogger.Instance, TimeProvider.System, _ => { })
        {
            Negotiation = FuseNegotiation.Agree(new FuseInitIn { Major = 7, Minor = 45, Flags = uint.MaxValue, Flags2 = uint.MaxValue }, options),
        };
    }

    /// <summary>Reading and writing a megabyte takes some memory; a buffer sized by the request would take far more.</summary>
    public static FuzzTarget Target { get; } = new("kernel-request", () =>
    {
        var target = new FuseTarget();
        return new FuzzSession(FuseRequests.Make, target.Judge) { End = target.End, Close = target.Close, AllocationBytes = 48 << 20 };
    })
    {
        SessionInputs = SessionInputs,
    };

    private bool Judge(FuzzInput input)
    {
        ReadOnlySpan<byte> request = input.Bytes.AsSpan(0, Math.Min(input.Bytes.Length, FuseBuffer.RequestCapacity));
        request.CopyTo(new Span<byte>(_buffer.Request, FuseBuffer.RequestCapacity));
        _handler.Handle(_buffer, request.Length);
        if (_defect is not null)
            throw new FuzzException($"a defect: {_defect}");
        if (_pool.Files.Failure is not null || _pool.Files.IsReadOnly)
            throw new FuzzException($"the filesystem turned read-only: {_pool.Files.Failure}");
        return CheckReply(request);
    }

    private bool CheckReply(ReadOnlySpan<byte> request)
    {
        FuseInHeader header = request.Length < sizeof(FuseInHeader) ? default : MemoryMarshal.Read<FuseInHeader>(request);
        if (request.Length < sizeof(FuseInHeader) || !FuseHandler.WantsReply((FuseOpcode)header.Opcode))
            return _buffer.ReplyBytes == 0 ? true : throw new FuzzException("a reply that nobody waits for");
        if (_buffer.ReplyHeadBytes < sizeof(FuseOutHeader))
            throw new FuzzException("no reply");
        FuseOutHeader answer = Unsafe.Read<FuseOutHeader>(_buffer.ReplyHead);
        bool isRight = answer.Len == _buffer.ReplyBytes && answer.Unique == header.Unique && answer.Error is <= 0 and >= -511
            && (answer.Error == 0 || answer.Len == sizeof(FuseOutHeader));
        if (!isRight)
            throw new FuzzException($"a reply of {_buffer.ReplyBytes} bytes that says {answer.Len}, {answer.Unique} (for {header.Unique}), {answer.Error}");
        if (header.Unique % 64 == 0)
            _handler.Undo(_buffer);
        return answer.Error == 0;
    }

    private void End()
    {
        _handler.Close();
        if (_pool.Files.SyncAll() != Errno.None)
            throw new FuzzException($"the last commit failed: {_pool.Files.Failure}");
        var problems = new List<string>();
        _pool.Metadata.Verify(problems.Add);
        string before = TreeText.Of(_pool.Files);
        using EnginePool again = EnginePool.Open(SamplePool.Id, RecordedRun.Disks(_world.Restart()));
        if (problems.Count > 0)
            throw new FuzzException($"the metadata does not verify: {problems[0]}");
        if (TreeText.Of(again.Files) != before)
            throw new FuzzException("the filesystem is another one when it is opened anew");
    }

    private void Close()
    {
        _pool.Dispose();
        _buffer.Dispose();
    }
}
