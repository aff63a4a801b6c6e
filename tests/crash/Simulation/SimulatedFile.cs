using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.CrashTests.Simulation;

/// <summary>An open file of a simulated disk; stays usable after its name is gone, until the disk's content is replaced.</summary>
internal sealed class SimulatedFile : IDiskFile
{
    private const int DirectAlignmentBytes = 4096;

    private readonly SimulatedDisk _disk;
    private readonly SimulatedMedium _medium;
    private readonly int _inode;
    private readonly string _path;
    private readonly DiskOpenMode _mode;
    private readonly int _epoch;
    private bool _isDisposed;

    public SimulatedFile(SimulatedDisk disk, SimulatedMedium medium, int inode, string path, DiskOpenMode mode)
    {
        (_disk, _medium, _inode, _path, _mode) = (disk, medium, inode, path, mode);
        _epoch = medium.Epoch;
    }

    public long LengthBytes
    {
        get
        {
            CheckOpen();
            lock (_disk.World.Gate)
                return _epoch == _medium.Epoch ? File().Live.LengthBytes : throw new DiskException(_disk.Name, $"stat {_path}", Errno.EIO);
        }
    }

    public int Read(long offset, Span<byte> destination)
    {
        CallScope call = Begin(DiskCalls.Read, "read", offset, destination.Length);
        CheckAlignment(call, offset, destination);
        int count;
        lock (_disk.World.Gate)
        {
            count = Content(call, offset, destination.Length).Read(offset, destination);
            Spoil(call, destination[..count]);
        }

        call.ThrowIfFailsAfter();
        return count;
    }

    public int Read(long offset, ReadOnlySpan<IoVector> destinations)
    {
        CallScope call = Begin(DiskCalls.Read, "read", offset, LengthOf(destinations));
        int done = 0;
        lock (_disk.World.Gate)
        {
            BlockMap content = Content(call, offset, LengthOf(destinations));
            foreach (IoVector piece in destinations)
            {
                CheckAlignment(call, offset, piece.Span);
                int count = content.Read(offset + done, piece.Span);
                if (done == 0)
                    Spoil(call, piece.Span[..count]);
                done += count;
            }
        }

        call.ThrowIfFailsAfter();
        return done;
    }

    public void Write(long offset, ReadOnlySpan<byte> source)
    {
        CallScope call = BeginChange(DiskCalls.Write, "write", offset, source.Length);
        lock (_disk.World.Gate)
        {
            DiskImage image = _medium.Image;
            if (source.Length > 0)
                CheckSpace(call, image, offset + source.Length);
            Random random = _disk.World.Random;
            _medium.Set(call.Sequence, call.Fault switch
            {
                FaultKind.DroppedWrite => image.WriteDropped(_inode, offset, source),
                FaultKind.MisdirectedWrite =>
                    image.WriteMisdirected(call.Sequence, _inode, _path, offset, source, random.Next(1, 65) * (random.Next(2) == 0 ? 1 : -1)),
                FaultKind.PartialWrite => image.Write(call.Sequence, _inode, _path, offset, source[..Part(source.Length, random)]),
                _ => image.Write(call.Sequence, _inode, _path, offset, source),
            });
        }

        call.ThrowIfFailsAfter();
    }

    public void Write(long offset, ReadOnlySpan<IoVector> sources)
    {
        // One call of the kernel, so one operation here.
        byte[] joined = new byte[LengthOf(sources)];
        int at = 0;
        foreach (IoVector piece in sources)
        {
            piece.Span.CopyTo(joined.AsSpan(at));
            at += piece.LengthBytes;
        }

        Write(offset, joined);
    }

    public void SetLength(long lengthBytes)
    {
        CallScope call = BeginChange(DiskCalls.SetLength, "truncate", lengthBytes, 0);
        lock (_disk.World.Gate)
            _medium.Set(call.Sequence, _medium.Image.SetLength(call.Sequence, _inode, _path, lengthBytes));
        call.ThrowIfFailsAfter();
    }

