using DynamicFs.Disks;
using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Metadata;

public sealed class MirrorTests
{
    private const int PageBytes = PageFormat.PageBytes;

    [Fact]
    public void EachPageDamagedOnOneMirrorIsReadFromAnotherAndMended()
    {
        using TestPool pool = Filled(3);
        string content = PoolContent.Of(pool.Store);
        foreach (long page in UsedPages(pool).ToArray())
        {
            int disk = (int)(page % 3);
            pool.Disks[disk].Flip("meta", (page * PageBytes) + (page * 997 % PageBytes));
            pool.Reopen();
            Assert.Equal(content, PoolContent.Of(pool.Store));
            string problem = Assert.Single(Problems.Of(pool.Store));
            Assert.Contains($"d{disk}", problem, StringComparison.Ordinal);
            Assert.Contains($"page {page} ", problem, StringComparison.Ordinal);
            Assert.Equal(1, pool.Store.BadCopies);
            pool.Tree.Put("z"u8, BitConverter.GetBytes(page));
            pool.Tree.Delete("z"u8);
            pool.Commit();
            Assert.Empty(Problems.Of(pool.Store));
            Assert.Equal(0, pool.Store.BadCopies);
        }
    }

    [Fact]
    public void EachPageDamagedOnAllMirrorsIsCorruptAndNeverWrong()
    {
        using TestPool pool = Filled(2);
        string content = PoolContent.Of(pool.Store);
        int refusedOpens = 0;
        int refusedReads = 0;
        foreach (long page in UsedPages(pool).ToArray())
        {
            foreach (MemoryDisk disk in pool.Disks)
                disk.Flip("meta", (page * PageBytes) + 4000);
            try
            {
                pool.Reopen();
                Assert.NotEmpty(Problems.Of(pool.Store));
                Assert.Equal(content, PoolContent.Of(pool.Store)); // a page that only older roots reach
            }
            catch (PoolException e)
            {
                Assert.Equal(ErrorId.Corrupt, e.Id);
                if (e.StackTrace!.Contains("Opening", StringComparison.Ordinal))
                    refusedOpens++;
                else
                    refusedReads++;
            }

            foreach (MemoryDisk disk in pool.Disks)
                disk.Flip("meta", (page * PageBytes) + 4000);
        }

        Assert.InRange(refusedOpens, 3, 10);
        Assert.True(refusedReads > 10);
    }

    [Fact]
    public void ADamagedPageUnderADeletionOrPutIsAnErrorAndTheTreeStaysWhole()
    {
        using TestPool pool = Filled(2);
        long page = UsedPages(pool).First(number => IsLeaf(pool, number));
        foreach (MemoryDisk disk in pool.Disks)
            disk.Flip("meta", (page * PageBytes) + 9000);
        pool.Reopen();
        int failures = 0;
        for (uint i = 0; i < 400; i++)
        {
            try
            {
                pool.Tree.Delete(TreeTests.Key(i));
                pool.Tree.Put(TreeTests.Key(i), [1]);
            }
            catch (PoolException e)
            {
                Assert.Equal(ErrorId.Corrupt, e.Id);
                failures++;
            }
        }

        Assert.InRange(failures, 1, 399);
        pool.Commit();
        pool.Reopen();
        Assert.Equal([1], pool.Tree.Get(TreeTests.Key(Enumerable.Range(0, 400).Select(i => (uint)i).First(i => Reads(pool.Tree, i))))!);
    }

    [Fact]
    public void AMetadataDiskThatFailsInACommitIsDroppedAndAnotherTakesItsPlace()
    {
        foreach (string kind in (string[])["write", "sync", "allocate"])
        {
            foreach (string file in (string[])["meta", "roots"])
            {
                using TestPool pool = Filled(6, 40);
                string content = PoolContent.Of(pool.Store);
                pool.Disks[1].Before = (k, path) => Fail(kind == "allocate" ? k is "write" or "sync" : k == kind && path == file);
                pool.Tree.Put("x"u8, "1"u8);
                RootRecord root = pool.Commit();
                Assert.DoesNotContain(1, pool.Commit().Shape.MetadataDisks);
                Assert.Equal(3, pool.Store.Root.Shape.MetadataDisks.Count);
                Assert.Empty(Problems.Of(pool.Store));
                pool.Disks[1].Before = null;
                pool.Reopen(1);
                Assert.Equal(content.Replace("|", "78=31 |", StringComparison.Ordinal), PoolContent.Of(pool.Store));
                pool.Reopen(0, 2);
                Assert.Equal(content.Replace("|", "78=31 |", StringComparison.Ordinal), PoolContent.Of(pool.Store));
                Assert.True(root.Generation < pool.Store.Root.Generation);
            }
        }
    }

