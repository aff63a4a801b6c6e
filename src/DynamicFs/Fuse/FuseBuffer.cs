using DynamicFs.Interop;
using DynamicFs.Primitives;

namespace DynamicFs.Fuse;

/// <summary>
/// The memory of one reader thread: one request and its reply, never two. Laid out so that the data of a WRITE begins on a page:
/// page 0 holds the reply's header and structures, page 1 ends with the request's header and structures, pages 2 and up are payload: the
/// data of a WRITE, the names of a request, or the data of a reply.
/// </summary>
internal sealed unsafe class FuseBuffer : IDisposable
{
    /// <summary>Most data in one READ or WRITE: 256 pages, the kernel's limit without tuning.</summary>
    public const int PayloadBytes = 1 << 20;

    private const int PageBytes = NativeBuffer.Alignment;

    private readonly NativeBuffer _memory = new((2 * PageBytes) + PayloadBytes);

    /// <summary>What precedes the data of a WRITE.</summary>
    public static int HeadBytes => sizeof(FuseInHeader) + sizeof(FuseWriteIn);

    /// <summary>The kernel refuses a read into less than this for the largest write it may send.</summary>
    public static int RequestCapacity => HeadBytes + PayloadBytes;

    public byte* Request => _memory.Pointer + (2 * PageBytes) - HeadBytes;

    public byte* Payload => _memory.Pointer + (2 * PageBytes);

    /// <summary>Room for a reply's data that overlaps no argument of a request without data (names end before it).</summary>
    public Span<byte> DataAfterArguments => new(Payload + PageBytes, PayloadBytes - PageBytes);

    public FuseDirectoryWriter Directory { get; } = new();

    /// <summary>Header and structures of the reply; 0: there is none.</summary>
    public int ReplyHeadBytes { get; private set; }

    public byte* ReplyHead => _memory.Pointer;

    public byte* ReplyData { get; private set; }

    public int ReplyDataBytes { get; private set; }

    public int ReplyBytes => ReplyHeadBytes + ReplyDataBytes;

    private FuseOutHeader* Header => (FuseOutHeader*)_memory.Pointer;

    /// <summary>0 or the errno of the reply.</summary>
    public Errno ReplyErrno => (Errno)(-Header->Error);

    /// <summary>A new request begins: no reply so far.</summary>
    public void Clear()
    {
        ReplyHeadBytes = 0;
        ReplyDataBytes = 0;
        ReplyData = null;
    }

    /// <summary>Appends a zeroed structure to the reply.</summary>
    public ref T Append<T>()
        where T : unmanaged
    {
        if (ReplyHeadBytes == 0)
            ReplyHeadBytes = sizeof(FuseOutHeader);
        Invariant.Check(ReplyHeadBytes + sizeof(T) <= PageBytes, "the structures of a reply fit in a page");
        T* place = (T*)(_memory.Pointer + ReplyHeadBytes);
        *place = default;
        ReplyHeadBytes += sizeof(T);
        return ref *place;
    }

    /// <summary>The reply's data lies at <paramref name="data"/>, inside this buffer.</summary>
    public void SetData(byte* data, int lengthBytes)
    {
        Invariant.Check(data >= Payload && lengthBytes >= 0 && data + lengthBytes <= Payload + PayloadBytes, "reply data lies in the payload");
        ReplyData = data;
        ReplyDataBytes = lengthBytes;
    }

    /// <summary>The reply's data are the first bytes of <see cref="DataAfterArguments"/>.</summary>
    public void SetDataAfterArguments(int lengthBytes) => SetData(Payload + PageBytes, lengthBytes);

    /// <summary>Completes the header over what was appended.</summary>
    public void Finish(ulong unique)
    {
        if (ReplyHeadBytes == 0)
            ReplyHeadBytes = sizeof(FuseOutHeader);
        *Header = new FuseOutHeader { Len = (uint)ReplyBytes, Unique = unique };
    }

    /// <summary>Drops what was appended and answers with an error alone.</summary>
    public void Fail(ulong unique, Errno errno)
    {
        Clear();
        ReplyHeadBytes = sizeof(FuseOutHeader);
        *Header = new FuseOutHeader { Len = (uint)sizeof(FuseOutHeader), Error = -(int)errno, Unique = unique };
    }

    public void Dispose() => _memory.Dispose();
}