    public void Allocate(long offset, long lengthBytes)
    {
        CallScope call = BeginChange(DiskCalls.Allocate, "allocate", offset, lengthBytes);
        lock (_disk.World.Gate)
        {
            DiskImage image = _medium.Image;
            CheckSpace(call, image, offset + lengthBytes);
            if (offset + lengthBytes > File().Live.LengthBytes)
                _medium.Set(call.Sequence, image.SetLength(call.Sequence, _inode, _path, offset + lengthBytes));
        }

        call.ThrowIfFailsAfter();
    }

    public void Sync()
    {
        CallScope call = Begin(DiskCalls.Sync, "fdatasync", 0, 0);
        lock (_disk.World.Gate)
        {
            DiskImage image = _medium.Image;
            _medium.Set(call.Sequence, call.Fault switch
            {
                FaultKind.LostSync => image.SyncLost(_inode, _disk.World.Random),
                FaultKind.SkippedSync => image,
                _ => image.SyncFile(_inode),
            });
        }

        call.ThrowIfFailsAfter();
    }

    public void Advise(long offset, long lengthBytes, DiskAdvice advice) => CheckOpen();

    public void Dispose()
    {
        lock (_disk.World.Gate)
        {
            if (!_isDisposed)
                _medium.RemoveOpen(_inode, _epoch);
            _isDisposed = true;
        }
    }

    private static int LengthOf(ReadOnlySpan<IoVector> pieces)
    {
        int sum = 0;
        foreach (IoVector piece in pieces)
            sum = checked(sum + piece.LengthBytes);
        return sum;
    }

    /// <summary>A part of a write, in whole sectors, less than all.</summary>
    private static int Part(int lengthBytes, Random random) =>
        random.Next((lengthBytes + Sectors.Size - 1) / Sectors.Size) * Sectors.Size;

    private FileInode File() => _medium.Image.File(_inode);

    private void CheckOpen() => ObjectDisposedException.ThrowIf(_isDisposed, this);

    private CallScope Begin(DiskCalls call, string operation, long offset, long lengthBytes)
    {
        CheckOpen();
        var scope = new CallScope(_disk, call, operation, _path, null, offset, lengthBytes);
        scope.ThrowOnFailure(_epoch == _medium.Epoch ? Errno.None : Errno.EIO);
        return scope;
    }

    private CallScope BeginChange(DiskCalls call, string operation, long offset, long lengthBytes)
    {
        CallScope scope = Begin(call, operation, offset, lengthBytes);
        scope.ThrowOnFailure(_mode is DiskOpenMode.Read or DiskOpenMode.ReadDirect ? Errno.EBADF : Errno.None);
        scope.ThrowOnFailure(_medium.Image.IsReadOnly ? Errno.EROFS : Errno.None);
        return scope;
    }

    /// <summary>What a read sees: the cache, or the medium once everything pending is written back (as O_DIRECT does first).</summary>
    private BlockMap Content(in CallScope call, long offset, int lengthBytes)
    {
        FileInode file = File();
        foreach (long sector in file.BadSectors)
        {
            long start = sector * Sectors.Size;
            if (start < offset + lengthBytes && offset < start + Sectors.Size)
                call.ThrowOnFailure(Errno.EIO);
        }

        return _mode == DiskOpenMode.ReadDirect ? file.Medium() : file.Live;
    }

    private unsafe void CheckAlignment(in CallScope call, long offset, Span<byte> memory)
    {
        if (_mode != DiskOpenMode.ReadDirect)
            return;
        fixed (byte* pointer = memory)
        {
            bool isAligned = offset % DirectAlignmentBytes == 0 && memory.Length % DirectAlignmentBytes == 0 && (nint)pointer % DirectAlignmentBytes == 0;
            call.ThrowOnFailure(isAligned ? Errno.None : Errno.EINVAL);
        }
    }

    private void CheckSpace(in CallScope call, DiskImage image, long endBytes)
    {
        long growth = DiskImage.SpaceOf(endBytes) - DiskImage.SpaceOf(File().Live.LengthBytes);
        call.ThrowOnFailure(growth > 0 && image.UsedBytes + growth > image.CapacityBytes ? Errno.ENOSPC : Errno.None);
    }

    private void Spoil(in CallScope call, Span<byte> bytes)
    {
        if (call.Fault == FaultKind.FlippedBit && bytes.Length > 0)
            bytes[_disk.World.Random.Next(bytes.Length)] ^= (byte)(1 << _disk.World.Random.Next(8));
    }
}
