using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>A run of written bytes of one file in memory, newer than anything the file map says about the same range.</summary>
internal sealed class Segment
{
    public long Offset;
    public int Start;
    public int LengthBytes;
    public required NativeBuffer Block;

    /// <summary>The part [FreshFrom, FreshTo) of this segment, counted from its offset, that the journal does not have yet; empty when both are 0.</summary>
    public int FreshFrom;
    public int FreshTo;

    public long End => Offset + LengthBytes;
    public int RoomBytes => Block.LengthBytes - Start - LengthBytes;
    public Span<byte> Bytes => Block.Span.Slice(Start, LengthBytes);
    public bool IsFresh => FreshTo > FreshFrom;
    public Span<byte> FreshBytes => Bytes[FreshFrom..FreshTo];
    public long FreshOffset => Offset + FreshFrom;

    /// <summary>Copies bytes in, over or right behind what is there, and notes that the journal lacks them.</summary>
    public void Put(int at, ReadOnlySpan<byte> source)
    {
        Invariant.Check(at >= 0 && at <= LengthBytes && at + source.Length <= Block.LengthBytes - Start, "bytes land inside their block");
        source.CopyTo(Block.Span[(Start + at)..]);
        (FreshFrom, FreshTo) = IsFresh ? (Math.Min(FreshFrom, at), Math.Max(FreshTo, at + source.Length)) : (at, at + source.Length);
        LengthBytes = Math.Max(LengthBytes, at + source.Length);
    }

    /// <summary>Cuts bytes off both ends.</summary>
    public void Keep(int from, int to)
    {
        (Offset, Start, LengthBytes) = (Offset + from, Start + from, to - from);
        (FreshFrom, FreshTo) = (Math.Clamp(FreshFrom - from, 0, LengthBytes), Math.Clamp(FreshTo - from, 0, LengthBytes));
    }
}

/// <summary>
/// The dirty bytes of one file: segments ordered by offset, never overlapping. Guarded by the lock of its inode. A write goes over older dirty
/// bytes in place, so that there is only ever one version of a byte in memory.
/// </summary>
internal sealed class DirtySegments(SegmentPool pool)
{
    private readonly List<Segment> _segments = [];

    public bool IsEmpty => _segments.Count == 0;

    /// <summary>Bytes of file data in the segments.</summary>
    public long LengthBytes { get; private set; }

    public IReadOnlyList<Segment> Segments => _segments;

    /// <summary>Stores <paramref name="source"/> at <paramref name="offset"/>. Returns how many bytes were not dirty before.</summary>
    public long Write(long offset, ReadOnlySpan<byte> source)
    {
        long before = LengthBytes;
        int index = FirstEndingAfter(offset);
        while (source.Length > 0)
        {
            Segment? next = index < _segments.Count ? _segments[index] : null;
            if (next is not null && next.Offset <= offset)
            {
                int count = (int)Math.Min(source.Length, next.End - offset);
                next.Put((int)(offset - next.Offset), source[..count]);
                offset += count;
                source = source[count..];
                index++;
                continue;
            }

            int gap = next is null ? source.Length : (int)Math.Min(source.Length, next.Offset - offset);
            index = FillGap(index, offset, source[..gap]);
            offset += gap;
            source = source[gap..];
        }

        return LengthBytes - before;
    }

    /// <summary>Copies the dirty bytes that lie in the range over <paramref name="destination"/> and reports the gaps between them.</summary>
    public void Read(long offset, Span<byte> destination, List<(long Offset, int LengthBytes)> gaps)
    {
        long end = offset + destination.Length;
        long position = offset;
        for (int i = FirstEndingAfter(offset); i < _segments.Count && _segments[i].Offset < end; i++)
        {
            Segment segment = _segments[i];
            if (segment.Offset > position)
                gaps.Add((position, (int)(segment.Offset - position)));
            long from = Math.Max(segment.Offset, offset);
            long to = Math.Min(segment.End, end);
            segment.Bytes.Slice((int)(from - segment.Offset), (int)(to - from)).CopyTo(destination[(int)(from - offset)..]);
            position = to;
        }

        if (position < end)
            gaps.Add((position, (int)(end - position)));
    }

