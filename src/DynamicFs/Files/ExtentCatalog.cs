using System.Buffers.Binary;
using System.Collections.Concurrent;
using DynamicFs.Extents;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// The extents in the pool tree: records, live bytes, and the parked ones that wait until no kept root needs them. Changed by the commit only; read by
/// everybody. Keys: kind 1, extent (8, big-endian), part (1: 0 record, 1 live bytes); kind 2, death generation (8, big-endian), extent (8, big-endian); kind 3,
/// death generation (8, big-endian), extent (8, big-endian), fragment (1), disk (2, big-endian): a fragment that moved away from that disk.
/// </summary>
internal sealed class ExtentCatalog(Tree pool)
{
    private const byte ExtentKind = 1;
    private const byte ParkedKind = 2;
    private const byte ParkedFragmentKind = 3;
    private const byte RecordPart = 0;
    private const byte LivePart = 1;
    private const int KeyBytes = 1 + 8 + 1;
    private const int ParkedKeyBytes = 1 + 8 + 8;
    private const int ParkedFragmentKeyBytes = ParkedKeyBytes + 1 + 2;
    private const int CachedRecords = 8192;

    /// <summary>Read under one hold of the tree's lock: a group of extents.</summary>
    private const int PieceExtents = 256;
    private const int PieceParked = 1024;

    private readonly ConcurrentDictionary<ExtentId, ExtentRecord> _cache = new();

    /// <summary>Orders additions to the cache against changes of records; a leaf lock.</summary>
    private readonly Lock _cacheLock = new();
    private long _changeCount;

    /// <summary>A record is new or changed. Raised by the commit: who listens must be quick.</summary>
    public event Action<ExtentRecord>? Changed;

    /// <summary>The record of an extent; null when the pool has no such extent.</summary>
    public ExtentRecord? Find(ExtentId extent)
    {
        if (_cache.TryGetValue(extent, out ExtentRecord? cached))
            return cached;
        long changeCount = Volatile.Read(ref _changeCount);
        Span<byte> key = stackalloc byte[KeyBytes];
        Span<byte> value = stackalloc byte[Tree.MaxValueBytes];
        WriteKey(key, extent, RecordPart);
        if (!pool.TryGet(key, value, out int length))
            return null;
        ExtentRecord record = ExtentRecordFormat.Read(value[..length]);
        if (record.Id != extent)
            throw new CorruptionException("metadata", $"record of extent {extent}", extent.ToString(), record.Id.ToString());
        lock (_cacheLock)
        {
            // What was read before a change must not come into the cache after it.
            if (_changeCount != changeCount)
                return record;
            if (_cache.Count >= CachedRecords)
                _cache.Clear();
            _cache[extent] = record;
        }

        return record;
    }

    public long LiveBytes(ExtentId extent)
    {
        Span<byte> key = stackalloc byte[KeyBytes];
        Span<byte> value = stackalloc byte[8];
        WriteKey(key, extent, LivePart);
        return pool.TryGet(key, value, out _) ? BinaryPrimitives.ReadInt64LittleEndian(value) : 0;
    }

    public void Put(ExtentRecord record)
    {
        Span<byte> key = stackalloc byte[KeyBytes];
        Span<byte> value = stackalloc byte[Tree.MaxValueBytes];
        WriteKey(key, record.Id, RecordPart);
        int length = ExtentRecordFormat.Write(value, record);
        pool.Put(key, value[..length]);
        Forget(record.Id);
        Changed?.Invoke(record);
    }

