using System.Collections.Concurrent;
using DynamicFs.Extents;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// Turns slices into extents: gives every slice a place in an extent at once (so that the file map can name it) and lets writer threads encode and
/// write the full ones in the background. Bounded: when all buffers are in flight, <see cref="Pack"/> waits, and that is the back-pressure on writers.
/// Writer threads take no lock above this class, so that wait always ends.
/// </summary>
/// <remarks>
/// Keeps true: an extent is readable at every moment from its first slice on, first from its builder, then through its record; an extent belongs to
/// the transaction that was open when it was begun, and <see cref="CloseTransaction"/> seals what is open.
/// </remarks>
internal sealed class ExtentAssembler : IDisposable
{
    private readonly ExtentStore _store;
    private readonly RedundancyScheme _scheme;
    private readonly BufferPool _buffers;
    private readonly int _smallExtentBytes;
    private readonly Lock _lock = new();
    private readonly ConcurrentDictionary<ExtentId, ExtentBuilder> _building = new();
    private readonly ConcurrentDictionary<ExtentId, ExtentRecord> _unpublished = new();
    private readonly BlockingCollection<ExtentBuilder> _sealed = [];
    private readonly Thread[] _writers;
    private List<ExtentBuilder> _ofTransaction = [];
    private ExtentBuilder? _open;
    private volatile Exception? _failure;
    private Generation _transaction;
    private ulong _nextExtent;

    public ExtentAssembler(ExtentStore store, RedundancyScheme scheme, Generation transaction, ulong nextExtent, FileSystemLimits limits)
    {
        _store = store;
        _scheme = scheme;
        _transaction = transaction;
        _nextExtent = nextExtent;
        _smallExtentBytes = limits.SmallExtentBytes;
        _buffers = new BufferPool(limits.ExtentBytes, limits.ExtentBuffers);
        _writers = new Thread[limits.ExtentWriters];
        for (int i = 0; i < _writers.Length; i++)
        {
            _writers[i] = new Thread(WriteSealed) { Name = $"extent-writer-{i}", IsBackground = true };
            _writers[i].Start();
        }
    }

    /// <summary>
    /// Bytes of a long run that fill one extent: what its origin directory leaves, rounded so that blocks of the file and of the extent stay aligned.
    /// </summary>
    public int LargeSliceBytes => _buffers.BufferBytes - ExtentLayout.BlockBytes;

    /// <summary>The next extent id that was never given out.</summary>
    public ulong NextExtent
    {
        get
        {
            lock (_lock)
                return _nextExtent;
        }
    }

    /// <summary>Bytes in buffers that are not on disks yet; they take space that no disk shows as used.</summary>
    public long UnwrittenBytes => (long)_buffers.RentedCount * _buffers.BufferBytes;

    /// <summary>True when this transaction has begun an extent.</summary>
    public bool HasExtents
    {
        get
        {
            lock (_lock)
                return _open is not null || _ofTransaction.Count > 0;
        }
    }

    /// <summary>
    /// Packs a run of bytes into the open extent (and the next ones as it fills up) and adds the slices to <paramref name="slices"/>; the caller maps them
    /// before it lets go of the lock of the inode and of the transaction gate, which it holds.
    /// </summary>
    public void Pack(InodeNumber inode, long offset, ReadOnlySpan<byte> bytes, List<Slice> slices)
    {
        lock (_lock)
        {
            while (bytes.Length > 0)
            {
                _open ??= Begin();
                int count = Math.Min(bytes.Length, _open.RoomBytes);
                slices.Add(_open.Append(inode, offset, count, out Span<byte> destination));
                bytes[..count].CopyTo(destination);
                offset += count;
                bytes = bytes[count..];
                if (_open.RoomBytes < SegmentPool.SmallestBlock)
                    SealOpen();
            }
        }
    }

    /// <summary>
    /// Starts an extent that one long run of <paramref name="lengthBytes"/> (at most <see cref="LargeSliceBytes"/>) has for itself. The caller fills
    /// <paramref name="destination"/>, maps the slice and then calls <see cref="EndLarge"/>; locks as for <see cref="Pack"/>.
    /// </summary>
    public ExtentBuilder BeginLarge(InodeNumber inode, long offset, int lengthBytes, out Slice slice, out Span<byte> destination)
    {
        lock (_lock)
        {
            ExtentBuilder builder = Begin();
            slice = builder.Append(inode, offset, lengthBytes, out destination);
            return builder;
        }
    }

    public void EndLarge(ExtentBuilder builder)
    {
        builder.Seal();
        Submit(builder);
    }

