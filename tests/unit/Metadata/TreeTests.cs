using System.Buffers.Binary;
using System.Text;
using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Metadata;

public sealed class TreeTests
{
    [Fact]
    public void AnEmptyTreeHasNothing()
    {
        using var pool = new TestPool();
        Assert.Null(pool.Tree.Get("a"u8));
        Assert.False(pool.Tree.Delete("a"u8));
        Assert.Empty(TreeModel.All(pool.Tree));
        Assert.Empty(TreeModel.AllBackward(pool.Tree));
    }

    [Fact]
    public void KeysAndValuesUpToTheLimitsAndNoFurther()
    {
        using var pool = new TestPool();
        byte[] key = Enumerable.Repeat((byte)0xff, Tree.MaxKeyBytes).ToArray();
        byte[] value = Enumerable.Range(0, Tree.MaxValueBytes).Select(i => (byte)i).ToArray();
        pool.Tree.Put(key, value);
        pool.Tree.Put([0], []);
        Assert.Equal(value, pool.Tree.Get(key)!);
        Assert.Empty(pool.Tree.Get([0])!);
        Assert.Throws<InvariantException>(() => pool.Tree.Put([], value));
        Assert.Throws<InvariantException>(() => pool.Tree.Put(new byte[Tree.MaxKeyBytes + 1], value));
        Assert.Throws<InvariantException>(() => pool.Tree.Put(key, new byte[Tree.MaxValueBytes + 1]));
    }

    [Theory]
    [InlineData(1, 3000, 24, 60)]
    [InlineData(2, 3000, 512, 4000)]
    [InlineData(3, 6000, 8, 0)]
    [InlineData(4, 3000, 300, 500)]
    public void BehavesAsASortedDictionaryThroughCommitsAndReopens(int seed, int operations, int maxKey, int maxValue)
    {
        using var pool = new TestPool(3, options: new MetadataOptions(CacheBytes: 40 * 16384));
        var model = new TreeModel(seed, maxKey, maxValue);
        for (int i = 0; i < operations; i++)
        {
            model.Step(pool.Tree);
            if (model.Random.Next(150) == 0)
                pool.Commit();
            if (model.Random.Next(700) == 0)
            {
                pool.Commit();
                pool.Reopen();
            }

            if (i % 500 == 0)
                model.Compare(pool.Tree);
        }

        model.Compare(pool.Tree);
        pool.Commit();
        pool.Reopen();
        model.Compare(pool.Tree);
        Assert.Empty(Problems.Of(pool.Store));
        model.DeleteAll(pool.Tree);
        pool.Commit();
        pool.Reopen();
        Assert.Empty(TreeModel.All(pool.Tree));
        Assert.Empty(Problems.Of(pool.Store));
    }

    [Fact]
    public void AscendingInsertsFillThePages()
    {
        using var pool = new TestPool(1);
        for (uint i = 0; i < 20_000; i++)
            pool.Tree.Put(Key(i), new byte[100]);
        pool.Commit();
        PageStatistics statistics = PageStatistics.Of(pool.Store);
        Assert.InRange(statistics.AverageLeafFill, 0.85, 1.0);
    }

    [Fact]
    public void DeletionsLeaveNoPageNearlyEmpty()
    {
        using var pool = new TestPool(1);
        var random = new Random(7);
        for (uint i = 0; i < 20_000; i++)
            pool.Tree.Put(Key((uint)random.Next()), new byte[random.Next(200)]);
        List<byte[]> keys = TreeModel.All(pool.Tree).Select(entry => entry.Key).ToList();
        foreach (byte[] key in keys.Where(_ => random.Next(10) != 0))
            Assert.True(pool.Tree.Delete(key));
        pool.Commit();
        PageStatistics statistics = PageStatistics.Of(pool.Store);
        Assert.True(statistics.LeafCount > 10);
        Assert.InRange(statistics.LowestFill, 0.25, 1.0);
        Assert.Empty(Problems.Of(pool.Store));
    }

    [Fact]
    public void AValueOfTheSameLengthIsReplacedInPlace()
    {
        using var pool = new TestPool(1);
        for (uint i = 0; i < 1000; i++)
            pool.Tree.Put(Key(i), new byte[100]);
        pool.Commit();
        pool.Tree.Put(Key(500), new byte[100]);
        long dirty = pool.Store.DirtyBytes;
        for (byte i = 0; i < 100; i++)
            pool.Tree.Put(Key(500), Enumerable.Repeat(i, 100).ToArray());
        Assert.Equal(dirty, pool.Store.DirtyBytes);
        Assert.Equal(2 * 16384, dirty);
        Assert.Equal(Enumerable.Repeat((byte)99, 100).ToArray(), pool.Tree.Get(Key(500)));
    }

