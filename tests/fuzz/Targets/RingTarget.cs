using DynamicFs.Disks;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.Fuzz.Targets;

/// <summary>
/// A whole root ring of one of two disks: which root a mount takes. An input is a list of slots, each its place and its bytes; the rest of the ring is empty. Whatever it
/// holds, the root that is taken is one of the records that were sealed, and never older than what the other disk has.
/// </summary>
internal static class RingTarget
{
    private const int EntryBytes = 1 + RootFormat.SlotBytes;
    private const ulong First = 70;
    private const int Count = 4;

    private static readonly List<byte[]> _slots = Slots();

    public static FuzzSession Start()
    {
        byte[][] files = [new byte[RootFormat.FileBytes], new byte[RootFormat.FileBytes]];
        MemberDisk[] members = [.. files.Select((ring, index) => Member(new MemoryDisk($"d{index + 1}", new MemoryFile(ring)), index))];
        _slots.ForEach(slot => slot.CopyTo(files[1], SlotOf(slot) * RootFormat.SlotBytes));
        return new FuzzSession(Make, input => Judge(input, members, files[0])) { AllocationBytes = 8 << 20 };
    }

    private static List<byte[]> Slots()
    {
        var slots = new List<byte[]>();
        Checksum previous = default;
        for (ulong generation = First; generation < First + Count; generation++)
        {
            slots.Add(MetadataTargets.RootSlot(new Generation(generation), 2, 1, previous));
            previous = Checksum.Read(slots[^1].AsSpan(RootFormat.ChecksumOffset));
        }

        return slots;
    }

    private static int SlotOf(byte[] slot) => (int)(BitConverter.ToUInt64(slot, RootFormat.GenerationOffset) % RootFormat.SlotCount);

    private static MemberDisk Member(MemoryDisk disk, int index) =>
        new(index, new DiskId(new Guid(index + 1, 2, 3, new byte[8])), $"d{index + 1}", disk, DiskState.Healthy, new DiskQueue($"d{index + 1}", threads: 0));

    private static FuzzInput Make(Random random)
    {
        var entries = new List<byte>();
        FuzzOrigin origin = FuzzOrigin.Changed;
        foreach (byte[] slot in _slots)
        {
            if (random.Next(5) == 0)
                continue;
            byte[] bytes = slot;
            if (random.Next(2) == 0)
            {
                bytes = Mutation.Of(slot, random, MetadataTargets.RootFields, _slots[random.Next(Count)]);
                Array.Resize(ref bytes, RootFormat.SlotBytes);
                if (random.Next(3) != 0 && MetadataTargets.ResealRoot(bytes))
                    origin = FuzzOrigin.Resealed;
            }

            entries.Add((byte)(random.Next(4) == 0 ? random.Next(RootFormat.SlotCount) : SlotOf(bytes)));
            entries.AddRange(bytes);
        }

        return new FuzzInput(origin, [.. entries]);
    }

    private static bool Judge(FuzzInput input, MemberDisk[] members, byte[] ring)
    {
        Array.Clear(ring);
        for (int at = 0; at + EntryBytes <= input.Bytes.Length; at += EntryBytes)
            input.Bytes.AsSpan(at + 1, RootFormat.SlotBytes).CopyTo(ring.AsSpan(input.Bytes[at] % RootFormat.SlotCount * RootFormat.SlotBytes));
        foreach (MemberDisk member in members)
            member.SetState(DiskState.Healthy);
        var problems = new MetadataProblems();
        var options = new MetadataOptions();
        using var rings = new RootRings(SamplePool.Id, members, options, problems);
        try
        {
            IReadOnlyList<RingContent> contents = rings.ReadAll();
            var history = new RootHistory(contents);
            Root newest = RootChoice.Newest(contents, history, members, new Generation(First), options, problems);
            RootChoice.ExcludeForeign(newest, members, problems);
            history.ChainOf(newest);
            if (newest.Generation.Value < First + Count - 1)
                throw new FuzzException($"generation {newest.Generation} is taken although the other disk has {First + Count - 1}");
            if (input.Origin == FuzzOrigin.Changed && newest.Generation.Value != First + Count - 1)
                throw new FuzzException($"generation {newest.Generation} was never written");
            return true;
        }
        catch (PoolException)
        {
            return false;
        }
    }
}
