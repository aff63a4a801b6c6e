using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>
/// The net changes of one tree since they were last taken: the newest value per key, null for a deletion. Bounded: past
/// <see cref="LimitBytes"/> it forgets everything and says so, and then only a full commit makes the changes durable. Guarded by the tree's lock.
/// </summary>
public sealed class TreeChanges
{
    private const int EntryOverheadBytes = 16;

    private readonly ReaderWriterLockSlim _treeLock;
    private Dictionary<byte[], byte[]?> _entries = NewEntries();
    private Dictionary<byte[], byte[]?>.AlternateLookup<ReadOnlySpan<byte>> _lookup;
    private long _sizeBytes;
    private bool _hasOverflowed;

    internal TreeChanges(ReaderWriterLockSlim treeLock)
    {
        _treeLock = treeLock;
        _lookup = _entries.GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    /// <summary>0 switches the record off: everything overflows.</summary>
    public long LimitBytes { get; set; } = 2 << 20;

    public bool HasOverflowed => Volatile.Read(ref _hasOverflowed);

    public long SizeBytes => Interlocked.Read(ref _sizeBytes);

    /// <summary>Hands over the changes and starts anew. Empty after an overflow, which lasts until <see cref="Reset"/>.</summary>
    public IReadOnlyDictionary<byte[], byte[]?> Take()
    {
        _treeLock.EnterWriteLock();
        try
        {
            Dictionary<byte[], byte[]?> taken = _entries;
            Clear();
            return taken;
        }
        finally
        {
            _treeLock.ExitWriteLock();
        }
    }

    /// <summary>Forgets all changes and the overflow: a commit that holds them was started.</summary>
    public void Reset()
    {
        _treeLock.EnterWriteLock();
        try
        {
            Clear();
            Volatile.Write(ref _hasOverflowed, false);
        }
        finally
        {
            _treeLock.ExitWriteLock();
        }
    }

    /// <summary>Under the tree's write lock.</summary>
    internal void RecordPut(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (_hasOverflowed)
            return;
        ref byte[]? entry = ref CollectionsMarshal.GetValueRefOrAddDefault(_lookup, key, out bool exists);
        if (entry is not null && entry.Length == value.Length)
        {
            value.CopyTo(entry);
            return;
        }

        long growth = value.Length + (exists ? -(entry?.Length ?? 0) : key.Length + EntryOverheadBytes);
        entry = value.ToArray();
        Grow(growth);
    }

    /// <summary>Under the tree's write lock.</summary>
    internal void RecordDelete(ReadOnlySpan<byte> key)
    {
        if (_hasOverflowed)
            return;
        ref byte[]? entry = ref CollectionsMarshal.GetValueRefOrAddDefault(_lookup, key, out bool exists);
        long growth = exists ? -(entry?.Length ?? 0) : key.Length + EntryOverheadBytes;
        entry = null;
        Grow(growth);
    }

    private void Grow(long bytes)
    {
        _sizeBytes += bytes;
        if (_sizeBytes <= LimitBytes)
            return;
        Clear();
        Volatile.Write(ref _hasOverflowed, true);
    }

    [MemberNotNull(nameof(_entries))]
    private void Clear()
    {
        _entries = NewEntries();
        _lookup = _entries.GetAlternateLookup<ReadOnlySpan<byte>>();
        Interlocked.Exchange(ref _sizeBytes, 0);
    }

    private static Dictionary<byte[], byte[]?> NewEntries() => new(ByteKeyComparer.Instance);
}
