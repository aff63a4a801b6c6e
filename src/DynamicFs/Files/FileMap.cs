using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// The file maps in the namespace tree: which slice holds which bytes of a file. Slices of one file never overlap. The caller holds the lock of
/// the inode for every change, and for a lookup that must agree with one. Every change is told to <see cref="ExtentAccounts"/>.
/// </summary>
internal sealed class FileMap(Tree tree, ExtentAccounts accounts, TransactionGate gate)
{
    /// <summary>Appends the slices that touch [from, to) to <paramref name="found"/>, in order, clipped to the range.</summary>
    public void Find(InodeNumber inode, long from, long to, List<Slice> found)
    {
        if (from >= to)
            return;
        if (TryFloor(inode, from, out Slice first) && first.FileEnd > from)
            found.Add(first.Clip(from, to));
        if (from == long.MaxValue)
            return;
        Span<byte> key = stackalloc byte[FileMapFormat.KeyBytes];
        FileMapFormat.WriteKey(key, inode, from + 1);
        var state = new FindState(inode, from, to, found);
        tree.Scan(key, ref state, static (ref FindState s, ReadOnlySpan<byte> k, ReadOnlySpan<byte> v) =>
        {
            if (!FileMapFormat.IsKeyOf(k, s.Inode))
                return false;
            Slice slice = FileMapFormat.Read(k, v);
            if (slice.FileOffset >= s.To)
                return false;
            s.Found.Add(slice.Clip(s.From, s.To));
            return true;
        });
    }

    /// <summary>Puts a slice over whatever was there. Returns the change of allocated bytes. Joins it with the slice before it where both lie side by side.</summary>
    public long Put(InodeNumber inode, Slice slice)
    {
        using TransactionGate.ChangeScope scope = gate.BeginChange();
        long change = slice.LengthBytes - Remove(inode, slice.FileOffset, slice.FileEnd);
        accounts.Add(slice.Extent, slice.LengthBytes);
        if (slice.FileOffset > 0 && TryFloor(inode, slice.FileOffset - 1, out Slice previous) && IsContinuedBy(previous, slice))
            slice = previous with { LengthBytes = previous.LengthBytes + slice.LengthBytes };
        Write(inode, slice);
        scope.Complete();
        return change;
    }

    /// <summary>Makes [from, to) a hole. Returns how many bytes were allocated there.</summary>
    public long Remove(InodeNumber inode, long from, long to)
    {
        long removed = 0;
        var overlapping = new List<Slice>();
        FindWhole(inode, from, to, overlapping);
        if (overlapping.Count == 0)
            return 0;
        using TransactionGate.ChangeScope scope = gate.BeginChange();
        foreach (Slice slice in overlapping)
        {
            Slice dead = slice.Clip(from, to);
            if (slice.FileOffset < from)
                Write(inode, slice.Clip(slice.FileOffset, from));
            else
                Delete(inode, slice.FileOffset);
            if (slice.FileEnd > to)
                Write(inode, slice.Clip(to, slice.FileEnd));
            accounts.Add(slice.Extent, -dead.LengthBytes);
            removed += dead.LengthBytes;
        }

        scope.Complete();
        return removed;
    }

    /// <summary>The first slice that ends after <paramref name="offset"/>; false when there is none.</summary>
    public bool TryNext(InodeNumber inode, long offset, out Slice slice)
    {
        if (TryFloor(inode, offset, out slice) && slice.FileEnd > offset)
            return true;
        Span<byte> key = stackalloc byte[FileMapFormat.KeyBytes];
        FileMapFormat.WriteKey(key, inode, offset);
        var state = new FirstState(inode);
        tree.Scan(key, ref state, FirstState.Visit);
        slice = state.Slice;
        return state.IsFound;
    }

    private static bool IsContinuedBy(in Slice previous, in Slice next) =>
        previous.FileEnd == next.FileOffset && previous.Extent == next.Extent && previous.ExtentOffset + previous.LengthBytes == next.ExtentOffset;

    private void FindWhole(InodeNumber inode, long from, long to, List<Slice> found)
    {
        if (from >= to)
            return;
        long start = TryFloor(inode, from, out Slice first) && first.FileEnd > from ? first.FileOffset : from;
        Span<byte> key = stackalloc byte[FileMapFormat.KeyBytes];
        FileMapFormat.WriteKey(key, inode, start);
        var state = new FindState(inode, start, to, found);
        tree.Scan(key, ref state, static (ref FindState s, ReadOnlySpan<byte> k, ReadOnlySpan<byte> v) =>
        {
            if (!FileMapFormat.IsKeyOf(k, s.Inode))
                return false;
            Slice slice = FileMapFormat.Read(k, v);
            if (slice.FileOffset >= s.To)
                return false;
            s.Found.Add(slice);
            return true;
        });
    }

    private bool TryFloor(InodeNumber inode, long offset, out Slice slice)
    {
        Span<byte> key = stackalloc byte[FileMapFormat.KeyBytes];
        FileMapFormat.WriteKey(key, inode, offset);
        var state = new FirstState(inode);
        tree.ScanBackward(key, ref state, FirstState.Visit);
        slice = state.Slice;
        return state.IsFound;
    }

    private void Write(InodeNumber inode, in Slice slice)
    {
        Span<byte> key = stackalloc byte[FileMapFormat.KeyBytes];
        Span<byte> value = stackalloc byte[FileMapFormat.ValueBytes];
        FileMapFormat.WriteKey(key, inode, slice.FileOffset);
        FileMapFormat.WriteValue(value, slice);
        tree.Put(key, value);
    }

    private void Delete(InodeNumber inode, long fileOffset)
    {
        Span<byte> key = stackalloc byte[FileMapFormat.KeyBytes];
        FileMapFormat.WriteKey(key, inode, fileOffset);
        bool wasThere = tree.Delete(key);
        Invariant.Check(wasThere, "a slice that was just found can be removed");
    }

    private readonly record struct FindState(InodeNumber Inode, long From, long To, List<Slice> Found);

    private record struct FirstState(InodeNumber Inode)
    {
        public bool IsFound;
        public Slice Slice;

        public static readonly TreeVisitor<FirstState> Visit = static (ref FirstState s, ReadOnlySpan<byte> k, ReadOnlySpan<byte> v) =>
        {
            if (FileMapFormat.IsKeyOf(k, s.Inode))
                (s.IsFound, s.Slice) = (true, FileMapFormat.Read(k, v));
            return false;
        };
    }
}
