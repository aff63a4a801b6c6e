using DynamicFs.Disks;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.Fuzz.Targets;

/// <summary>
/// The journal of one metadata disk as a mount reads it. An input is the start of the half that belongs to the root. What is recovered is a prefix of the batches that were
/// written, or the mount is refused; it is never something else, and never a prefix when a later batch proves that more was acknowledged.
/// </summary>
internal static class JournalTarget
{
    private static readonly int[] _payloadBytes = [100, 5000, 0, 3968, 300];

    private static readonly Field[] _fields =
    [
        .. Enumerable.Range(0, 6).SelectMany(i => (Field[])
        [
            new(i * 4096, 8), new((i * 4096) + 8, 4), new((i * 4096) + 12, 4), new((i * 4096) + 32, 8), new((i * 4096) + 40, 8), new((i * 4096) + 48, 32), new((i * 4096) + 80, 8),
            new((i * 4096) + 96, 32),
        ]),
    ];

    public static FuzzSession Start()
    {
        byte[] slot = MetadataTargets.RootSlot(new Generation(70), 2, 1, default);
        RootFormat.Decode(SamplePool.Id, slot, 70 % RootFormat.SlotCount, out Root? root, out _);
        byte[] half = Half(root!, out List<byte[]> payloads);
        var pages = new MemoryFile([]);
        var journal = new MemoryFile(new byte[half.Length + 4096]);
        var member = new MemberDisk(0, new DiskId(new Guid(1, 2, 3, new byte[8])), "d1", new MemoryDisk("d1", journal), DiskState.Healthy, new DiskQueue("d1", threads: 0));
        var mirror = new Mirror(member, pages, journal, isCurrent: true);
        return new FuzzSession(random => Codec.Make([half], _fields, null, Fit.AtMost, random), input => Judge(input, root!, mirror, journal, half, payloads))
        {
            AllocationBytes = 1 << 20,
        };
    }

    private static byte[] Half(Root root, out List<byte[]> payloads)
    {
        payloads = [];
        var half = new List<byte>();
        Checksum previous = root.Checksum;
        foreach (int bytes in _payloadBytes)
        {
            byte[] batch = new byte[JournalFormat.SpanOf(bytes)];
            new Random(bytes).NextBytes(batch.AsSpan(JournalFormat.HeaderBytes, bytes));
            payloads.Add(batch.AsSpan(JournalFormat.HeaderBytes, bytes).ToArray());
            previous = JournalFormat.Seal(SamplePool.Id, root.Generation, (ulong)payloads.Count - 1, previous, batch, bytes);
            half.AddRange(batch);
        }

        return [.. half];
    }

    private static bool Judge(FuzzInput input, Root root, Mirror mirror, MemoryFile journal, byte[] half, List<byte[]> payloads)
    {
        // Generation 70 is even: its half is the first one.
        Array.Clear(journal.Bytes);
        input.Bytes.CopyTo(journal.Bytes, 0);
        IReadOnlyList<byte[]> found;
        try
        {
            found = Journal.Recover(SamplePool.Id, root, [mirror], new MetadataProblems(), out _);
        }
        catch (PoolException)
        {
            return input.Origin == FuzzOrigin.Valid ? throw new FuzzException("the journal that was written is refused") : false;
        }

        for (int i = 0; i < found.Count; i++)
        {
            if (i >= payloads.Count || !found[i].AsSpan().SequenceEqual(payloads[i]))
                throw new FuzzException($"batch {i} is not what was written");
        }

        if (found.Count < payloads.Count && Holds(input.Bytes, half, found.Count + 1))
            throw new FuzzException($"{found.Count} batches although a later one is there");
        return found.Count == payloads.Count;
    }

    /// <summary>True when some batch from <paramref name="first"/> on stands where it was written, as it was written.</summary>
    private static bool Holds(byte[] bytes, byte[] half, int first)
    {
        for (int i = 0, at = 0; i < _payloadBytes.Length; at += JournalFormat.SpanOf(_payloadBytes[i]), i++)
        {
            int end = at + JournalFormat.SpanOf(_payloadBytes[i]);
            if (i >= first && bytes.Length >= end && bytes.AsSpan(at..end).SequenceEqual(half.AsSpan(at..end)))
                return true;
        }

        return false;
    }
}
