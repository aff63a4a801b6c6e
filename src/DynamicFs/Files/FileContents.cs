using DynamicFs.Extents;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// The bytes of files: dirty segments over slices over holes. Owns the way of a byte from a write to an extent. Every changing method is called inside
/// the transaction gate with the lock of the inode held; the caller marks the inode dirty afterwards.
/// </summary>
internal sealed class FileContents(FileMap map, ExtentAssembler assembler, ExtentCatalog catalog, ExtentStore store, SegmentPool segments, JournalLog journal)
{
    /// <summary>Looks at the map of one read: compaction may move bytes between look-up and read.</summary>
    private const int MaxReadAttempts = 3;

    [ThreadStatic]
    private static List<Slice>? t_slices;

    [ThreadStatic]
    private static List<(long Offset, int LengthBytes)>? t_gaps;

    private readonly Lock _listLock = new();
    private readonly Queue<Inode> _withDirtyData = new();

    public SegmentPool Segments => segments;

    /// <summary>
    /// Fills <paramref name="destination"/> with the file's bytes at <paramref name="offset"/>, up to the end of the file. Takes the lock of the inode itself,
    /// only to look; disks are read without it. Returns the number of bytes; throws <see cref="PoolException"/> where bytes cannot be read right.
    /// </summary>
    public int Read(Inode inode, long offset, Span<byte> destination)
    {
        for (int attempt = 1; ; attempt++)
        {
            List<Slice> slices = t_slices ??= [];
            slices.Clear();
            int count = Plan(inode, offset, destination, slices, out bool isSequential);
            if (TryReadSlices(slices, offset, destination))
            {
                if (isSequential)
                    PrefetchAfter(inode, offset + count);
                return count;
            }

            // Compaction moved bytes between look-up and read; the map knows where to.
            if (attempt == MaxReadAttempts)
                throw new PoolException(ErrorId.Corrupt, $"inode {inode.Number}: the file map names an extent that the pool does not have; run 'dynfs fsck'");
        }
    }

    /// <summary>Stores bytes in memory. Does not change the size.</summary>
    public void Write(Inode inode, long offset, ReadOnlySpan<byte> source)
    {
        FileData data = inode.Data ??= new FileData(segments);
        data.Dirty.Write(offset, source);
        List(inode, data);
        if (data.Dirty.LengthBytes >= assembler.LargeSliceBytes)
            AssignLargeRuns(inode, data);
    }

    /// <summary>Makes [from, to) a hole, in memory and in the map.</summary>
    public void Punch(Inode inode, long from, long to)
    {
        if (from >= to)
            return;
        inode.Data?.Dirty.Drop(from, to);
        journal.Drop(inode.Number, from, to);
        inode.Attributes.AllocatedBytes -= map.Remove(inode.Number, from, to);
    }

    /// <summary>First offset at or after <paramref name="offset"/> that holds data; false when only a hole follows.</summary>
    public bool TryNextData(Inode inode, long offset, out long dataOffset)
    {
        bool isDirty = TryNextDirty(inode, offset, out long dirtyStart, out _);
        bool isMapped = map.TryNext(inode.Number, offset, out Slice slice);
        long mapped = Math.Max(offset, slice.FileOffset);
        dataOffset = isDirty && isMapped ? Math.Min(dirtyStart, mapped) : isDirty ? dirtyStart : mapped;
        return isDirty || isMapped;
    }

    /// <summary>First offset at or after <paramref name="offset"/> that lies in a hole.</summary>
    public long NextHole(Inode inode, long offset)
    {
        while (true)
        {
            if (TryNextDirty(inode, offset, out long start, out long end) && start == offset)
                offset = end;
            else if (map.TryNext(inode.Number, offset, out Slice slice) && slice.FileOffset <= offset)
                offset = slice.FileEnd;
            else
                return offset;
        }
    }

    /// <summary>
    /// Shares [sourceOffset, sourceOffset + length) of one file with another (or another place of the same file, not overlapping): both map the same slices. Dirty
    /// bytes of the source are assigned first. Holes become holes. The caller holds both inode locks.
    /// </summary>
    public void Share(Inode source, long sourceOffset, Inode destination, long destinationOffset, long lengthBytes, Action<Slice, InodeNumber> shared)
    {
        Assign(source);
        var slices = new List<Slice>();
        map.Find(source.Number, sourceOffset, sourceOffset + lengthBytes, slices);
        Punch(destination, destinationOffset, destinationOffset + lengthBytes);
        foreach (Slice slice in slices)
        {
            Slice target = slice with { FileOffset = destinationOffset + (slice.FileOffset - sourceOffset) };
            destination.Attributes.AllocatedBytes += map.Put(destination.Number, target);
            shared(target, destination.Number);
        }
    }

