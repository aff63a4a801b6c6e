using DynamicFs.Extents;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// Applies the journal batches on top of the newest root at mount: changes go into the namespace tree, extents into the catalog's waiting list, data
/// into dirty segments, as they were when the last acknowledged fsync returned. The commit that follows makes it a root. Runs once, inside the gate.
/// </summary>
internal sealed class JournalReplay(Tree tree, ExtentAssembler assembler, ExtentAccounts accounts, SegmentPool segments) : IJournalTarget
{
    private readonly Dictionary<InodeNumber, DirtySegments> _data = [];
    private readonly Dictionary<ExtentId, long> _accounts = [];

    public ulong NextInode { get; private set; }
    public ulong NextExtent { get; private set; }

    /// <summary>Inodes that the batches made, less those that they removed.</summary>
    public long InodeCountChange { get; private set; }

    /// <summary>Extents that the batches name; all others without a root are leftovers.</summary>
    public HashSet<ExtentId> Extents { get; } = [];

    public void Run(IReadOnlyList<byte[]> batches)
    {
        foreach (byte[] batch in batches)
            JournalPayload.Replay(batch, this);
        accounts.Restore(_accounts);
    }

    /// <summary>Hands the data to the files that still exist.</summary>
    public void RestoreData(Func<InodeNumber, Inode?> find, Action<Inode, long, ReadOnlySpan<byte>> write)
    {
        foreach ((InodeNumber number, DirtySegments dirty) in _data)
        {
            if (find(number) is { } inode)
            {
                foreach (Segment segment in dirty.Segments)
                    write(inode, segment.Offset, segment.Bytes);
            }

            dirty.Clear();
        }
    }

    public void Counters(ulong nextInode, ulong nextExtent)
    {
        (NextInode, NextExtent) = (nextInode, nextExtent);
        _accounts.Clear();
    }

    public void Extent(ExtentRecord record)
    {
        Extents.Add(record.Id);
        assembler.AddUnpublished(record);
    }

    public void Account(ExtentId extent, long change) => _accounts[extent] = change;

    public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (IsInodeRecord(key) && !Exists(key))
            InodeCountChange++;
        tree.Put(key, value);
    }

    public void Delete(ReadOnlySpan<byte> key)
    {
        if (tree.Delete(key) && IsInodeRecord(key))
            InodeCountChange--;
    }

    public void Drop(InodeNumber inode, long from, long to)
    {
        if (_data.TryGetValue(inode, out DirtySegments? dirty))
            dirty.Drop(from, to);
    }

    public void Data(InodeNumber inode, long offset, ReadOnlySpan<byte> bytes)
    {
        if (!_data.TryGetValue(inode, out DirtySegments? dirty))
            _data[inode] = dirty = new DirtySegments(segments);
        dirty.Write(offset, bytes);
    }

    private bool Exists(ReadOnlySpan<byte> key)
    {
        Span<byte> value = stackalloc byte[Tree.MaxValueBytes];
        return tree.TryGet(key, value, out _);
    }

    private static bool IsInodeRecord(ReadOnlySpan<byte> key) =>
        key.Length == NamespaceFormat.InodeKeyBytes && key[8] == (byte)NamespaceKind.Inode;
}
