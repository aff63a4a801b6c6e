using System.Runtime.InteropServices;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>The block checksums of one fragment, verified against the extent record when they were loaded. Owns native memory.</summary>
internal sealed unsafe class BlockTable : IDisposable
{
    private Checksum* _entries;

    public BlockTable(ReadOnlySpan<byte> table)
    {
        SizeBytes = table.Length;
        _entries = (Checksum*)NativeMemory.Alloc((nuint)table.Length);
        table.CopyTo(new Span<byte>(_entries, table.Length));
    }

    public int SizeBytes { get; }

    public Checksum this[int block] => _entries[block];

    public void Dispose()
    {
        NativeMemory.Free(_entries);
        _entries = null;
    }
}

/// <summary>
/// Block tables of the fragments that were read last, bounded in bytes. The key is the header checksum, which only this fragment of this extent with
/// these contents has. Thread-safe.
/// </summary>
internal sealed class BlockTables(int capacityBytes) : IDisposable
{
    /// <summary>What an entry costs beside its table.</summary>
    private const int OverheadBytes = 256;

    private readonly LeaseCache<Checksum, BlockTable> _tables = new(capacityBytes);

    public long SizeBytes => _tables.Weight;

    /// <summary>Empty when it is not cached.</summary>
    public LeaseCache<Checksum, BlockTable>.Lease TryLease(in Checksum headerChecksum) => _tables.TryLease(headerChecksum);

    public LeaseCache<Checksum, BlockTable>.Lease Add(in Checksum headerChecksum, BlockTable table) =>
        _tables.Add(headerChecksum, table, table.SizeBytes + OverheadBytes);

    public void Forget(in Checksum headerChecksum) => _tables.Remove(headerChecksum);

    public void Dispose() => _tables.Dispose();
}
