using System.Collections.Concurrent;
using DynamicFs.Primitives;

namespace DynamicFs.Disks;

/// <summary>
/// A file of a <see cref="PatientDisk"/>. A read that the page cache can answer runs on the caller; any other goes to the disk's threads with a buffer of its own,
/// because a read that was given up may still write to its memory.
/// </summary>
internal sealed unsafe class PatientFile(PatientDisk disk, IDiskFile file) : IDiskFile
{
    private const int MaxKeptBytes = 1 << 20;

    private static readonly ConcurrentBag<ReadCall> s_reads = [];

    public long LengthBytes => disk.Call("stat", () => file.LengthBytes);

    public int Read(long offset, Span<byte> destination)
    {
        fixed (byte* pointer = destination)
        {
            IoVector whole = new(pointer, destination.Length);
            return destination.IsEmpty ? 0 : Read(offset, new ReadOnlySpan<IoVector>(in whole));
        }
    }

    public int Read(long offset, ReadOnlySpan<IoVector> destinations)
    {
        if (PatientDisk.IsDirect)
            return file.Read(offset, destinations);
        int wanted = 0;
        foreach (ref readonly IoVector piece in destinations)
            wanted += piece.LengthBytes;
        return file.TryReadCached(offset, destinations) == wanted ? wanted : ReadApart(offset, destinations, wanted);
    }

    public int TryReadCached(long offset, ReadOnlySpan<IoVector> destinations) => file.TryReadCached(offset, destinations);

    public void Write(long offset, ReadOnlySpan<byte> source)
    {
        if (PatientDisk.IsDirect)
        {
            file.Write(offset, source);
            return;
        }

        byte[] copy = source.ToArray();
        disk.Call("write", () => file.Write(offset, copy));
    }

    public void Write(long offset, ReadOnlySpan<IoVector> sources)
    {
        if (PatientDisk.IsDirect)
        {
            file.Write(offset, sources);
            return;
        }

        foreach (ref readonly IoVector piece in sources)
        {
            Write(offset, piece.Span);
            offset += piece.LengthBytes;
        }
    }

    public void SetLength(long lengthBytes) => disk.Call("truncate", () => file.SetLength(lengthBytes));

    public void Allocate(long offset, long lengthBytes) => disk.Call("allocate", () => file.Allocate(offset, lengthBytes));

    public void Sync() => disk.Call("fdatasync", file.Sync);

    /// <summary>A hint may wait for the disk too; one that lags is not given any.</summary>
    public void Advise(long offset, long lengthBytes, DiskAdvice advice)
    {
        if (!disk.IsLagging)
            file.Advise(offset, lengthBytes, advice);
    }

    /// <summary>Closing a file of a disk that hangs could hang.</summary>
    public void Dispose()
    {
        if (!disk.Calls.IsStuck)
            file.Dispose();
    }

    private int ReadApart(long offset, ReadOnlySpan<IoVector> destinations, int wanted)
    {
        if (!s_reads.TryTake(out ReadCall? call))
            call = new ReadCall();
        call.Prepare(file, offset, wanted);
        try
        {
            disk.Await(call, "read");
            return call.CopyTo(destinations);
        }
        finally
        {
            // One that is still under way gives its memory back when it ends.
            if (call.IsIdle)
                call.Keep(s_reads);
        }
    }

    /// <summary>A read into memory of its own. One that was left or failed is not used again.</summary>
    private sealed class ReadCall : PatientWork
    {
        private NativeBuffer? _buffer;
        private IDiskFile? _file;
        private long _offset;
        private int _wanted;
        private int _count;

        public void Prepare(IDiskFile file, long offset, int wanted)
        {
            (_file, _offset, _wanted, _count) = (file, offset, wanted, 0);
            if (_buffer is not null && _buffer.LengthBytes >= wanted)
                return;
            _buffer?.Dispose();
            _buffer = new NativeBuffer((int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(wanted, 64 << 10)));
        }

        public int CopyTo(ReadOnlySpan<IoVector> destinations)
        {
            int done = 0;
            foreach (ref readonly IoVector piece in destinations)
            {
                int length = Math.Min(piece.LengthBytes, _count - done);
                if (length <= 0)
                    break;
                _buffer!.Span.Slice(done, length).CopyTo(new Span<byte>(piece.Pointer, length));
                done += length;
            }

            return done;
        }

        /// <summary>Large buffers are rare and not kept.</summary>
        public void Keep(ConcurrentBag<ReadCall> kept)
        {
            if (_buffer!.LengthBytes <= MaxKeptBytes)
                kept.Add(this);
            else
                _buffer.Dispose();
        }

        protected override void Run() => _count = _file!.Read(_offset, _buffer!.Span[.._wanted]);

        /// <summary>The memory of an abandoned read is its own to the end.</summary>
        protected override void Late(bool hasSucceeded) => _buffer!.Dispose();
    }
}
