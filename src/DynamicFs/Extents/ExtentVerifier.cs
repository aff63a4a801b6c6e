using DynamicFs.Erasure;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>
/// Reads every block of every fragment from the medium, as far as the disk lets us, and checks that all fragments belong together: copies are equal,
/// parity is what the data encodes to. Thread-safe.
/// </summary>
internal sealed unsafe class ExtentVerifier(FragmentReader fragments, ScratchPool scratch)
{
    private const int ScratchBytes = 4 << 20;

    public FragmentVerdict[] Verify(ExtentRecord record)
    {
        var layout = new ExtentLayout(record.Scheme, record.LengthBytes);
        var verdicts = new FragmentVerdict[layout.Width];
        for (int i = 0; i < layout.Width; i++)
            fragments.Refresh(record, layout, i);

        int chunkBlocks = Math.Clamp(ScratchBytes / (layout.Width * ExtentLayout.BlockBytes), 1, layout.BlockCount);
        NativeBuffer buffer = scratch.Rent((layout.Width + 1) * chunkBlocks * ExtentLayout.BlockBytes);
        try
        {
            for (int block = 0; block < layout.BlockCount; block += chunkBlocks)
                VerifyChunk(record, layout, block, Math.Min(chunkBlocks, layout.BlockCount - block), buffer.Pointer, verdicts);
        }
        finally
        {
            scratch.Return(buffer);
        }

        for (int i = 0; i < layout.Width; i++)
            fragments.Refresh(record, layout, i);
        return verdicts;
    }

    private void VerifyChunk(ExtentRecord record, in ExtentLayout layout, int firstBlock, int blockCount, byte* buffer, FragmentVerdict[] verdicts)
    {
        int lengthBytes = ((blockCount - 1) * ExtentLayout.BlockBytes) + layout.BlockLength(firstBlock + blockCount - 1);
        Span<nint> slots = stackalloc nint[RedundancyScheme.MaxWidth];
        uint good = 0;
        for (int i = 0; i < layout.Width; i++)
        {
            slots[i] = (nint)(buffer + ((long)i * blockCount * ExtentLayout.BlockBytes));
            if (verdicts[i] is not (FragmentVerdict.Good or FragmentVerdict.Corrupt))
                continue;
            BlockSet found = default;
            FragmentDamageKind damage = fragments.Read(record, layout, i, firstBlock, [new IoVector((byte*)slots[i], lengthBytes)], ref found);
            if (damage == FragmentDamageKind.None)
                good |= 1u << i;
            else
                verdicts[i] = VerdictOf(damage);
        }

        var spare = (nint)(buffer + ((long)layout.Width * blockCount * ExtentLayout.BlockBytes));
        CheckConsistency(layout, slots[..layout.Width], good, spare, lengthBytes, verdicts);
    }

    /// <summary>The first K good fragments give all others; what differs from that is corrupt although its checksums are right.</summary>
    private static void CheckConsistency(in ExtentLayout layout, Span<nint> slots, uint good, nint spare, int lengthBytes, FragmentVerdict[] verdicts)
    {
        uint sources = 0;
        int sourceCount = 0;
        for (int i = 0; i < layout.Width; i++)
        {
            if ((good >> i & 1) == 0)
                continue;
            if (sourceCount < layout.DataCount)
            {
                sources |= 1u << i;
                sourceCount++;
                continue;
            }

            nint actual = slots[i];
            if (layout.Scheme.IsReplica)
            {
                spare = slots[System.Numerics.BitOperations.TrailingZeroCount(sources)];
            }
            else
            {
                slots[i] = spare;
                ReedSolomon.Get(layout.DataCount, layout.Scheme.ParityCount).Reconstruct(slots, sources, 1u << i, lengthBytes);
                slots[i] = actual;
            }

            if (!new ReadOnlySpan<byte>((byte*)actual, lengthBytes).SequenceEqual(new ReadOnlySpan<byte>((byte*)spare, lengthBytes)))
                verdicts[i] = FragmentVerdict.Corrupt;
        }
    }

    public static FragmentVerdict VerdictOf(FragmentDamageKind damage) => damage switch
    {
        FragmentDamageKind.None => FragmentVerdict.Good,
        FragmentDamageKind.Unplaced => FragmentVerdict.Unplaced,
        FragmentDamageKind.DiskMissing => FragmentVerdict.DiskMissing,
        FragmentDamageKind.Missing => FragmentVerdict.Missing,
        _ => FragmentVerdict.Corrupt,
    };
}