    /// <summary>Gives every dirty byte of the file a place in an extent.</summary>
    public void Assign(Inode inode)
    {
        if (inode.Data is not { } data)
            return;
        AssignLargeRuns(inode, data);
        if (!data.Dirty.IsEmpty)
            AssignRest(inode, data);
        if (!data.IsListed)
            inode.Data = null;
    }

    private void AssignRest(Inode inode, FileData data)
    {
        var slices = new List<Slice>();
        foreach (Segment segment in data.Dirty.Segments)
            assembler.Pack(inode.Number, segment.Offset, segment.Bytes, slices);
        Map(inode, slices);
        foreach (Segment segment in data.Dirty.Segments)
            journal.Drop(inode.Number, segment.Offset, segment.End);
        data.Dirty.Clear();
    }

    /// <summary>The file with the oldest dirty data, taken off the list; null when there is none. The caller locks it and calls <see cref="Assign"/>.</summary>
    public Inode? TakeDirty()
    {
        lock (_listLock)
        {
            while (_withDirtyData.TryDequeue(out Inode? inode))
            {
                if (inode.Data is not { } data)
                    continue;
                data.IsListed = false;
                return inode;
            }

            return null;
        }
    }

    /// <summary>How many files may have dirty data.</summary>
    public int DirtyCount
    {
        get
        {
            lock (_listLock)
                return _withDirtyData.Count;
        }
    }

    /// <summary>All files that may have dirty data; the caller holds the gate exclusively.</summary>
    public Inode[] DirtyInodes()
    {
        lock (_listLock)
            return [.. _withDirtyData];
    }

    /// <summary>
    /// Drops all dirty bytes and up to <paramref name="limit"/> slices. True when nothing is left. A file of many slices is freed in several transactions.
    /// </summary>
    public bool Free(Inode inode, int limit)
    {
        inode.Data?.Dirty.Clear();
        inode.Data = null;
        journal.Drop(inode.Number, 0, long.MaxValue);
        for (int i = 0; i < limit; i++)
        {
            if (!map.TryNext(inode.Number, 0, out Slice slice))
                return true;
            map.Remove(inode.Number, 0, slice.FileEnd);
        }

        return !map.TryNext(inode.Number, 0, out _);
    }

    /// <summary>
    /// Moves one slice into the open extent, if the file still maps it. Used by compaction. <paramref name="whole"/> is where it lies now, null when it was cut.
    /// </summary>
    public bool Move(Inode inode, in Slice expected, ReadOnlySpan<byte> bytes, out Slice? whole)
    {
        whole = null;
        if (!Maps(inode, expected))
            return false;
        var slices = new List<Slice>();
        assembler.Pack(inode.Number, expected.FileOffset, bytes, slices);
        Map(inode, slices);
        if (slices.Count == 1)
            whole = slices[0];
        return true;
    }

    /// <summary>
    /// Maps the bytes of <paramref name="expected"/>, if the file still has them there, to the equal copy at <paramref name="target"/>, if
    /// <paramref name="owner"/> still has that. The caller holds both inode locks.
    /// </summary>
    public bool Repoint(Inode inode, in Slice expected, Inode owner, in Slice target)
    {
        if (!Maps(inode, expected) || !Maps(owner, target))
            return false;
        inode.Attributes.AllocatedBytes += map.Put(inode.Number, target with { FileOffset = expected.FileOffset });
        return true;
    }

    /// <summary>Slices of the file in [from, to), clipped.</summary>
    public void Find(InodeNumber inode, long from, long to, List<Slice> slices) => map.Find(inode, from, to, slices);

    /// <summary>Fills from one extent, in flight or on disks; false when the pool does not know it (any more).</summary>
    public bool TryReadExtent(ExtentId extent, int offset, Span<byte> destination)
    {
        if (assembler.TryRead(extent, offset, destination))
            return true;
        if (catalog.Find(extent) is not { } record)
            return assembler.TryRead(extent, offset, destination);
        store.Read(record, offset, destination);
        return true;
    }

