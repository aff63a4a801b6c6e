using System.Text;
using DynamicFs.Interop;
using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Metadata;

/// <summary>Golden bytes of every structure of this folder, and that they read back.</summary>
public sealed unsafe class FormatTests
{
    private static readonly PoolId s_pool = new(new Guid("00112233-4455-6677-8899-aabbccddeeff"));
    private static readonly Checksum s_checksum = new(0x0101010101010101, 0x0202020202020202, 0x0303030303030303, 0x0404040404040404);

    [Fact]
    public void LeafPage()
    {
        using var buffer = new NativeBuffer(PageFormat.PageBytes);
        using var memory = new PageMemory();
        byte* page = buffer.Pointer;
        PageFormat.Initialize(page, PageKind.Leaf, 0, TreeId.Namespace, PageFormat.PoolFragment(s_pool), 7, 5);
        byte* cell = stackalloc byte[64];
        foreach ((string key, string value) in ((string, string)[])[("apple", "red"), ("cherry", ""), ("banana", "yellow")])
        {
            int bytes = PageFormat.WriteLeafCell(cell, Encoding.ASCII.GetBytes(key), Encoding.ASCII.GetBytes(value));
            Assert.True(TreePage.TryInsert(page, ~TreePage.Search(page, Encoding.ASCII.GetBytes(key)), new ReadOnlySpan<byte>(cell, bytes), memory));
        }

        TreePage.Remove(page, TreePage.Search(page, "cherry"u8));
        GoldenBytes.Check("metadata-page-leaf.bin", buffer.Span);
        Assert.Null(PageCheck.Problem(page, new PagePointer(7, 5, default), PageFormat.PoolFragment(s_pool)));
        Assert.Equal(0, TreePage.Search(page, "apple"u8));
        Assert.Equal(1, TreePage.Search(page, "banana"u8));
        Assert.Equal("yellow"u8.ToArray(), PageFormat.LeafValue(PageFormat.Cell(page, 1)).ToArray());
    }

    [Fact]
    public void InteriorPage()
    {
        using var buffer = new NativeBuffer(PageFormat.PageBytes);
        using var memory = new PageMemory();
        byte* page = buffer.Pointer;
        PageFormat.Initialize(page, PageKind.Interior, 1, TreeId.Pool, PageFormat.PoolFragment(s_pool), 9, 6);
        byte* cell = stackalloc byte[128];
        foreach ((int index, string key, ulong child) in ((int, string, ulong)[])[(0, "", 20), (1, "m", 30)])
        {
            int bytes = PageFormat.WriteInteriorCell(cell, Encoding.ASCII.GetBytes(key), new PagePointer(child, 6, s_checksum));
            Assert.True(TreePage.TryInsert(page, index, new ReadOnlySpan<byte>(cell, bytes), memory));
        }

        GoldenBytes.Check("metadata-page-interior.bin", buffer.Span);
        Assert.Null(PageCheck.Problem(page, new PagePointer(9, 6, default), PageFormat.PoolFragment(s_pool)));
        Assert.Equal(new PagePointer(30, 6, s_checksum), PageFormat.Child(PageFormat.Cell(page, TreePage.ChildIndex(page, "m"u8))));
        Assert.Equal(20u, PageFormat.ChildNumber(PageFormat.Cell(page, TreePage.ChildIndex(page, "lz"u8))));
    }

    [Fact]
    public void SpaceMapPages()
    {
        using var memory = new PageMemory();
        ulong[] bitmap = [.. Enumerable.Range(1, 2040).Select(i => (ulong)i | 1)];
        var image = new SpaceMapImage(bitmap, [64, 128], [3, 8]);
        List<PageFrame> frames = SpaceMap.Build(image, memory, PageFormat.PoolFragment(s_pool), 5, out PagePointer first);
        Assert.Equal([8ul, 3ul], frames.Select(frame => frame.Number));
        Assert.Equal(3ul, first.Number);
        var bytes = new List<byte>();
        var words = new List<ulong>();
        foreach (PageFrame frame in Enumerable.Reverse(frames))
        {
            Assert.Null(PageCheck.Problem(frame.Data, new PagePointer(frame.Number, 5, default), PageFormat.PoolFragment(s_pool)));
            var page = new ReadOnlySpan<byte>(frame.Data, PageFormat.PageBytes);
            bytes.AddRange(page);
            SpaceMapFormat.AppendWords(page, words);
        }

        GoldenBytes.Check("metadata-space-map.bin", bytes.ToArray());
        Assert.Null(SpaceMapFormat.Parse(words, out ulong[] readBitmap, out ulong[] readDead));
        Assert.Equal(bitmap, readBitmap);
        Assert.Equal(image.Dead, readDead);
    }

