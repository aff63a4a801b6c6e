using DynamicFs.Metadata;
using Xunit;

namespace DynamicFs.UnitTests.Metadata;

/// <summary>The obviously correct twin of a tree, and random changes to both.</summary>
internal sealed class TreeModel(int seed, int maxKey, int maxValue)
{
    private readonly SortedDictionary<byte[], byte[]> _entries = new(ByteOrder.Instance);
    private readonly byte[] _value = new byte[Tree.MaxValueBytes];

    public Random Random { get; } = new(seed);
    public IReadOnlyCollection<KeyValuePair<byte[], byte[]>> Entries => _entries;

    public TreeModel Clone()
    {
        var clone = new TreeModel(0, maxKey, maxValue);
        foreach ((byte[] key, byte[] value) in _entries)
            clone._entries[key] = value;
        return clone;
    }

    public void Step(Tree tree)
    {
        bool grows = Random.Next(2000) < 1400;
        if (grows || _entries.Count == 0)
            Put(tree, Random.Next(4) == 0 && _entries.Count > 0 ? SomeKey() : NewKey(), NewValue());
        else
            Delete(tree, Random.Next(10) == 0 ? NewKey() : SomeKey());
        if (Random.Next(20) == 0)
            DeleteRun(tree);
    }

    public void Put(Tree tree, byte[] key, byte[] value)
    {
        tree.Put(key, value);
        _entries[key] = value;
        Assert.True(tree.TryGet(key, _value, out int length));
        Assert.True(_value.AsSpan(0, length).SequenceEqual(value));
    }

    public void Delete(Tree tree, byte[] key)
    {
        Assert.Equal(_entries.Remove(key), tree.Delete(key));
        Assert.False(tree.TryGet(key, _value, out _));
    }

    public void DeleteAll(Tree tree)
    {
        foreach (byte[] key in _entries.Keys.ToArray())
            Delete(tree, key);
    }

    public void Compare(Tree tree)
    {
        AssertSame(_entries, All(tree));
        AssertSame(_entries.Reverse(), AllBackward(tree));
        for (int i = 0; i < 20; i++)
        {
            byte[] from = NewKey();
            AssertSame(_entries.Where(entry => ByteOrder.Instance.Compare(entry.Key, from) >= 0).Take(5), All(tree, from, 5));
            AssertSame(_entries.Where(entry => ByteOrder.Instance.Compare(entry.Key, from) <= 0).Reverse().Take(5), AllBackward(tree, from, 5));
        }
    }

    public static List<KeyValuePair<byte[], byte[]>> All(Tree tree, byte[]? from = null, int limit = int.MaxValue)
    {
        var state = (List: new List<KeyValuePair<byte[], byte[]>>(), limit);
        tree.Scan(from ?? [], ref state, Collect);
        return state.List;
    }

    public static List<KeyValuePair<byte[], byte[]>> AllBackward(Tree tree, byte[]? from = null, int limit = int.MaxValue)
    {
        var state = (List: new List<KeyValuePair<byte[], byte[]>>(), limit);
        tree.ScanBackward(from ?? Enumerable.Repeat((byte)0xff, Tree.MaxKeyBytes + 1).ToArray(), ref state, Collect);
        return state.List;
    }

    private static bool Collect(ref (List<KeyValuePair<byte[], byte[]>> List, int Limit) state, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        state.List.Add(new(key.ToArray(), value.ToArray()));
        return state.List.Count < state.Limit;
    }

    private static void AssertSame(IEnumerable<KeyValuePair<byte[], byte[]>> expected, List<KeyValuePair<byte[], byte[]>> found)
    {
        int i = 0;
        foreach ((byte[] key, byte[] value) in expected)
        {
            Assert.True(i < found.Count, "an entry is missing");
            Assert.True(key.AsSpan().SequenceEqual(found[i].Key), "another key was expected");
            Assert.True(value.AsSpan().SequenceEqual(found[i].Value), "another value was expected");
            i++;
        }

        Assert.Equal(i, found.Count);
    }

    private void DeleteRun(Tree tree)
    {
        if (_entries.Count == 0)
            return;
        byte[] from = SomeKey();
        foreach (byte[] key in _entries.Keys.Where(key => ByteOrder.Instance.Compare(key, from) >= 0).Take(Random.Next(_entries.Count / 10 + 2)).ToArray())
            Delete(tree, key);
    }

    private byte[] SomeKey() => _entries.ElementAt(Random.Next(_entries.Count)).Key;

    private byte[] NewKey()
    {
        var key = new byte[1 + Random.Next(maxKey)];
        Random.NextBytes(key);
        if (Random.Next(2) == 0)
            key.AsSpan(0, key.Length - 1).Fill((byte)Random.Next(3)); // long common prefixes
        return key;
    }

    private byte[] NewValue()
    {
        var value = new byte[Random.Next(5) == 0 ? maxValue : Random.Next(maxValue + 1)];
        Random.NextBytes(value);
        return value;
    }
}

internal sealed class ByteOrder : IComparer<byte[]>
{
    public static readonly ByteOrder Instance = new();

    public int Compare(byte[]? x, byte[]? y) => x.AsSpan().SequenceCompareTo(y);
}