    private int Plan(Inode inode, long offset, Span<byte> destination, List<Slice> slices, out bool isSequential)
    {
        lock (inode.Lock)
        {
            isSequential = false;
            long size = inode.Attributes.SizeBytes;
            if (offset >= size)
                return 0;
            int count = (int)Math.Min(destination.Length, size - offset);
            isSequential = offset == inode.NextReadOffset;
            inode.NextReadOffset = offset + count;
            destination = destination[..count];
            if (inode.Data is not { } data || data.Dirty.IsEmpty)
            {
                map.Find(inode.Number, offset, offset + count, slices);
                ClearHoles(offset, destination, slices, 0, offset, offset + count);
                return count;
            }

            List<(long Offset, int LengthBytes)> gaps = t_gaps ??= [];
            gaps.Clear();
            data.Dirty.Read(offset, destination, gaps);
            foreach ((long from, int length) in gaps)
            {
                int first = slices.Count;
                map.Find(inode.Number, from, from + length, slices);
                ClearHoles(offset, destination, slices, first, from, from + length);
            }

            return count;
        }
    }

    private static void ClearHoles(long offset, Span<byte> destination, List<Slice> slices, int first, long from, long to)
    {
        long position = from;
        for (int i = first; i <= slices.Count; i++)
        {
            long next = i < slices.Count ? slices[i].FileOffset : to;
            if (next > position)
                destination.Slice((int)(position - offset), (int)(next - position)).Clear();
            if (i < slices.Count)
                position = slices[i].FileEnd;
        }
    }

    private bool TryReadSlices(List<Slice> slices, long offset, Span<byte> destination)
    {
        foreach (Slice slice in slices)
        {
            if (!TryReadExtent(slice.Extent, slice.ExtentOffset, destination.Slice((int)(slice.FileOffset - offset), slice.LengthBytes)))
                return false;
        }

        return true;
    }

    /// <summary>Lets the disks fetch the extent that a sequential reader gets to next.</summary>
    private void PrefetchAfter(Inode inode, long offset)
    {
        if (!map.TryNext(inode.Number, offset, out Slice next) || next.LengthBytes < SegmentPool.LargestBlock)
            return;
        if (next.FileOffset + next.LengthBytes - offset < next.LengthBytes / 2 && map.TryNext(inode.Number, next.FileEnd, out Slice after))
            next = after;
        if (inode.Prefetched == next.Extent)
            return;
        inode.Prefetched = next.Extent;
        if (catalog.Find(next.Extent) is { } record)
            store.Prefetch(record);
    }

    private void AssignLargeRuns(Inode inode, FileData data)
    {
        while (TryFindLargeRun(data.Dirty, out long start))
        {
            long end = start + assembler.LargeSliceBytes;
            ExtentBuilder builder = assembler.BeginLarge(inode.Number, start, assembler.LargeSliceBytes, out Slice slice, out Span<byte> destination);
            CopyRun(data.Dirty, start, destination);
            assembler.EndLarge(builder);
            inode.Attributes.AllocatedBytes += map.Put(inode.Number, slice);
            data.Dirty.Drop(start, end);
            journal.Drop(inode.Number, start, end);
        }
    }

    private bool TryFindLargeRun(DirtySegments dirty, out long start)
    {
        start = -1;
        if (dirty.LengthBytes < assembler.LargeSliceBytes)
            return false;
        long end = -1;
        foreach (Segment segment in dirty.Segments)
        {
            if (segment.Offset != end)
                start = segment.Offset;
            end = segment.End;
            if (end - start >= assembler.LargeSliceBytes)
                return true;
        }

        return false;
    }

    private static void CopyRun(DirtySegments dirty, long start, Span<byte> destination)
    {
        foreach (Segment segment in dirty.Segments)
        {
            long from = Math.Max(start, segment.Offset);
            long to = Math.Min(start + destination.Length, segment.End);
            if (from < to)
                segment.Bytes.Slice((int)(from - segment.Offset), (int)(to - from)).CopyTo(destination[(int)(from - start)..]);
        }
    }

    private bool Maps(Inode inode, in Slice expected)
    {
        var slices = new List<Slice>();
        map.Find(inode.Number, expected.FileOffset, expected.FileEnd, slices);
        return slices.Count == 1 && slices[0] == expected;
    }

    private void Map(Inode inode, List<Slice> slices)
    {
        foreach (Slice slice in slices)
            inode.Attributes.AllocatedBytes += map.Put(inode.Number, slice);
    }

    private void List(Inode inode, FileData data)
    {
        if (data.IsListed)
            return;
        lock (_listLock)
        {
            data.IsListed = true;
            _withDirtyData.Enqueue(inode);
        }
    }

    private static bool TryNextDirty(Inode inode, long offset, out long start, out long end)
    {
        (start, end) = (0, 0);
        return inode.Data is { } data && data.Dirty.TryNext(offset, out start, out end);
    }
}