    [Fact]
    public void RootSlot()
    {
        DiskId[] members = [.. Enumerable.Range(1, 3).Select(i => new DiskId(new Guid(i, 0, 0, [0, 0, 0, 0, 0, 0, 0, (byte)i])))];
        var record = new RootRecord(
            new Generation(70), DateTimeOffset.UnixEpoch.AddSeconds(1_000_000_000.5), new RootCounters(11, 22, 33, 44),
            new PoolShape(members, RedundancyScheme.ReedSolomon(4, 2), [0, 2]), new Generation(60));
        var root = new Root(
            record, new PagePointer(1, 70, s_checksum), new PagePointer(2, 69, s_checksum), new PagePointer(3, 70, s_checksum), new Generation(69), s_checksum, default);
        var slot = new byte[RootFormat.SlotBytes];
        Checksum checksum = RootFormat.Encode(s_pool, root, slot);
        GoldenBytes.Check("metadata-root.bin", slot);
        Assert.Equal(RootSlotState.Valid, RootFormat.Decode(s_pool, slot, 6, out Root? read, out _));
        Assert.Equal(root with { Checksum = checksum, Public = record }, read! with { Public = record });
        Assert.Equal(record.Shape.Members, read!.Public.Shape.Members);
        Assert.Equal([0, 2], read.Public.Shape.MetadataDisks);
        Assert.Equal(record with { Shape = read.Public.Shape }, read.Public);
        Assert.Equal(RootSlotState.Damaged, RootFormat.Decode(s_pool, slot, 7, out _, out _));
        Assert.Equal(RootSlotState.OtherPool, RootFormat.Decode(PoolId.New(), slot, 6, out _, out _));
        Assert.Equal(RootSlotState.Empty, RootFormat.Decode(s_pool, new byte[RootFormat.SlotBytes], 6, out _, out _));
    }

    [Fact]
    public void ClaimSlot()
    {
        var slot = new byte[RootFormat.SlotBytes];
        RootFormat.EncodeClaim(s_pool, new Generation(70), slot);
        GoldenBytes.Check("metadata-claim.bin", slot);
        Assert.Equal(RootSlotState.Claim, RootFormat.Decode(s_pool, slot, 6, out Root? root, out Generation generation));
        Assert.Null(root);
        Assert.Equal(70ul, generation.Value);
        Assert.Equal(RootSlotState.Damaged, RootFormat.Decode(s_pool, slot, 7, out _, out _));
        Assert.Equal(RootSlotState.OtherPool, RootFormat.Decode(PoolId.New(), slot, 6, out _, out _));
        slot[RootFormat.TimeOffset] = 1;
        Blake3.Hash(slot.AsSpan(0, RootFormat.ChecksumOffset)).Write(slot.AsSpan(RootFormat.ChecksumOffset));
        Assert.Equal(RootSlotState.Damaged, RootFormat.Decode(s_pool, slot, 6, out _, out _));
    }

    [Fact]
    public void JournalBatch()
    {
        var batch = new byte[JournalFormat.SpanOf(5)];
        "hello"u8.CopyTo(batch.AsSpan(JournalFormat.HeaderBytes));
        Checksum checksum = JournalFormat.Seal(s_pool, new Generation(70), 2, s_checksum, batch, 5);
        GoldenBytes.Check("metadata-journal-batch.bin", batch);
        Assert.True(JournalFormat.TryRead(s_pool, new Generation(70), 2, s_checksum, batch, out ReadOnlySpan<byte> payload, out Checksum read));
        Assert.Equal("hello"u8.ToArray(), payload.ToArray());
        Assert.Equal(checksum, read);
        Assert.False(JournalFormat.TryRead(s_pool, new Generation(71), 2, s_checksum, batch, out _, out _));
        Assert.False(JournalFormat.TryRead(s_pool, new Generation(70), 3, s_checksum, batch, out _, out _));
        Assert.False(JournalFormat.TryRead(s_pool, new Generation(70), 2, default, batch, out _, out _));
        Assert.False(JournalFormat.TryRead(PoolId.New(), new Generation(70), 2, s_checksum, batch, out _, out _));
    }

    [Fact]
    public void EveryReservedByteIsCheckedEvenUnderARightChecksum()
    {
        using var buffer = new NativeBuffer(PageFormat.PageBytes);
        PageFormat.Initialize(buffer.Pointer, PageKind.Leaf, 0, TreeId.Namespace, PageFormat.PoolFragment(s_pool), 7, 5);
        var pointer = new PagePointer(7, 5, default);
        Assert.Null(PageCheck.Problem(buffer.Pointer, pointer, PageFormat.PoolFragment(s_pool)));
        for (int offset = 0; offset < PageFormat.HeaderBytes; offset++)
        {
            buffer.Span[offset] ^= 0x80;
            Assert.NotNull(PageCheck.Problem(buffer.Pointer, pointer, PageFormat.PoolFragment(s_pool)));
            buffer.Span[offset] ^= 0x80;
        }
    }
}
