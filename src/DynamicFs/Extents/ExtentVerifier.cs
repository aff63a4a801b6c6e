using DynamicFs.Erasure;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>
/// Reads every block of every fragment from the medium, as far as the disk lets us, and checks that all fragments belong together: copies are equal,
/// parity is what the data encodes to. Thread-safe.
/// </summary>
internal sealed unsafe class ExtentVerifier(FragmentReader fragments, ScratchPool scratch, Action<FragmentFinding>? onFinding = null)
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
            Expect(record, layout, 0, chunkBlocks);
            for (int block = 0; block < layout.BlockCount; block += chunkBlocks)
            {
                Expect(record, layout, block + chunkBlocks, chunkBlocks);
                VerifyChunk(record, layout, block, Math.Min(chunkBlocks, layout.BlockCount - block), buffer.Pointer, verdicts);
            }
        }
        finally
        {
            scratch.Return(buffer);
        }

        for (int i = 0; i < layout.Width; i++)
            fragments.Drop(record, layout, i);
        return verdicts;
    }

    /// <summary>All disks are told what is read next, so that they work at the same time, and while this thread computes.</summary>
    private void Expect(ExtentRecord record, in ExtentLayout layout, int firstBlock, int blockCount)
    {
        for (int i = 0; i < layout.Width && firstBlock < layout.BlockCount; i++)
            fragments.Expect(record, layout, i, firstBlock, firstBlock + blockCount);
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
            bool wasGood = verdicts[i] == FragmentVerdict.Good;
            FragmentDamageKind damage = fragments.Read(record, layout, i, firstBlock, [new IoVector((byte*)slots[i], lengthBytes)], ref found);
            if (damage == FragmentDamageKind.None)
            {
                good |= 1u << i;
                continue;
            }

            verdicts[i] = VerdictOf(damage);
            if (onFinding is not null && (wasGood || damage == FragmentDamageKind.Blocks))
                Report(record, layout, i, damage, firstBlock, blockCount, found, (byte*)slots[i]);
        }

        var spare = (nint)(buffer + ((long)layout.Width * blockCount * ExtentLayout.BlockBytes));
        for (uint alien = CheckConsistency(layout, slots[..layout.Width], good, spare, lengthBytes, verdicts); alien != 0 && onFinding is not null; alien &= alien - 1)
        {
            int i = System.Numerics.BitOperations.TrailingZeroCount(alien);
            string what = layout.Scheme.IsReplica ? "the bytes of the other copies" : "what the data encodes to";
            onFinding(new FragmentFinding(i, FragmentFindingKind.Mismatch, layout.HeaderBytes + ((long)firstBlock * ExtentLayout.BlockBytes), what, "other bytes under right checksums"));
        }
    }

    private void Report(
        ExtentRecord record, in ExtentLayout layout, int index, FragmentDamageKind damage, int firstBlock, int blockCount, in BlockSet good, byte* bytes)
    {
        if (damage != FragmentDamageKind.Blocks)
        {
            FragmentFindingKind kind = damage switch
            {
                FragmentDamageKind.Unplaced => FragmentFindingKind.Unplaced,
                FragmentDamageKind.DiskMissing => FragmentFindingKind.DiskMissing,
                FragmentDamageKind.Missing => FragmentFindingKind.Missing,
                FragmentDamageKind.Unreadable => FragmentFindingKind.Unreadable,
                _ => FragmentFindingKind.Header,
            };
            onFinding!(new FragmentFinding(index, kind, 0, $"header {record.Fragments[index].HeaderChecksum}", fragments.Describe(record, layout, index)));
            return;
        }

        int lengthBytes = 0;
        for (int block = firstBlock; block < firstBlock + blockCount; block++)
        {
            int blockBytes = layout.BlockLength(block);
            if (!good.Has(block))
            {
                long offset = layout.HeaderBytes + ((long)block * ExtentLayout.BlockBytes);
                Checksum found = Interop.Blake3.Hash(bytes + lengthBytes, blockBytes);
                onFinding!(new FragmentFinding(index, FragmentFindingKind.Block, offset, fragments.ExpectedBlock(record, layout, index, block), found.ToString()));
            }

            lengthBytes += blockBytes;
        }
    }

    /// <summary>The first K good fragments give all others; what differs from that is corrupt although its checksums are right.</summary>
    private static uint CheckConsistency(in ExtentLayout layout, Span<nint> slots, uint good, nint spare, int lengthBytes, FragmentVerdict[] verdicts)
    {
        uint sources = 0, alien = 0;
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
            {
                verdicts[i] = FragmentVerdict.Corrupt;
                alien |= 1u << i;
            }
        }

        return alien;
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
