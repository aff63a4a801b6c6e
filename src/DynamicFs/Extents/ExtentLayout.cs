using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>
/// How the bytes of an extent lie in its fragments; follows from scheme and length alone.
/// <para>
/// Reed-Solomon: full rows of K units of 64 KiB, then one last row of shorter units (a multiple of 4096 each) for the rest, so that little is padded. Unit
/// u of a row belongs to data fragment u. Replicas: one row with one unit, which is the data. All fragments have the same payload length; what lies
/// behind the extent's length is zero. A checksum block never straddles two units, so every block is one contiguous range of the extent.
/// </para>
/// </summary>
internal readonly struct ExtentLayout
{
    /// <summary>Bytes under one checksum; the last block of a payload may be shorter.</summary>
    public const int BlockBytes = 16 << 10;

    public const int FullUnitBytes = 64 << 10;

    /// <summary>Every unit and payload is a multiple of this, so that files can be read with O_DIRECT.</summary>
    public const int AlignmentBytes = 4096;

    public const int MaxBlocks = ExtentStore.MaxExtentBytes / BlockBytes;

    public ExtentLayout(RedundancyScheme scheme, int lengthBytes)
    {
        Invariant.Check(scheme.IsValid && lengthBytes is > 0 and <= ExtentStore.MaxExtentBytes, "an extent has a valid scheme and 1 byte to 8 MiB");
        (Scheme, LengthBytes, DataCount) = (scheme, lengthBytes, scheme.DataCount);
        int rowBytes = scheme.DataCount * FullUnitBytes;
        FullRows = scheme.IsReplica ? 0 : lengthBytes / rowBytes;
        int rest = lengthBytes - (FullRows * rowBytes);
        LastUnitBytes = AlignUp((rest + scheme.DataCount - 1) / scheme.DataCount);
        PayloadBytes = (FullRows * FullUnitBytes) + LastUnitBytes;
    }

    public RedundancyScheme Scheme { get; }
    public int LengthBytes { get; }

    /// <summary>Rows of full units.</summary>
    public int FullRows { get; }

    /// <summary>Unit of the last row; 0 when the full rows hold everything.</summary>
    public int LastUnitBytes { get; }

    /// <summary>Bytes of data or parity in each fragment.</summary>
    public int PayloadBytes { get; }

    public int DataCount { get; }
    public int Width => Scheme.Width;

    /// <summary>What the extent record names: 64 KiB, less for an extent of one short row, 0 for replicas.</summary>
    public int UnitBytes => Scheme.IsReplica ? 0 : FullRows > 0 ? FullUnitBytes : LastUnitBytes;

    public int BlockCount => (PayloadBytes + BlockBytes - 1) / BlockBytes;

    /// <summary>Where the payload starts in a fragment file.</summary>
    public int HeaderBytes => FragmentFormat.HeaderBytes(BlockCount);

    public int FragmentBytes => HeaderBytes + PayloadBytes;

    /// <summary>Extent bytes in full rows; the last row starts here.</summary>
    public int FullBytes => FullRows * DataCount * FullUnitBytes;

    /// <summary>The extent's length with its padding: everything that is encoded.</summary>
    public int PaddedBytes => FullBytes + (DataCount * LastUnitBytes);

    public int BlockLength(int block) => Math.Min(BlockBytes, PayloadBytes - (block * BlockBytes));

    /// <summary>The data fragment and the position in its payload that hold the extent's byte at <paramref name="offset"/>.</summary>
    public (int Fragment, int PayloadOffset) Locate(int offset)
    {
        if (offset >= FullBytes)
        {
            int rest = offset - FullBytes;
            return (rest / LastUnitBytes, (FullRows * FullUnitBytes) + (rest % LastUnitBytes));
        }

        int unit = offset / FullUnitBytes;
        return (unit % DataCount, (unit / DataCount * FullUnitBytes) + (offset % FullUnitBytes));
    }

    /// <summary>The extent offset of a position in the payload of data fragment <paramref name="fragment"/>; may lie in the padding.</summary>
    public int ExtentOffset(int fragment, int payloadOffset)
    {
        int row = payloadOffset / FullUnitBytes;
        if (row < FullRows)
            return (((row * DataCount) + fragment) * FullUnitBytes) + (payloadOffset % FullUnitBytes);
        return FullBytes + (fragment * LastUnitBytes) + payloadOffset - (FullRows * FullUnitBytes);
    }

    /// <summary>
    /// The blocks of data fragment <paramref name="fragment"/> that hold bytes of the extent range [<paramref name="offset"/>, <paramref name="end"/>):
    /// always one run. False when there are none.
    /// </summary>
    public bool TryBlocks(int fragment, int offset, int end, out int firstBlock, out int endBlock)
    {
        int first = int.MaxValue, last = -1;
        if (offset < FullBytes)
            FullRowRange(fragment, offset, Math.Min(end, FullBytes), ref first, ref last);

        int unitStart = FullBytes + (fragment * LastUnitBytes);
        int from = Math.Max(offset, unitStart), to = Math.Min(end, unitStart + LastUnitBytes);
        if (from < to)
        {
            int shift = (FullRows * FullUnitBytes) - unitStart;
            first = Math.Min(first, from + shift);
            last = to - 1 + shift;
        }

        firstBlock = first / BlockBytes;
        endBlock = (last / BlockBytes) + 1;
        return last >= 0;
    }

    private void FullRowRange(int fragment, int offset, int end, ref int first, ref int last)
    {
        int firstUnit = offset / FullUnitBytes, firstRow = firstUnit / DataCount, firstColumn = firstUnit - (firstRow * DataCount);
        int lastUnit = (end - 1) / FullUnitBytes, lastRow = lastUnit / DataCount, lastColumn = lastUnit - (lastRow * DataCount);
        int from = fragment < firstColumn ? firstRow + 1 : firstRow;
        int to = fragment > lastColumn ? lastRow - 1 : lastRow;
        if (from > to)
            return;
        bool startsInside = from == firstRow && fragment == firstColumn, endsInside = to == lastRow && fragment == lastColumn;
        first = (from * FullUnitBytes) + (startsInside ? offset % FullUnitBytes : 0);
        last = (to * FullUnitBytes) + (endsInside ? (end - 1) % FullUnitBytes : FullUnitBytes - 1);
    }

    public static int AlignUp(int value) => (value + AlignmentBytes - 1) & -AlignmentBytes;
}
