using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using DynamicFs.Files;
using DynamicFs.Fuse;
using DynamicFs.Interop;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace DynamicFs.UnitTests.Fuse;

/// <summary>Builds the bytes of a request as the kernel sends it.</summary>
internal sealed class RequestBytes
{
    private readonly List<byte> _bytes = [];

    public RequestBytes(FuseOpcode opcode, ulong unique = 42, ulong node = 1, uint userId = 0)
    {
        Header = new FuseInHeader { Opcode = (uint)opcode, Unique = unique, Nodeid = node, Uid = userId };
        _bytes.AddRange(new byte[Unsafe.SizeOf<FuseInHeader>()]);
    }

    public FuseInHeader Header { get; }

    public RequestBytes With<T>(in T structure)
        where T : unmanaged
    {
        _bytes.AddRange(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in structure)));
        return this;
    }

    public RequestBytes WithText(string text)
    {
        _bytes.AddRange(Encoding.UTF8.GetBytes(text));
        _bytes.Add(0);
        return this;
    }

    public RequestBytes WithBytes(ReadOnlySpan<byte> bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public byte[] ToArray()
    {
        byte[] bytes = [.. _bytes];
        MemoryMarshal.Write(bytes, Header with { Len = (uint)bytes.Length });
        return bytes;
    }
}

/// <summary>A handler without a kernel: bytes in, bytes out.</summary>
internal sealed unsafe class OfflineHandler : IDisposable
{
    private readonly FuseBuffer _buffer = new();

    public OfflineHandler(FileSystem? files = null, FuseInitFlags offered = (FuseInitFlags)ulong.MaxValue, TimeProvider? time = null, bool directWrites = false)
    {
        // Without one, decoding is what is tested: every call that gets through fails inside, which must come out as EIO.
        files ??= (FileSystem)RuntimeHelpers.GetUninitializedObject(typeof(FileSystem));
        var options = new FuseMountOptions { Source = "tank", MountPoint = "/nowhere", DirectWrites = directWrites, OnDefect = _ => DefectCount++ };
        Handler = new FuseHandler(files, options, NullLogger.Instance, time ?? TimeProvider.System, ChangedInodes.Add)
        {
            Negotiation = FuseNegotiation.Agree(new FuseInitIn { Major = 7, Minor = 45, Flags = (uint)offered, Flags2 = (uint)((ulong)offered >> 32) }, options),
        };
    }

    public FuseHandler Handler { get; }

    public List<InodeNumber> ChangedInodes { get; } = [];

    public int DefectCount { get; private set; }

    /// <summary>The reply, header and all; empty when there is none.</summary>
    public byte[] Handle(ReadOnlySpan<byte> request)
    {
        request.CopyTo(new Span<byte>(_buffer.Request, FuseBuffer.RequestCapacity));
        Handler.Handle(_buffer, request.Length);
        byte[] reply = new byte[_buffer.ReplyBytes];
        new ReadOnlySpan<byte>(_buffer.ReplyHead, _buffer.ReplyHeadBytes).CopyTo(reply);
        if (_buffer.ReplyDataBytes > 0)
            new ReadOnlySpan<byte>(_buffer.ReplyData, _buffer.ReplyDataBytes).CopyTo(reply.AsSpan(_buffer.ReplyHeadBytes));
        return reply;
    }

    public Errno ErrnoOf(RequestBytes request) => (Errno)(-MemoryMarshal.Read<FuseOutHeader>(Handle(request.ToArray())).Error);

    /// <summary>The first structure of a reply that must be a success.</summary>
    public T Reply<T>(RequestBytes request)
        where T : unmanaged
    {
        byte[] reply = Handle(request.ToArray());
        Assert.Equal(0, MemoryMarshal.Read<FuseOutHeader>(reply).Error);
        return MemoryMarshal.Read<T>(reply.AsSpan(sizeof(FuseOutHeader)));
    }

    /// <summary>The data of a reply that must be a success.</summary>
    public byte[] Data(RequestBytes request)
    {
        byte[] reply = Handle(request.ToArray());
        Assert.Equal(0, MemoryMarshal.Read<FuseOutHeader>(reply).Error);
        return reply[sizeof(FuseOutHeader)..];
    }

    /// <summary>The kernel does not take the reply that was made last.</summary>
    public void RefuseReply() => Handler.Undo(_buffer);

    public void Dispose() => _buffer.Dispose();
}
