using System.Numerics;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>
/// Gives a read the blocks that its data fragments do not have good: decodes them from any K good blocks at the same place of other fragments. Uses
/// what the read has already, loads the rest fragment by fragment until enough is good, and gives up only when no fragment is left to try. Only
/// verified blocks go into the decoder, so what comes out is right. Thread-safe.
/// </summary>
internal sealed unsafe class ExtentRecovery(MemberSet members, FragmentReader fragments, ScratchPool scratch, ExtentCounters counters)
{
    /// <summary>Bounds the memory of one recovery (with at least one block per fragment).</summary>
    private const int ScratchBytes = 4 << 20;

    public void Recover(ReadRequest request)
    {
        int first = int.MaxValue, end = 0;
        for (int i = 0; i < request.Layout.DataCount; i++)
        {
            FragmentPart part = request.Part(i);
            int missing = part.Good.NextMissing(part.FirstBlock, part.EndBlock);
            if (missing == part.EndBlock)
                continue;
            first = Math.Min(first, missing);
            end = Math.Max(end, part.EndBlock);
        }

        int chunkBlocks = Math.Clamp(ScratchBytes / (request.Layout.Width * ExtentLayout.BlockBytes), 1, 64);
        NativeBuffer buffer = scratch.Rent(request.Layout.Width * Math.Min(chunkBlocks, end - first) * ExtentLayout.BlockBytes);
        try
        {
            for (int at = first; at < end; at += chunkBlocks)
                RecoverChunk(request, at, Math.Min(chunkBlocks, end - at), buffer.Pointer);
        }
        finally
        {
            scratch.Return(buffer);
        }
    }

    /// <summary>The exception for a block that cannot be had.</summary>
    public PoolException Lost(ReadRequest request, int block, int goodCount)
    {
        Interlocked.Increment(ref counters.Lost);
        ExtentRecord record = request.Record;
        var absent = new List<string>();
        for (int i = 0; i < record.Fragments.Length; i++)
        {
            if (members.Readable(record.Fragments[i], out FragmentDamageKind reason) is null)
                absent.Add($"{i} ({(reason == FragmentDamageKind.Unplaced ? "never written" : $"disk {members.Find(record.Fragments[i].DiskIndex)?.Name ?? "?"} is missing or failed")})");
        }

        string missing = absent.Count == 0 ? "no disk is missing" : $"without a disk: fragments {string.Join(", ", absent)}";
        return new PoolException(
            ErrorId.DataLost,
            $"extent {record.Id} ({record.Scheme}, generation {record.Birth}): bytes {request.Offset}..{request.End - 1} cannot be read: block {block} is good in "
            + $"{goodCount} fragments, {record.Scheme.DataCount} are needed; {missing}. Bring missing disks back, then run 'dynfs fsck'");
    }

    private void RecoverChunk(ReadRequest request, int firstBlock, int blockCount, byte* buffer)
    {
        int width = request.Layout.Width, dataCount = request.Layout.DataCount;
        ulong all = blockCount == 64 ? ulong.MaxValue : (1UL << blockCount) - 1;

        // Bit b of [i]: block firstBlock + b of fragment i is good, was tried, and lies in the buffer instead of where the read wants it.
        Span<ulong> good = stackalloc ulong[RedundancyScheme.MaxWidth];
        Span<ulong> tried = stackalloc ulong[RedundancyScheme.MaxWidth];
        Span<ulong> loaded = stackalloc ulong[RedundancyScheme.MaxWidth];
        good.Clear();
        tried.Clear();
        loaded.Clear();
        ulong wanted = 0;
        for (int i = 0; i < dataCount; i++)
        {
            FragmentPart part = request.Part(i);
            ulong needed = Range(part.FirstBlock - firstBlock, part.EndBlock - firstBlock) & all;
            good[i] = part.Good.Window(firstBlock) & needed;
            tried[i] = needed;
            wanted |= needed & ~good[i];
        }

        if (!request.IsSequential)
            Expect(request, firstBlock, wanted, good[..width], tried[..width]);
        while (true)
        {
            ulong poor = Poor(wanted, good[..width], dataCount);
            if (poor == 0)
                break;
            int next = NextToTry(request, poor, tried[..width]);
            if (next < 0)
            {
                int bit = BitOperations.TrailingZeroCount(poor);
                throw Lost(request, firstBlock + bit, BitOperations.PopCount(Having(bit, good[..width])));
            }

            Load(request, next, firstBlock, blockCount, poor & ~tried[next], buffer, ref good[next], ref loaded[next]);
            tried[next] |= poor;
        }

        Decode(request, firstBlock, blockCount, wanted, good[..width], loaded[..width], buffer);
    }

