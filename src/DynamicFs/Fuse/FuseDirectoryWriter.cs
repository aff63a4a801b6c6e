using DynamicFs.Files;
using DynamicFs.Interop;
using DynamicFs.Primitives;

namespace DynamicFs.Fuse;

/// <summary>Lays entries out as the records of READDIR or READDIRPLUS (attributes zero) in memory of a limited size. One per reader thread, reused.</summary>
internal sealed unsafe class FuseDirectoryWriter : IDirectorySink
{
    private byte* _start;
    private int _capacityBytes;
    private bool _plus;

    /// <summary>Bytes written so far; whole records.</summary>
    public int LengthBytes { get; private set; }

    /// <summary>An entry was refused for want of room.</summary>
    public bool IsFull { get; private set; }

    public void Begin(byte* start, int capacityBytes, bool plus)
    {
        _start = start;
        (_capacityBytes, _plus) = (capacityBytes, plus);
        (LengthBytes, IsFull) = (0, false);
    }

    public bool Add(ReadOnlySpan<byte> name, InodeNumber inode, uint type, ulong cookie)
    {
        int headBytes = _plus ? sizeof(FuseDirentplus) : sizeof(FuseDirent);
        int recordBytes = FuseAbi.AlignRecord(headBytes + name.Length);
        if (recordBytes > _capacityBytes - LengthBytes)
        {
            IsFull = true;
            return false;
        }

        var record = new Span<byte>(_start + LengthBytes, recordBytes);
        record[..headBytes].Clear();
        name.CopyTo(record[headBytes..]);
        record[(headBytes + name.Length)..].Clear();
        *(FuseDirent*)(_start + LengthBytes + headBytes - sizeof(FuseDirent)) = new FuseDirent
        {
            Ino = inode.Value,
            Off = cookie,
            Namelen = (uint)name.Length,
            Type = type >> 12,
        };
        LengthBytes += recordBytes;
        return true;
    }
}
