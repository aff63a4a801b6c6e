using DynamicFs.Extents;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// An extent while it is filled, written and not yet readable from disks: its bytes are served from memory. Filled under the lock of
/// <see cref="ExtentAssembler"/>; after <see cref="Seal"/> its bytes never change. <see cref="TryRead"/> and <see cref="Retire"/> exclude each other,
/// so that a reader never sees the buffer go away.
/// </summary>
internal sealed class ExtentBuilder(ExtentId id, Generation birth, NativeBuffer buffer)
{
    private readonly Lock _lock = new();
    private readonly List<Origin> _origins = [];
    private readonly int _roomBytes = buffer.LengthBytes;
    private NativeBuffer? _buffer = buffer;

    public ExtentId Id { get; } = id;

    /// <summary>The transaction whose commit makes this extent durable.</summary>
    public Generation Birth { get; } = birth;
    public int SliceBytes { get; private set; }
    public int LengthBytes { get; private set; }
    public bool IsSealed { get; private set; }

    /// <summary>Set by the writer when the extent could not be written.</summary>
    public Exception? Failure { get; set; }
    public ManualResetEventSlim Written { get; } = new();

    /// <summary>Bytes that one more slice may have.</summary>
    public int RoomBytes => Math.Max(0, _roomBytes - SliceBytes - OriginFormat.SizeOf(_origins.Count + 1));

    public NativeBuffer Buffer => _buffer ?? throw new InvariantException("the extent was retired");

    /// <summary>Room for <paramref name="lengthBytes"/> more bytes that belong to the file at <paramref name="fileOffset"/>; fill the span before anything else.</summary>
    public Slice Append(InodeNumber inode, long fileOffset, int lengthBytes, out Span<byte> destination)
    {
        Invariant.Check(!IsSealed && lengthBytes > 0 && lengthBytes <= RoomBytes, "a slice fits into its extent");
        var slice = new Slice(fileOffset, lengthBytes, Id, SliceBytes);
        destination = Buffer.Span.Slice(SliceBytes, lengthBytes);
        SliceBytes += lengthBytes;
        Origin last = _origins.Count > 0 ? _origins[^1] : default;
        if (last.Inode == inode && last.FileOffset + last.LengthBytes == fileOffset && last.ExtentOffset + last.LengthBytes == slice.ExtentOffset)
            _origins[^1] = last with { LengthBytes = last.LengthBytes + lengthBytes };
        else
            _origins.Add(new Origin(inode, fileOffset, slice.ExtentOffset, lengthBytes));
        return slice;
    }

    /// <summary>Writes the origin directory behind the slices; nothing can be added any more.</summary>
    public void Seal()
    {
        Invariant.Check(!IsSealed && SliceBytes > 0, "an extent is sealed once and not empty");
        OriginFormat.Write(Buffer.Span[SliceBytes..], _origins);
        LengthBytes = SliceBytes + OriginFormat.SizeOf(_origins.Count);
        IsSealed = true;
    }

    /// <summary>False when the extent was retired: its bytes are on disks now.</summary>
    public bool TryRead(int offset, Span<byte> destination)
    {
        lock (_lock)
        {
            if (_buffer is null)
                return false;
            _buffer.Span.Slice(offset, destination.Length).CopyTo(destination);
            return true;
        }
    }

    /// <summary>Gives the buffer up: from now on the extent is read through its record.</summary>
    public NativeBuffer Retire()
    {
        lock (_lock)
        {
            NativeBuffer buffer = Buffer;
            _buffer = null;
            return buffer;
        }
    }
}
