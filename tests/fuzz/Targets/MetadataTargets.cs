using DynamicFs.Disks;
using DynamicFs.Interop;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.Fuzz.Targets;

/// <summary>Root slots and journal batches. Pages: <see cref="PageTarget"/>; whole rings: <see cref="RingTarget"/>.</summary>
internal static class MetadataTargets
{
    public const int Slot = 5;

    private static readonly Generation _generation = new(Slot + RootFormat.SlotCount);

    public static IEnumerable<FuzzTarget> All()
    {
        yield return Codec.Target("root-slot", RootSlots, RootFields, DecodeRoot, ResealRoot, Fit.Exact);
        yield return Codec.Target("journal-batch", Batches, _batchFields, DecodeBatch, ResealBatch, Fit.AtMost);
        yield return Codec.Target("disk-record", DiskRecordSamples, [new(0, 1), new(1, 1), new(2, 2), new(4, 8), new(12, 8), new(20, 16), new(36, 8), new(44, 2)], DecodeDiskRecord);
        yield return new FuzzTarget("root-ring", RingTarget.Start);
        yield return new FuzzTarget("journal-half", JournalTarget.Start);
        yield return new FuzzTarget("tree-page", () => PageTarget.Start(isTree: true));
        yield return new FuzzTarget("space-map-page", () => PageTarget.Start(isTree: false));
    }

    public static readonly Field[] RootFields =
    [
        new(0, 8), new(8, 4), new(12, 2), new(14, 2), new(16, 8), new(24, 16), new(40, 8), new(48, 8), new(56, 8), new(64, 8), new(72, 32), new(104, 8), new(112, 8), new(152, 8),
        new(160, 8), new(200, 8), new(208, 8), new(248, 8), new(256, 8), new(264, 8), new(272, 8), new(280, 1), new(281, 1), new(282, 4), new(288, 2), new(290, 2), new(292, 2),
        new(352, 16), new(368, 16), new(4048, 8), new(4064, 32),
    ];

    public static byte[][] RootSlots() => [RootSlot(_generation, 3, 2, default), RootSlot(_generation, 6, 3, default), RootSlot(_generation, RootFormat.MaxMembers, 32, default), ClaimSlot()];

    private static byte[] ClaimSlot()
    {
        byte[] slot = new byte[RootFormat.SlotBytes];
        RootFormat.EncodeClaim(SamplePool.Id, _generation, slot);
        return slot;
    }

    public static byte[] RootSlot(Generation generation, int members, int metadataDisks, Checksum previous)
    {
        PagePointer Pointer(ulong number) => new(number, generation.Value - 1, Blake3.Hash([(byte)number]));
        DiskId[] ids = [.. Enumerable.Range(1, members).Select(i => new DiskId(new Guid(i, 2, 3, new byte[8])))];
        var shape = new PoolShape(ids, members < 6 ? RedundancyScheme.Replica(2) : RedundancyScheme.ReedSolomon(4, 2), [.. Enumerable.Range(0, metadataDisks)]);
        var record = new RootRecord(generation, DateTimeOffset.UnixEpoch.AddDays(20_000), new RootCounters(9, 8, 7, 6), shape, new Generation(generation.Value - 3));
        byte[] slot = new byte[RootFormat.SlotBytes];
        RootFormat.Encode(SamplePool.Id, new Root(record, Pointer(1), Pointer(2), Pointer(3), new Generation(generation.Value - 1), previous, default), slot);
        return slot;
    }

    public static bool ResealRoot(Span<byte> slot)
    {
        Blake3.Hash(slot[..RootFormat.ChecksumOffset]).Write(slot[RootFormat.ChecksumOffset..]);
        return true;
    }

