using System.Buffers.Binary;
using DynamicFs.Metadata;

namespace DynamicFs.Files;

/// <summary>
/// What maintenance keeps in the pool tree between mounts: progress of workers, when a group of extents was verified last, which extents are poisoned. The first byte
/// of a key is its kind, 4 to 7; the rest, and the values, belong to who writes them. Written by the next commit, and read back at once.
/// Thread-safe.
/// </summary>
internal sealed class PoolNotes(Tree pool)
{
    public const int MaxValueBytes = Tree.MaxValueBytes;

    private static readonly Comparer<byte[]> s_ascending = Comparer<byte[]>.Create(static (a, b) => a.AsSpan().SequenceCompareTo(b));

    /// <summary>Protects the fields below; taken before the tree's lock.</summary>
    private readonly Lock _lock = new();
    private readonly SortedDictionary<byte[], byte[]?> _pending = new(s_ascending);

    /// <summary>The key of a note about a group or an extent: kind, number (8, big-endian).</summary>
    public static byte[] KeyOf(byte kind, ulong number)
    {
        byte[] key = new byte[9];
        key[0] = kind;
        BinaryPrimitives.WriteUInt64BigEndian(key.AsSpan(1), number);
        return key;
    }

    public static ulong NumberOf(byte[] key) => BinaryPrimitives.ReadUInt64BigEndian(key.AsSpan(1));

    /// <summary>Writes numbers into a value, 8 bytes each, little-endian.</summary>
    public static void WriteNumbers(Span<byte> value, ReadOnlySpan<long> numbers)
    {
        for (int i = 0; i < numbers.Length; i++)
            BinaryPrimitives.WriteInt64LittleEndian(value[(i * sizeof(long))..], numbers[i]);
    }

    public static long ReadNumber(ReadOnlySpan<byte> value, int index) => BinaryPrimitives.ReadInt64LittleEndian(value[(index * sizeof(long))..]);

    /// <summary>Set when the notes are worth a commit of their own; cleared by the commit.</summary>
    public bool IsUrgent { get; set; }

    /// <summary>Something waits for the next commit.</summary>
    public bool HasPending
    {
        get
        {
            lock (_lock)
                return _pending.Count > 0;
        }
    }

    public void Put(byte[] key, byte[] value)
    {
        lock (_lock)
            _pending[key] = value;
    }

    public void Delete(byte[] key)
    {
        lock (_lock)
            _pending[key] = null;
    }

    public byte[]? Find(byte[] key)
    {
        lock (_lock)
        {
            if (_pending.TryGetValue(key, out byte[]? pending))
                return pending;
            byte[] value = new byte[MaxValueBytes];
            return pool.TryGet(key, value, out int length) ? value[..length] : null;
        }
    }

    /// <summary>All notes of one kind, ascending by key.</summary>
    public List<(byte[] Key, byte[] Value)> All(byte kind)
    {
        lock (_lock)
        {
            var found = new SortedDictionary<byte[], byte[]>(s_ascending);
            var state = (Kind: kind, Found: found);
            pool.Scan([kind], ref state, static (ref (byte Kind, SortedDictionary<byte[], byte[]> Found) s, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
            {
                if (key[0] != s.Kind)
                    return false;
                s.Found[key.ToArray()] = value.ToArray();
                return true;
            });
            foreach ((byte[] key, byte[]? value) in _pending)
            {
                if (key[0] != kind)
                    continue;
                if (value is null)
                    found.Remove(key);
                else
                    found[key] = value;
            }

            return [.. found.Select(note => (note.Key, note.Value))];
        }
    }

    /// <summary>The commit writes what is pending.</summary>
    public void Apply()
    {
        lock (_lock)
        {
            foreach ((byte[] key, byte[]? value) in _pending)
            {
                if (value is null)
                    pool.Delete(key);
                else
                    pool.Put(key, value);
            }

            _pending.Clear();
            IsUrgent = false;
        }
    }
}