    /// <summary>Tells the disks that will most likely be asked, so that they work at the same time.</summary>
    private void Expect(ReadRequest request, int firstBlock, ulong wanted, ReadOnlySpan<ulong> good, ReadOnlySpan<ulong> tried)
    {
        int from = BitOperations.TrailingZeroCount(wanted), to = 64 - BitOperations.LeadingZeroCount(wanted);
        int lacking = request.Layout.DataCount - BitOperations.PopCount(Having(from, good));
        for (int i = 0; i < tried.Length && lacking > 0 && wanted != 0; i++)
        {
            if ((wanted & ~tried[i]) == 0 || (request.Useless >> i & 1) != 0)
                continue;
            fragments.Expect(request.Record, request.Layout, i, firstBlock + from, firstBlock + to);
            lacking--;
        }
    }

    /// <summary>A fragment that was not tried for some of these blocks and may have them.</summary>
    private static int NextToTry(ReadRequest request, ulong blocks, ReadOnlySpan<ulong> tried)
    {
        for (int i = 0; i < tried.Length; i++)
        {
            if ((blocks & ~tried[i]) != 0 && (request.Useless >> i & 1) == 0)
                return i;
        }

        return -1;
    }

    /// <summary>Reads the blocks, and what lies between them, in one go.</summary>
    private void Load(ReadRequest request, int fragment, int firstBlock, int blockCount, ulong blocks, byte* buffer, ref ulong good, ref ulong loaded)
    {
        int from = BitOperations.TrailingZeroCount(blocks), to = 64 - BitOperations.LeadingZeroCount(blocks);
        byte* start = Slot(buffer, fragment, blockCount, from);
        int lengthBytes = ((to - from - 1) * ExtentLayout.BlockBytes) + request.Layout.BlockLength(firstBlock + to - 1);
        BlockSet found = default;
        FragmentDamageKind damage = fragments.Read(
            request.Record, request.Layout, fragment, firstBlock + from, [new IoVector(start, lengthBytes)], ref found);
        if (damage is not (FragmentDamageKind.None or FragmentDamageKind.Blocks))
            request.Useless |= 1u << fragment;
        ulong fresh = found.Window(firstBlock) & blocks;
        good |= fresh;
        loaded |= fresh;
    }

    private void Decode(ReadRequest request, int firstBlock, int blockCount, ulong wanted, ReadOnlySpan<ulong> good, ReadOnlySpan<ulong> loaded, byte* buffer)
    {
        Erasure.ReedSolomon code = Erasure.ReedSolomon.Get(request.Layout.DataCount, request.Layout.Scheme.ParityCount);
        Span<nint> addresses = stackalloc nint[RedundancyScheme.MaxWidth];
        for (ulong rest = wanted; rest != 0; rest &= rest - 1)
        {
            int bit = BitOperations.TrailingZeroCount(rest), block = firstBlock + bit;
            uint present = Having(bit, good), missing = 0;
            for (int i = 0; i < good.Length; i++)
            {
                bool isOurs = i < request.Layout.DataCount && block >= request.Part(i).FirstBlock && block < request.Part(i).EndBlock;
                bool isLoaded = (loaded[i] >> bit & 1) != 0;
                addresses[i] = isOurs && !isLoaded ? (nint)request.Address(i, block) : (nint)Slot(buffer, i, blockCount, bit);
                if (isOurs && (good[i] >> bit & 1) == 0)
                    missing |= 1u << i;
            }

            code.Reconstruct(addresses[..good.Length], present, missing, request.Layout.BlockLength(block));
            Interlocked.Add(ref counters.Decoded, BitOperations.PopCount(missing));
        }
    }

    private static byte* Slot(byte* buffer, int fragment, int blockCount, int block) =>
        buffer + (((fragment * blockCount) + block) * ExtentLayout.BlockBytes);

    /// <summary>The fragments whose set has <paramref name="bit"/>.</summary>
    private static uint Having(int bit, ReadOnlySpan<ulong> sets)
    {
        uint mask = 0;
        for (int i = 0; i < sets.Length; i++)
            mask |= (uint)(sets[i] >> bit & 1) << i;
        return mask;
    }

    /// <summary>Those of <paramref name="bits"/> that fewer than <paramref name="count"/> of the sets have.</summary>
    private static ulong Poor(ulong bits, ReadOnlySpan<ulong> sets, int count)
    {
        ulong result = 0;
        for (ulong rest = bits; rest != 0; rest &= rest - 1)
        {
            if (BitOperations.PopCount(Having(BitOperations.TrailingZeroCount(rest), sets)) < count)
                result |= rest & (~rest + 1);
        }

        return result;
    }

    /// <summary>Bits from (inclusive) to to (exclusive), as far as they lie in 0..63.</summary>
    private static ulong Range(int from, int to)
    {
        from = Math.Clamp(from, 0, 64);
        to = Math.Clamp(to, 0, 64);
        if (from >= to)
            return 0;
        return (to == 64 ? ulong.MaxValue : (1UL << to) - 1) & ~((1UL << from) - 1);
    }
}
