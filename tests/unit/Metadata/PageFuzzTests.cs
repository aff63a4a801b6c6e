using DynamicFs.Interop;
using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Metadata;

/// <summary>Malformed bytes: never accepted when the checksum is not theirs; when it is, refused or at least harmless.</summary>
public sealed unsafe class PageFuzzTests
{
    [Fact]
    public void NoMutationOfAPagePassesItsChecksum()
    {
        using TestPool pool = MirrorTests.Filled(1);
        var random = new Random(11);
        var pages = Pages(pool);
        byte[] buffer = new byte[PageFormat.PageBytes];
        fixed (byte* page = buffer)
        {
            for (int i = 0; i < 20_000; i++)
            {
                (PagePointer pointer, byte[] bytes) = pages[random.Next(pages.Count)];
                bytes.CopyTo(buffer, 0);
                Mutate(buffer, random);
                if (buffer.AsSpan().SequenceEqual(bytes))
                    continue;
                pool.Disks[0].Damage("meta", (long)pointer.Number * PageFormat.PageBytes, buffer);
                Assert.False(pool.Store.Files.TryRead(pointer, page), $"mutation {i} was accepted");
                pool.Disks[0].Damage("meta", (long)pointer.Number * PageFormat.PageBytes, bytes);
            }
        }
    }

    [Fact]
    public void AMutationWithARightChecksumIsRefusedOrHarmless()
    {
        using TestPool pool = MirrorTests.Filled(1);
        var random = new Random(12);
        var pages = Pages(pool);
        ulong fragment = PageFormat.PoolFragment(pool.Id);
        using var memory = new PageMemory();
        byte* page = memory.Rent();
        int refused = 0;
        for (int i = 0; i < 20_000; i++)
        {
            (PagePointer pointer, byte[] bytes) = pages[random.Next(pages.Count)];
            bytes.CopyTo(new Span<byte>(page, PageFormat.PageBytes));
            Mutate(new Span<byte>(page, PageFormat.PageBytes), random);
            if (PageCheck.Problem(page, pointer, fragment) is not null)
                refused++;
            else if (PageFormat.Kind(page) != PageKind.SpaceMap)
                UseTreePage(page, random, memory, pointer, fragment);
            else
                UseSpaceMap(page);
        }

        Assert.InRange(refused, 2000, 19_999);
    }

    [Fact]
    public void AWholePoolWithOneMutatedPageOfRightChecksumsNeverCrashesOrHangs()
    {
        var random = new Random(13);
        using TestPool original = MirrorTests.Filled(1, 150);
        byte[] meta = original.Disks[0].Read("meta", 0, 200 * PageFormat.PageBytes);
        byte[] roots = original.Disks[0].Read("roots", 0, RootFormat.FileBytes);
        Root root = original.Store.KeptRoots[0];
        for (int i = 0; i < 300; i++)
        {
            original.Disks[0].Damage("meta", 0, meta);
            Forge(original, root, random);
            try
            {
                original.Reopen();
                Use(original);
            }
            catch (Exception e) when (e is PoolException or InvariantException)
            {
                Assert.NotEmpty(e.Message);
            }
        }

        original.Disks[0].Damage("meta", 0, meta);
        original.Disks[0].Damage("roots", 0, roots);
        original.Reopen();
        Assert.Empty(Problems.Of(original.Store));
    }