    /// <summary>
    /// Adds to the live bytes of an extent; at zero it is parked under <paramref name="death"/>. Returns what is left. A dead extent never lives again: its
    /// fragments may be gone already.
    /// </summary>
    public long AddLive(ExtentId extent, long change, Generation death, bool isNew)
    {
        Span<byte> key = stackalloc byte[KeyBytes];
        Span<byte> value = stackalloc byte[8];
        long before = LiveBytes(extent);
        long live = before + change;
        Invariant.Check(isNew || before > 0, "a dead extent never lives again");
        Invariant.Check(live >= 0, "an extent has no more dead bytes than bytes");
        WriteKey(key, extent, LivePart);
        BinaryPrimitives.WriteInt64LittleEndian(value, live);
        pool.Put(key, value);
        if (live == 0)
        {
            Span<byte> parked = stackalloc byte[ParkedKeyBytes];
            WriteParkedKey(parked, death, extent);
            pool.Put(parked, []);
        }

        return live;
    }

    /// <summary>Forgets an extent whose fragments are deleted.</summary>
    public void Remove(ExtentId extent, Generation death)
    {
        Span<byte> key = stackalloc byte[KeyBytes];
        WriteKey(key, extent, RecordPart);
        pool.Delete(key);
        WriteKey(key, extent, LivePart);
        pool.Delete(key);
        Span<byte> parked = stackalloc byte[ParkedKeyBytes];
        WriteParkedKey(parked, death, extent);
        pool.Delete(parked);
        Forget(extent);
    }

    /// <summary>Notes a fragment that moved: its old file stays until no kept root is older than <see cref="ParkedFragment.Death"/>.</summary>
    public void Park(in ParkedFragment fragment)
    {
        Span<byte> key = stackalloc byte[ParkedFragmentKeyBytes];
        WriteKey(key, fragment);
        pool.Put(key, []);
    }

    public void Remove(in ParkedFragment fragment)
    {
        Span<byte> key = stackalloc byte[ParkedFragmentKeyBytes];
        WriteKey(key, fragment);
        pool.Delete(key);
    }

    /// <summary>Fragments that moved in a generation up to <paramref name="last"/>, oldest first, at most <paramref name="limit"/>.</summary>
    public List<ParkedFragment> ParkedFragments(Generation last, int limit)
    {
        var found = new ParkedFragmentScan([], last, limit);
        Read([ParkedFragmentKind], found);
        return found.Found;
    }

    /// <summary>Parked extents that died in a generation up to <paramref name="last"/>, oldest first, at most <paramref name="limit"/>.</summary>
    public List<(ExtentId Extent, Generation Death)> Parked(Generation last, int limit)
    {
        var found = new ParkedState([], last, limit);
        pool.Scan([ParkedKind], ref found, static (ref ParkedState state, ReadOnlySpan<byte> key, ReadOnlySpan<byte> _) =>
        {
            if (key[0] != ParkedKind || key.Length != ParkedKeyBytes || state.Found.Count >= state.Limit)
                return false;
            var death = new Generation(BinaryPrimitives.ReadUInt64BigEndian(key[1..]));
            if (death > state.Last)
                return false;
            state.Found.Add((new ExtentId(BinaryPrimitives.ReadUInt64BigEndian(key[9..])), death));
            return true;
        });
        return found.Found;
    }

    /// <summary>
    /// Visits every extent from <paramref name="from"/> on, with its live bytes, until the visitor says false. In pieces, and the visitor runs outside the tree's lock: nobody
    /// waits long, and the visitor may use the tree. So this is no single moment: what is born or dies meanwhile is visited or not.
    /// </summary>
    public void ForEach(ExtentId from, Func<ExtentRecord, long, bool> visit)
    {
        var piece = new List<(ExtentRecord Record, long Live)>();
        do
        {
            piece.Clear();
            Read(from, piece);
            foreach ((ExtentRecord record, long live) in piece)
            {
                if (!visit(record, live))
                    return;
                from = new ExtentId(record.Id.Value + 1);
            }
        }
        while (piece.Count == PieceExtents);
    }

    /// <summary>Visits every fragment that moved and waits to be deleted, oldest first, in pieces; one that is parked meanwhile is visited too.</summary>
    public void ForEachParkedFragment(Action<ParkedFragment> visit)
    {
        var piece = new ParkedFragmentScan([], new Generation(ulong.MaxValue), PieceParked);
        byte[] from = [ParkedFragmentKind];
        do
        {
            piece.Found.Clear();
            Read(from, piece);
            piece.Found.ForEach(visit);
            if (piece.Found.Count > 0)
                from = KeyAfter(piece.Found[^1]);
        }
        while (piece.Found.Count == PieceParked);
    }