    [Fact]
    public void MissingMetadataDisksAreReplacedAndEveryPairMayBeAway()
    {
        using TestPool pool = Filled(6);
        string content = PoolContent.Of(pool.Store);
        for (int a = 0; a < 6; a++)
        {
            for (int b = a + 1; b < 6; b++)
            {
                pool.Reopen(a, b);
                Assert.Equal(content, PoolContent.Of(pool.Store));
                RootRecord root = pool.Commit();
                Assert.Equal(3, root.Shape.MetadataDisks.Count);
                Assert.DoesNotContain(a, root.Shape.MetadataDisks);
                Assert.DoesNotContain(b, root.Shape.MetadataDisks);
                Assert.Equal(0, pool.Store.MissingMirrors);
                Assert.Empty(Problems.Of(pool.Store));
            }
        }

        pool.Reopen();
        Assert.Equal(content, PoolContent.Of(pool.Store));
        Assert.Empty(Problems.Of(pool.Store));
    }

    [Fact]
    public void WhenNoMetadataDiskTakesTheCommitNothingChangesAnyMore()
    {
        using TestPool pool = Filled(3);
        string content = PoolContent.Of(pool.Store);
        foreach (MemoryDisk disk in pool.Disks)
            disk.Before = (kind, path) => Fail(path == "meta" && kind == "sync");
        pool.Tree.Put("x"u8, "1"u8);
        Assert.Equal(ErrorId.Io, Assert.Throws<PoolException>(() => pool.Commit()).Id);
        foreach (MemoryDisk disk in pool.Disks)
            disk.Before = (kind, path) => Assert.Equal("read", kind);
        Assert.Equal(ErrorId.Io, Assert.Throws<PoolException>(() => pool.Tree.Put("y"u8, "1"u8)).Id);
        Assert.Equal(ErrorId.Io, Assert.Throws<PoolException>(() => pool.Tree.Delete("x"u8)).Id);
        Assert.Equal(ErrorId.Io, Assert.Throws<PoolException>(() => pool.Store.Freeze(default)).Id);
        Assert.Equal(ErrorId.Io, Assert.Throws<PoolException>(() => pool.Store.AppendJournal([1])).Id);
        Assert.NotNull(pool.Store.Failure);
        Assert.Equal("1"u8.ToArray(), pool.Tree.Get("x"u8)!);
        foreach (MemoryDisk disk in pool.Disks)
            disk.Before = null;
        pool.Reopen();
        Assert.Equal(content, PoolContent.Of(pool.Store));
    }

    [Fact]
    public void TooFewRootRecordsEndTheCommitAndNothingChangesAnyMore()
    {
        using TestPool pool = Filled(6);
        for (int i = 0; i < 4; i++)
            pool.Disks[i].Before = (kind, path) => Fail(path == "roots" && kind == "sync");
        pool.Tree.Put("x"u8, "1"u8);
        PoolException e = Assert.Throws<PoolException>(() => pool.Commit());
        Assert.Equal(ErrorId.RootQuorum, e.Id);
        Assert.Contains("d4", e.Message, StringComparison.Ordinal);
        Assert.Equal(ErrorId.RootQuorum, Assert.Throws<PoolException>(() => pool.Tree.Put("y"u8, "1"u8)).Id);
    }

    [Fact]
    public void AFullMetadataDiskIsDroppedAndComesBackWhenThereIsRoom()
    {
        using TestPool pool = Filled(3);
        pool.Disks[2].Before = (kind, path) => Fail(kind == "allocate", Errno.ENOSPC);
        for (uint i = 0; i < 4500; i++)
            pool.Tree.Put(TreeTests.Key(i), new byte[4000]);
        pool.Commit();
        Assert.Equal([0, 1], pool.Store.Root.Shape.MetadataDisks);
        Assert.Equal(1, pool.Store.MissingMirrors);
        pool.Disks[2].Before = null;
        pool.Commit();
        Assert.Equal([0, 1, 2], pool.Store.Root.Shape.MetadataDisks);
        Assert.Empty(Problems.Of(pool.Store));
        Assert.True(pool.Disks[2].Exists("meta"));
        Assert.False(pool.Disks[2].Exists("meta.new"));
    }