    /// <summary>Seals the open extent, if any, so that everything appended so far gets written.</summary>
    public void Flush()
    {
        lock (_lock)
            SealOpen();
    }

    /// <summary>Extents begun in this transaction so far, all sealed by <see cref="Flush"/> before.</summary>
    public ExtentBuilder[] OfTransaction()
    {
        lock (_lock)
            return [.. _ofTransaction];
    }

    /// <summary>Seals what is open and hands over the extents of the closing transaction; later ones belong to <paramref name="next"/>.</summary>
    public List<ExtentBuilder> CloseTransaction(Generation next)
    {
        lock (_lock)
        {
            SealOpen();
            List<ExtentBuilder> closed = _ofTransaction;
            _ofTransaction = [];
            _transaction = next;
            return closed;
        }
    }

    /// <summary>Reads from an extent that is not in the pool tree yet; false when it is not one of those (any more).</summary>
    public bool TryRead(ExtentId extent, int offset, Span<byte> destination)
    {
        if (_building.TryGetValue(extent, out ExtentBuilder? builder) && builder.TryRead(offset, destination))
            return true;
        if (!_unpublished.TryGetValue(extent, out ExtentRecord? record))
            return false;
        _store.Read(record, offset, destination);
        return true;
    }

    public bool TryGetRecord(ExtentId extent, out ExtentRecord? record) => _unpublished.TryGetValue(extent, out record);

    /// <summary>Takes over an extent that is durable but not in the pool tree yet: one that the journal names, or one whose fragments were written again.</summary>
    public void AddUnpublished(ExtentRecord record) => _unpublished[record.Id] = record;

    /// <summary>Every record that is durable but not published, journaled ones included.</summary>
    public ICollection<ExtentRecord> Unpublished => _unpublished.Values;

    /// <summary>The pool tree knows these extents now.</summary>
    public void Published(IEnumerable<ExtentId> extents)
    {
        foreach (ExtentId extent in extents)
            _unpublished.TryRemove(extent, out _);
    }

    /// <summary>Waits until every one of <paramref name="builders"/> is on disks; throws the first failure.</summary>
    public static void WaitWritten(IEnumerable<ExtentBuilder> builders)
    {
        foreach (ExtentBuilder builder in builders)
        {
            builder.Written.Wait();
            if (builder.Failure is not null)
                throw new PoolException(
                    (builder.Failure as PoolException)?.Id ?? ErrorId.Io,
                    $"extent {builder.Id} could not be written: {builder.Failure.Message}",
                    builder.Failure);
        }
    }

    public void Dispose()
    {
        _sealed.CompleteAdding();
        foreach (Thread writer in _writers)
            writer.Join();
        foreach (ExtentBuilder builder in _building.Values)
            builder.Retire().Dispose();
        _buffers.Dispose();
        _sealed.Dispose();
    }

    private ExtentBuilder Begin()
    {
        NativeBuffer? buffer;
        while (!_buffers.TryRent(TimeSpan.FromMilliseconds(200), out buffer))
        {
            if (_failure is { } failure)
                throw new PoolException((failure as PoolException)?.Id ?? ErrorId.Io, failure.Message, failure);
        }

        var builder = new ExtentBuilder(new ExtentId(_nextExtent++), _transaction, buffer!);
        _building[builder.Id] = builder;
        _ofTransaction.Add(builder);
        return builder;
    }

    private void SealOpen()
    {
        if (_open is null)
            return;
        ExtentBuilder builder = _open;
        _open = null;
        builder.Seal();
        Submit(builder);
    }

    /// <summary>Without writer threads (simulation: one deterministic order) the extent is written here and now.</summary>
    private void Submit(ExtentBuilder builder)
    {
        if (_writers.Length == 0)
            Write(builder);
        else
            _sealed.Add(builder);
    }

    private void WriteSealed()
    {
        foreach (ExtentBuilder builder in _sealed.GetConsumingEnumerable())
            Write(builder);
    }

    private void Write(ExtentBuilder builder)
    {
        try
        {
            RedundancyScheme scheme = builder.LengthBytes < _smallExtentBytes ? _scheme.AsReplica : _scheme;
            ExtentRecord record = _store.Write(builder.Id, builder.Birth, scheme, builder.Buffer, builder.LengthBytes, builder.SliceBytes);
            _unpublished[record.Id] = record;
            _building.TryRemove(record.Id, out _);
            _buffers.Return(builder.Retire());
        }
        catch (Exception e)
        {
            // The bytes stay readable from memory; the commit that needs them fails and says why.
            builder.Failure = e;
            _failure = e;
        }

        builder.Written.Set();
    }
}