    private void Read(ExtentId from, List<(ExtentRecord Record, long Live)> piece)
    {
        Span<byte> key = stackalloc byte[KeyBytes];
        WriteKey(key, from, RecordPart);
        var state = new PieceState { Piece = piece };
        pool.Scan(key, ref state, static (ref PieceState s, ReadOnlySpan<byte> k, ReadOnlySpan<byte> value) =>
        {
            if (k[0] != ExtentKind || k.Length != KeyBytes)
                return false;
            if (k[9] == RecordPart)
            {
                s.Record = ExtentRecordFormat.Read(value);
                return true;
            }

            ExtentRecord? record = s.Record;
            s.Record = null;
            if (record is null || record.Id.Value != BinaryPrimitives.ReadUInt64BigEndian(k[1..]) || value.Length != 8)
                throw new CorruptionException("metadata", $"extent entry {Convert.ToHexStringLower(k)}", "live bytes after a record", $"{value.Length} bytes");
            s.Piece.Add((record, BinaryPrimitives.ReadInt64LittleEndian(value)));
            return s.Piece.Count < PieceExtents;
        });
    }

    private void Read(byte[] from, ParkedFragmentScan piece) => pool.Scan(from, ref piece, static (ref ParkedFragmentScan state, ReadOnlySpan<byte> key, ReadOnlySpan<byte> _) =>
    {
        if (key[0] != ParkedFragmentKind || key.Length != ParkedFragmentKeyBytes || state.Found.Count >= state.Limit)
            return false;
        var death = new Generation(BinaryPrimitives.ReadUInt64BigEndian(key[1..]));
        if (death > state.Last)
            return false;
        var extent = new ExtentId(BinaryPrimitives.ReadUInt64BigEndian(key[9..]));
        state.Found.Add(new ParkedFragment(extent, key[ParkedKeyBytes], BinaryPrimitives.ReadInt16BigEndian(key[(ParkedKeyBytes + 1)..]), death));
        return true;
    });

    private static byte[] KeyAfter(in ParkedFragment fragment)
    {
        byte[] key = new byte[ParkedFragmentKeyBytes + 1];
        WriteKey(key, fragment);
        return key;
    }

    private void Forget(ExtentId extent)
    {
        lock (_cacheLock)
        {
            _changeCount++;
            _cache.TryRemove(extent, out _);
        }
    }

    private static void WriteKey(Span<byte> key, in ParkedFragment fragment)
    {
        WriteParkedKey(key, fragment.Death, fragment.Extent);
        key[0] = ParkedFragmentKind;
        key[ParkedKeyBytes] = (byte)fragment.Index;
        BinaryPrimitives.WriteInt16BigEndian(key[(ParkedKeyBytes + 1)..], (short)fragment.DiskIndex);
    }

    private static void WriteKey(Span<byte> key, ExtentId extent, byte part)
    {
        key[0] = ExtentKind;
        BinaryPrimitives.WriteUInt64BigEndian(key[1..], extent.Value);
        key[9] = part;
    }

    private static void WriteParkedKey(Span<byte> key, Generation death, ExtentId extent)
    {
        key[0] = ParkedKind;
        BinaryPrimitives.WriteUInt64BigEndian(key[1..], death.Value);
        BinaryPrimitives.WriteUInt64BigEndian(key[9..], extent.Value);
    }

    private sealed record ParkedState(List<(ExtentId Extent, Generation Death)> Found, Generation Last, int Limit);

    private sealed record ParkedFragmentScan(List<ParkedFragment> Found, Generation Last, int Limit);

    private struct PieceState
    {
        public ExtentRecord? Record;
        public List<(ExtentRecord Record, long Live)> Piece;
    }
}