    [Fact]
    public void NoMutationOfARootRecordIsAccepted()
    {
        using TestPool pool = MirrorTests.Filled(1);
        var random = new Random(14);
        byte[] slot = pool.Disks[0].Read("roots", 2 * RootFormat.SlotBytes, RootFormat.SlotBytes);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] mutated = (byte[])slot.Clone();
            Mutate(mutated, random);
            if (mutated.AsSpan().SequenceEqual(slot))
                continue;
            RootSlotState state = RootFormat.Decode(pool.Id, mutated, 2, out Root? root, out _);
            Assert.Null(root);
            Assert.True(state is RootSlotState.Damaged or RootSlotState.Empty);
            Blake3.Hash(mutated.AsSpan(0, RootFormat.ChecksumOffset)).Write(mutated.AsSpan(RootFormat.ChecksumOffset));
            RootFormat.Decode(pool.Id, mutated, 2, out root, out _);
            Assert.True(root is null || root.Public.Shape.MetadataDisks.All(disk => disk < root.Public.Shape.Members.Count));
        }
    }

    [Fact]
    public void NoMutationOfABatchIsAccepted()
    {
        var random = new Random(15);
        var pool = PoolId.New();
        byte[] batch = new byte[JournalFormat.SpanOf(5000)];
        random.NextBytes(batch.AsSpan(JournalFormat.HeaderBytes, 5000));
        JournalFormat.Seal(pool, new Generation(5), 3, default, batch, 5000);
        Assert.True(JournalFormat.TryRead(pool, new Generation(5), 3, default, batch, out _, out _));
        for (int i = 0; i < 20_000; i++)
        {
            byte[] mutated = (byte[])batch.Clone();
            Mutate(mutated, random);
            Assert.Equal(mutated.AsSpan().SequenceEqual(batch), JournalFormat.TryRead(pool, new Generation(5), 3, default, mutated, out _, out _));
        }
    }

    private static List<(PagePointer Pointer, byte[] Bytes)> Pages(TestPool pool)
    {
        var pages = new List<(PagePointer, byte[])>();
        using var walker = new PageWalker(
            (in PagePointer pointer, byte* page) =>
            {
                pool.Store.Files.Read(pointer, page);
                pages.Add((pointer, new ReadOnlySpan<byte>(page, PageFormat.PageBytes).ToArray()));
                return true;
            },
            problem => throw new InvariantException(problem));
        foreach (Root root in pool.Store.KeptRoots)
            walker.Walk(root);
        return pages;
    }

    private static void Mutate(Span<byte> bytes, Random random)
    {
        for (int changes = random.Next(1, 4); changes > 0; changes--)
        {
            // Headers, slots and cell headers are where the interesting bytes are.
            int at = random.Next(3) == 0 ? random.Next(bytes.Length) : random.Next(Math.Min(200, bytes.Length));
            switch (random.Next(5))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    random.NextBytes(bytes.Slice(at, Math.Min(random.Next(1, 64), bytes.Length - at)));
                    break;
                case 3:
                    bytes.Slice(at, Math.Min(random.Next(1, 4096), bytes.Length - at)).Clear();
                    break;
                default:
                    int from = random.Next(bytes.Length - 64);
                    bytes.Slice(from, 64).ToArray().AsSpan(0, Math.Min(64, bytes.Length - at)).CopyTo(bytes[at..]);
                    break;
            }
        }
    }

    /// <summary>A page that passed the check is searched and changed; it must stay one that passes.</summary>
    private static void UseTreePage(byte* page, Random random, PageMemory memory, in PagePointer pointer, ulong fragment)
    {
        byte[] key = new byte[random.Next(1, 20)];
        random.NextBytes(key);
        if (PageFormat.Kind(page) == PageKind.Interior)
        {
            Assert.InRange(TreePage.ChildIndex(page, key), 0, PageFormat.Count(page) - 1);
            return;
        }

        for (int i = PageFormat.Count(page) - 1; i >= 0 && random.Next(4) != 0; i--)
            TreePage.Remove(page, i);
        int index = TreePage.Search(page, key);
        byte* cell = stackalloc byte[600];
        int bytes = PageFormat.WriteLeafCell(cell, key, new byte[random.Next(500)]);
        if (index < 0)
            TreePage.TryInsert(page, ~index, new ReadOnlySpan<byte>(cell, bytes), memory);
        Assert.Null(PageCheck.Problem(page, pointer, fragment));
    }

    private static void UseSpaceMap(byte* page)
    {
        var words = new List<ulong>();
        SpaceMapFormat.AppendWords(new ReadOnlySpan<byte>(page, PageFormat.PageBytes), words);
        SpaceMapFormat.Parse(words, out ulong[] bitmap, out ulong[] dead);
        Assert.True(bitmap.Length + dead.Length <= words.Count);
    }

    /// <summary>Mutates the root page of the namespace tree or the first page of the space map and puts its new checksum into the root record.</summary>
    private static void Forge(TestPool pool, Root root, Random random)
    {
        bool isTree = random.Next(3) != 0;
        PagePointer pointer = isTree ? root.Namespace : root.SpaceMap;
        byte[] page = pool.Disks[0].Read("meta", (long)pointer.Number * PageFormat.PageBytes, PageFormat.PageBytes);
        Mutate(page, random);
        pool.Disks[0].Damage("meta", (long)pointer.Number * PageFormat.PageBytes, page);
        pointer = pointer.WithChecksum(Blake3.Hash(page));
        byte[] slot = new byte[RootFormat.SlotBytes];
        RootFormat.Encode(pool.Id, isTree ? root with { Namespace = pointer } : root with { SpaceMap = pointer }, slot);
        pool.Disks[0].Damage("roots", 0, new byte[RootFormat.FileBytes]);
        pool.Disks[0].Damage("roots", RootFormat.SlotOf(root.Generation) * RootFormat.SlotBytes, slot);
    }

    private static void Use(TestPool pool)
    {
        for (uint i = 0; i < 150; i += 3)
        {
            Guarded(() => pool.Tree.Put(TreeTests.Key(i), new byte[i * 5]));
            Guarded(() => pool.Tree.Delete(TreeTests.Key(i + 1)));
            Guarded(() => pool.Tree.Get(TreeTests.Key(i + 2)));
        }

        Guarded(() => TreeModel.All(pool.Tree));
        Guarded(() => TreeModel.AllBackward(pool.Tree));
        Problems.Of(pool.Store);
        pool.Commit();
    }

    private static void Guarded(Action action)
    {
        try
        {
            action();
        }
        catch (PoolException)
        {
        }
    }
}
