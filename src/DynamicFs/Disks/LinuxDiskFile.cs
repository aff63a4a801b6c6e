using DynamicFs.Interop;
using DynamicFs.Primitives;
using Microsoft.Win32.SafeHandles;

namespace DynamicFs.Disks;

/// <summary>
/// An open regular file of a <see cref="LinuxDisk"/>; owns its descriptor. Short transfers are continued until everything is done. Once a Sync has
/// failed, every later one fails too: the kernel may have forgotten the pages that it could not write. Thread-safe like the kernel's own calls.
/// </summary>
internal sealed unsafe class LinuxDiskFile(LinuxDisk disk, string path, SafeFileHandle file, bool isDirect) : IDiskFile
{
    /// <summary>A direct transfer that is no multiple of this has met the end of the file; to go on from there would be EINVAL.</summary>
    private const int DirectAlignmentBytes = 512;

    private volatile bool _isLost;

    public long LengthBytes
    {
        get
        {
            ThrowOnFailure(Libc.Status(file, out FileStatus status), "stat");
            return status.LengthBytes;
        }
    }

    public int Read(long offset, Span<byte> destination)
    {
        fixed (byte* pointer = destination)
            return (int)ReadPiece(pointer, destination.Length, offset);
    }

    public void Write(long offset, ReadOnlySpan<byte> source)
    {
        fixed (byte* pointer = source)
            WritePiece(pointer, source.Length, offset);
    }

    public int Read(long offset, ReadOnlySpan<IoVector> destinations)
    {
        long done = 0;
        fixed (IoVector* pieces = destinations)
        {
            for (int first = 0; first < destinations.Length;)
            {
                int end = Math.Min(destinations.Length, first + Libc.MaxVectors);
                ThrowOnFailure(Libc.ReadVector(file, pieces + first, end - first, offset + done, out long count), "read");
                long started = SkipWhole(pieces, ref first, end, count);
                done += count;
                if (first < end && IsEnd(count))
                    break;
                if (started == 0)
                    continue;

                // A transfer that ended inside a piece: finish that piece alone, which also tells the end of the file from a short transfer.
                int rest = pieces[first].LengthBytes - (int)started;
                long finished = ReadPiece(pieces[first].Pointer + started, rest, offset + done);
                done += finished;
                if (finished < rest)
                    break;
                first++;
            }
        }

        return checked((int)done);
    }

    public int TryReadCached(long offset, ReadOnlySpan<IoVector> destinations)
    {
        if (isDirect || destinations.Length > Libc.MaxVectors)
            return -1;
        fixed (IoVector* pieces = destinations)
            return Libc.ReadVectorCached(file, pieces, destinations.Length, offset, out long count) == Errno.None ? (int)count : -1;
    }

    public void Write(long offset, ReadOnlySpan<IoVector> sources)
    {
        fixed (IoVector* pieces = sources)
        {
            for (int first = 0; first < sources.Length;)
            {
                int pieceCount = Math.Min(sources.Length - first, Libc.MaxVectors);
                ThrowOnFailure(Libc.WriteVector(file, pieces + first, pieceCount, offset, out long count), "write");
                int before = first;
                long started = SkipWhole(pieces, ref first, first + pieceCount, count);
                offset += count;
                if (first == before || started > 0)
                {
                    int rest = pieces[first].LengthBytes - (int)started;
                    WritePiece(pieces[first].Pointer + started, rest, offset);
                    offset += rest;
                    first++;
                }
            }
        }
    }

    public void SetLength(long lengthBytes) => ThrowOnFailure(Libc.SetLength(file, lengthBytes), "truncate");

    public void Allocate(long offset, long lengthBytes)
    {
        Errno errno = Libc.Allocate(file, offset, lengthBytes);
        if (errno is Errno.EOPNOTSUPP or Errno.ENOSYS)
            errno = LengthBytes < offset + lengthBytes ? Libc.SetLength(file, offset + lengthBytes) : Errno.None;
        ThrowOnFailure(errno, "allocate");
    }

    public void Sync()
    {
        ThrowOnFailure(_isLost ? Errno.EIO : Errno.None, "fdatasync after a failed one of");
        Errno errno = Libc.SyncData(file);
        _isLost |= errno != Errno.None;
        ThrowOnFailure(errno, "fdatasync");
    }

    public void Advise(long offset, long lengthBytes, DiskAdvice advice) => Libc.Advise(file, offset, lengthBytes, advice == DiskAdvice.WillNeed);

    public void Dispose() => file.Dispose();

    /// <summary>Reads until the piece is full or the file ends.</summary>
    private long ReadPiece(byte* pointer, int lengthBytes, long offset)
    {
        long done = 0;
        while (done < lengthBytes)
        {
            ThrowOnFailure(Libc.Read(file, pointer + done, lengthBytes - (int)done, offset + done, out long count), "read");
            done += count;
            if (IsEnd(count))
                break;
        }

        return done;
    }

    private bool IsEnd(long count) => count == 0 || (isDirect && count % DirectAlignmentBytes != 0);

    private void WritePiece(byte* pointer, int lengthBytes, long offset)
    {
        long done = 0;
        while (done < lengthBytes)
        {
            ThrowOnFailure(Libc.Write(file, pointer + done, lengthBytes - (int)done, offset + done, out long count), "write");
            if (count == 0)
                throw disk.Failure("write", path, Errno.EIO);
            done += count;
        }
    }

    /// <summary>Moves <paramref name="first"/> past the pieces that a transfer of <paramref name="count"/> bytes covers wholly; returns the bytes done of the next.</summary>
    private static long SkipWhole(IoVector* pieces, ref int first, int end, long count)
    {
        while (first < end && count >= pieces[first].LengthBytes)
            count -= pieces[first++].LengthBytes;
        return count;
    }

    private void ThrowOnFailure(Errno errno, string operation) => disk.ThrowOnFailure(errno, operation, path);
}