    [Fact]
    public void ScansStopWhenToldAndStartBetweenKeys()
    {
        using var pool = new TestPool(1);
        for (uint i = 0; i < 5000; i += 2)
            pool.Tree.Put(Key(i), Key(i));
        var seen = new List<uint>();
        pool.Tree.Scan(Key(1001), ref seen, (ref List<uint> list, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
        {
            list.Add(BinaryPrimitives.ReadUInt32BigEndian(key));
            return list.Count < 700;
        });
        Assert.Equal(Enumerable.Range(0, 700).Select(i => (uint)(1002 + (2 * i))), seen);
        seen.Clear();
        pool.Tree.ScanBackward(Key(3001), ref seen, (ref List<uint> list, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
        {
            list.Add(BinaryPrimitives.ReadUInt32BigEndian(key));
            return list.Count < 700;
        });
        Assert.Equal(Enumerable.Range(0, 700).Select(i => (uint)(3000 - (2 * i))), seen);
    }

    [Fact]
    public void ReadersSeeWholeStatesWhileAWriterChangesThem()
    {
        using var pool = new TestPool(1, options: new MetadataOptions(CacheBytes: 20 * 16384));
        for (uint i = 0; i < 4000; i++)
            pool.Tree.Put(Key(i), BitConverter.GetBytes(0));
        pool.Commit();
        Exception? failure = null;
        bool isDone = false;
        var readers = Enumerable.Range(0, 3).Select(seed => new Thread(() =>
        {
            try
            {
                var random = new Random(seed);
                while (!Volatile.Read(ref isDone))
                {
                    Assert.NotNull(pool.Tree.Get(Key((uint)random.Next(4000))));
                    int last = int.MaxValue;
                    uint next = (uint)random.Next(3900);
                    var state = (last, next, count: 0);
                    pool.Tree.Scan(Key(next), ref state, (ref (int Last, uint Next, int Count) s, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
                    {
                        int round = BitConverter.ToInt32(value);
                        Assert.Equal(s.Next++, BinaryPrimitives.ReadUInt32BigEndian(key));
                        Assert.True(round == s.Last || round == s.Last - 1 || s.Last == int.MaxValue, "values change in ascending order of keys");
                        s.Last = round;
                        return ++s.Count < 100;
                    });
                }
            }
            catch (Exception e)
            {
                failure = e;
            }
        })).ToList();
        readers.ForEach(thread => thread.Start());
        for (int round = 1; round <= 6; round++)
        {
            for (uint i = 0; i < 4000; i++)
                pool.Tree.Put(Key(i), BitConverter.GetBytes(round));
            pool.Commit();
        }

        Volatile.Write(ref isDone, true);
        readers.ForEach(thread => thread.Join());
        Assert.Null(failure);
    }

    [Fact]
    public void ChangesAreTheNetOnes()
    {
        using var pool = new TestPool(1);
        pool.Tree.Put("a"u8, "1"u8);
        pool.Tree.Put("b"u8, "1"u8);
        pool.Tree.Put("a"u8, "2"u8);
        pool.Tree.Put("c"u8, "long"u8);
        pool.Tree.Delete("b"u8);
        pool.Tree.Delete("absent"u8);
        Assert.True(pool.Tree.Changes.SizeBytes > 0);
        IReadOnlyDictionary<byte[], byte[]?> taken = pool.Tree.Changes.Take();
        Assert.Equal(["a=2", "b=", "c=long"], taken.Select(entry => $"{Encoding.ASCII.GetString(entry.Key)}={Encoding.ASCII.GetString(entry.Value ?? [])}").Order());
        Assert.Null(taken["b"u8.ToArray()]);
        Assert.Empty(pool.Tree.Changes.Take());
        Assert.Equal(0, pool.Tree.Changes.SizeBytes);
    }

    [Fact]
    public void TooManyChangesOverflowUntilReset()
    {
        using var pool = new TestPool(1);
        pool.Tree.Changes.LimitBytes = 1000;
        for (uint i = 0; i < 20; i++)
            pool.Tree.Put(Key(i), new byte[100]);
        Assert.True(pool.Tree.Changes.HasOverflowed);
        Assert.Empty(pool.Tree.Changes.Take());
        Assert.True(pool.Tree.Changes.HasOverflowed);
        pool.Tree.Changes.Reset();
        Assert.False(pool.Tree.Changes.HasOverflowed);
        pool.Tree.Put(Key(1), new byte[10]);
        Assert.Single(pool.Tree.Changes.Take());
    }

    internal static byte[] Key(uint number)
    {
        var key = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(key, number);
        return key;
    }
}