    /// <summary>Forgets the dirty bytes in [from, to). Returns how many there were.</summary>
    public long Drop(long from, long to)
    {
        long before = LengthBytes;
        int i = FirstEndingAfter(from);
        while (i < _segments.Count && _segments[i].Offset < to)
        {
            Segment segment = _segments[i];
            bool keepsHead = segment.Offset < from;
            bool keepsTail = segment.End > to;
            if (keepsHead && keepsTail)
                _segments.Insert(i + 1, CopyOf(segment, to));
            if (keepsHead)
                Keep(segment, 0, (int)(from - segment.Offset));
            else if (keepsTail)
                Keep(segment, (int)(to - segment.Offset), segment.LengthBytes);
            else
                Remove(i--);
            i++;
            if (keepsTail)
                break;
        }

        return before - LengthBytes;
    }

    /// <summary>Forgets everything. Returns how many bytes there were.</summary>
    public long Clear() => Drop(0, long.MaxValue);

    /// <summary>First dirty byte at or after <paramref name="offset"/> and the end of the segment it lies in; false when there is none.</summary>
    public bool TryNext(long offset, out long start, out long end)
    {
        int index = FirstEndingAfter(offset);
        (start, end) = (0, 0);
        if (index == _segments.Count)
            return false;
        (start, end) = (Math.Max(offset, _segments[index].Offset), _segments[index].End);
        return true;
    }

    private int FillGap(int index, long offset, ReadOnlySpan<byte> source)
    {
        Segment? previous = index > 0 ? _segments[index - 1] : null;
        if (previous is not null && previous.End == offset && previous.RoomBytes > 0)
        {
            int count = Math.Min(previous.RoomBytes, source.Length);
            previous.Put(previous.LengthBytes, source[..count]);
            LengthBytes += count;
            offset += count;
            source = source[count..];
        }

        while (source.Length > 0)
        {
            // A file that keeps growing gets ever larger blocks, so that a stream has few and a small file wastes little.
            bool isAppend = previous is not null && previous.End == offset;
            int wanted = Math.Max(source.Length, isAppend ? previous!.Block.LengthBytes * 4 : 0);
            NativeBuffer block = pool.Rent(Math.Min(wanted, SegmentPool.LargestBlock));
            int count = Math.Min(source.Length, block.LengthBytes);
            var segment = new Segment { Offset = offset, Block = block };
            segment.Put(0, source[..count]);
            _segments.Insert(index++, segment);
            LengthBytes += count;
            offset += count;
            source = source[count..];
            previous = segment;
        }

        return index;
    }

    private Segment CopyOf(Segment segment, long from)
    {
        int cut = (int)(from - segment.Offset);
        var copy = new Segment { Offset = from, Block = pool.Rent(segment.LengthBytes - cut) };
        copy.Put(0, segment.Bytes[cut..]);
        (copy.FreshFrom, copy.FreshTo) = (Math.Max(0, segment.FreshFrom - cut), Math.Max(0, segment.FreshTo - cut));
        LengthBytes += copy.LengthBytes;
        return copy;
    }

    private void Keep(Segment segment, int from, int to)
    {
        LengthBytes -= segment.LengthBytes - (to - from);
        segment.Keep(from, to);
    }

    private void Remove(int index)
    {
        LengthBytes -= _segments[index].LengthBytes;
        pool.Return(_segments[index].Block);
        _segments.RemoveAt(index);
    }

    private int FirstEndingAfter(long offset)
    {
        int low = 0;
        int high = _segments.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_segments[middle].End > offset)
                high = middle;
            else
                low = middle + 1;
        }

        return low;
    }
}
