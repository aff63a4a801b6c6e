using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>Visits one entry of a tree; false ends the scan. Runs under the tree's read lock: it must not change the tree.</summary>
public delegate bool TreeVisitor<TState>(ref TState state, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    where TState : allows ref struct;

/// <summary>
/// A copy-on-write B+tree of byte keys (1..512 bytes, ordered bytewise) and values (0..<see cref="MaxValueBytes"/>). One writer at a time, many
/// readers; the tree's own reader-writer lock sees to it. Pages of committed transactions are never written.
/// </summary>
public sealed class Tree
{
    public const int MaxKeyBytes = 512;
    public const int MaxValueBytes = 4000;

    internal Tree() => throw new NotImplementedException();

    /// <summary>What was put and deleted since <see cref="TreeChanges.Take"/>, for the journal.</summary>
    public TreeChanges Changes => throw new NotImplementedException();

    /// <summary>Copies the value to <paramref name="destination"/> (at least MaxValueBytes or the known size); false when the key is absent.</summary>
    public bool TryGet(ReadOnlySpan<byte> key, Span<byte> destination, out int lengthBytes) => throw new NotImplementedException();

    public byte[]? Get(ReadOnlySpan<byte> key) => throw new NotImplementedException();

    public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => throw new NotImplementedException();

    /// <summary>False when the key was absent.</summary>
    public bool Delete(ReadOnlySpan<byte> key) => throw new NotImplementedException();

    /// <summary>Visits entries with key &gt;= <paramref name="from"/> in ascending order until the visitor returns false.</summary>
    public void Scan<TState>(ReadOnlySpan<byte> from, ref TState state, TreeVisitor<TState> visitor)
        where TState : allows ref struct
        => throw new NotImplementedException();

    /// <summary>Visits entries with key &lt;= <paramref name="from"/> in descending order until the visitor returns false.</summary>
    public void ScanBackward<TState>(ReadOnlySpan<byte> from, ref TState state, TreeVisitor<TState> visitor)
        where TState : allows ref struct
        => throw new NotImplementedException();
}

/// <summary>
/// The net changes of one tree since they were last taken: the newest value per key, null for a deletion. Bounded: past
/// <see cref="LimitBytes"/> it forgets everything and says so, and then only a full commit makes the changes durable. Guarded by the tree's lock.
/// </summary>
public sealed class TreeChanges
{
    public long LimitBytes { get; set; } = 2 << 20;
    public bool HasOverflowed => throw new NotImplementedException();
    public long SizeBytes => throw new NotImplementedException();

    /// <summary>Hands over the changes and starts anew. Empty after an overflow.</summary>
    public IReadOnlyDictionary<byte[], byte[]?> Take() => throw new NotImplementedException();

    /// <summary>Forgets all changes and the overflow: a commit that holds them was started.</summary>
    public void Reset() => throw new NotImplementedException();
}