    private static byte[]? DecodeRoot(byte[] bytes)
    {
        RootSlotState state = RootFormat.Decode(SamplePool.Id, bytes, Slot, out Root? root, out Generation claimed);
        if ((state == RootSlotState.Valid) != (root is not null))
            throw new FuzzException($"{state} with {(root is null ? "no" : "a")} record");
        byte[] again = new byte[RootFormat.SlotBytes];
        if (state == RootSlotState.Claim)
        {
            RootFormat.EncodeClaim(SamplePool.Id, claimed, again);
            return again;
        }

        if (root is null)
            return null;
        RootFormat.Encode(SamplePool.Id, root, again);
        return again;
    }

    private static readonly Field[] _batchFields =
    [
        new(0, 8), new(8, 4), new(12, 4), new(16, 16), new(32, 8), new(40, 8), new(48, 32), new(80, 16), new(96, 32), new(128, 8), new(4088, 8),
    ];

    private static byte[][] Batches() => [Batch(0), Batch(5000), Batch(JournalFormat.Alignment - JournalFormat.HeaderBytes), Batch(1)];

    private static byte[] Batch(int payloadBytes)
    {
        byte[] batch = new byte[JournalFormat.SpanOf(payloadBytes)];
        new Random(payloadBytes).NextBytes(batch.AsSpan(JournalFormat.HeaderBytes, payloadBytes));
        JournalFormat.Seal(SamplePool.Id, _generation, 3, Blake3.Hash([1]), batch, payloadBytes);
        return batch;
    }

    private static byte[]? DecodeBatch(byte[] bytes)
    {
        JournalFormat.IsLaterBatch(SamplePool.Id, _generation, 1, bytes);
        if (!JournalFormat.TryRead(SamplePool.Id, _generation, 3, Blake3.Hash([1]), bytes, out ReadOnlySpan<byte> payload, out _))
            return null;
        byte[] again = (byte[])bytes.Clone();
        payload.CopyTo(again.AsSpan(JournalFormat.HeaderBytes));
        JournalFormat.Seal(SamplePool.Id, _generation, 3, Blake3.Hash([1]), again, payload.Length);
        return again;
    }

    private static bool ResealBatch(Span<byte> batch)
    {
        if (batch.Length < JournalFormat.HeaderBytes)
            return false;
        int payloadBytes = Math.Clamp(BitConverter.ToInt32(batch[JournalFormat.PayloadBytesOffset..]), 0, batch.Length - JournalFormat.HeaderBytes);
        var hasher = new Blake3Hasher();
        hasher.Update(batch[..JournalFormat.ChecksumOffset]);
        hasher.Update(batch.Slice(JournalFormat.HeaderBytes, payloadBytes));
        hasher.Finish().Write(batch[JournalFormat.ChecksumOffset..]);
        return true;
    }

    private static byte[][] DiskRecordSamples() => [DiskRecordOf(0), DiskRecordOf(3), DiskRecordOf(DiskHealth.MaxHistory)];

    private static byte[] DiskRecordOf(int events)
    {
        var health = new DiskHealth(DiskState.Suspect, "errors \u00e4", DateTimeOffset.UnixEpoch.AddDays(20_000), "EIO", DiskHealth.Engine)
        {
            ErrorCount = 5,
            History = [.. Enumerable.Range(0, events).Select(i => new DiskEvent(DateTimeOffset.UnixEpoch.AddDays(i), $"event {i}"))],
        };
        return Bytes(new DiskRecord(3, new DiskId(new Guid(1, 2, 3, new byte[8])), health, new Generation((ulong)events)));
    }

    private static byte[] Bytes(DiskRecord record)
    {
        byte[] value = new byte[Tree.MaxValueBytes];
        return value[..DiskRecordFormat.Write(value, record)];
    }

    private static byte[]? DecodeDiskRecord(byte[] bytes)
    {
        if (bytes.Length > Tree.MaxValueBytes)
            return null;
        try
        {
            return Bytes(DiskRecordFormat.Read(3, bytes));
        }
        catch (CorruptionException)
        {
            return null;
        }
    }
}