    [Theory]
    [InlineData("meta", "pipe")]
    [InlineData("meta", "short")]
    [InlineData("meta", "gone")]
    [InlineData("meta", "empty")]
    [InlineData("journal", "pipe")]
    [InlineData("journal", "short")]
    [InlineData("journal", "gone")]
    [InlineData("roots", "pipe")]
    [InlineData("roots", "short")]
    [InlineData("roots", "gone")]
    [InlineData("roots", "empty")]
    [InlineData("roots", "flipped")]
    public void ADamagedFileIsAProblemOfItsDiskOnly(string file, string damage)
    {
        using TestPool pool = Filled(3);
        string content = PoolContent.Of(pool.Store);
        Damage(pool.Disks[1], file, damage);
        pool.Reopen();
        Assert.Equal(content, PoolContent.Of(pool.Store));
        Assert.Contains(pool.Store.Problems, problem => problem.Contains("d1", StringComparison.Ordinal));
        pool.Commit();
        Assert.Equal([0, 1, 2], pool.Store.Root.Shape.MetadataDisks);
        Assert.Empty(Problems.Of(pool.Store));
        pool.Reopen();
        Assert.Empty(pool.Store.Problems);
        Assert.Equal([0, 1, 2], pool.Store.ListRoots()[0].DiskIndexes);
        pool.Reopen(0, 2);
        Assert.Equal(content, PoolContent.Of(pool.Store));
    }

    [Fact]
    public void AFailingReadIsAnsweredByAnotherDisk()
    {
        using TestPool pool = Filled(3);
        string content = PoolContent.Of(pool.Store);
        var failures = new List<DiskException>();
        pool.Reopen();
        pool.Members[0].FailureReported += (_, e) => failures.Add(e);
        pool.Disks[0].Before = (kind, path) => Fail(kind == "read" && path == "meta");
        Assert.Equal(content, PoolContent.Of(pool.Store));
        Assert.NotEmpty(failures);
        pool.Disks[0].Before = null;
        pool.Commit();
        Assert.Empty(Problems.Of(pool.Store));
    }

    internal static TestPool Filled(int diskCount, int keys = 400)
    {
        var pool = new TestPool(diskCount);
        var random = new Random(1);
        for (uint i = 0; i < keys; i++)
        {
            var value = new byte[random.Next(1200)];
            random.NextBytes(value);
            pool.Tree.Put(TreeTests.Key(i), value);
            pool.Store.Pool.Put(TreeTests.Key(i), value.AsSpan(0, value.Length / 2));
        }

        pool.Commit();
        return pool;
    }

    internal static void Fail(bool condition, Errno errno = Errno.EIO)
    {
        if (condition)
            throw new DiskException("test", "call", errno);
    }

    internal static void Damage(MemoryDisk disk, string file, string damage)
    {
        switch (damage)
        {
            case "pipe":
                disk.MakePipe(file);
                break;
            case "short":
                disk.Truncate(file, file == "meta" ? 3 * PageBytes + 100 : 5000);
                break;
            case "empty":
                disk.Truncate(file, 0);
                break;
            case "gone":
                disk.Unlink(file);
                break;
            case "flipped":
                disk.Flip(file, (2 * RootFormat.SlotBytes) + 100);
                break;
            default:
                throw new ArgumentException(damage);
        }
    }

    /// <summary>All pages that kept roots reach.</summary>
    private static unsafe IEnumerable<long> UsedPages(TestPool pool)
    {
        using var walker = new PageWalker((in PagePointer pointer, byte* page) => pool.Store.Files.TryRead(pointer, page), _ => { });
        foreach (Root root in pool.Store.KeptRoots)
            walker.Walk(root);
        return [.. walker.Reached.Select(number => (long)number).Order()];
    }

    private static bool IsLeaf(TestPool pool, long page)
    {
        byte[] header = pool.Disks[0].Read("meta", page * PageBytes, PageFormat.HeaderBytes);
        return header[PageFormat.KindOffset] == (byte)PageKind.Leaf && header[PageFormat.TreeOffset] == (byte)TreeId.Namespace
            && BitConverter.ToUInt64(header, PageFormat.BirthOffset) == pool.Store.Root.Generation.Value;
    }

    private static bool Reads(Tree tree, uint key)
    {
        try
        {
            return tree.Get(TreeTests.Key(key)) is not null;
        }
        catch (PoolException)
        {
            return false;
        }
    }
}
