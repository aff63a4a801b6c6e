using DynamicFs.Extents;
using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging;

namespace DynamicFs.Files;

/// <summary>
/// Gives back the space of mostly dead extents and merges the small copies of small commits into erasure-coded extents: moves what is alive into new
/// extents and lets the old ones die. Finds owners through origin directories and shared-slice notes, and believes only the file map. A step
/// can stop or fail anywhere: what was moved is moved, the rest stays where it is.
/// </summary>
internal sealed partial class Compactor(
    TransactionGate gate, InodeTable inodes, FileContents contents, ExtentCatalog catalog, Tree tree, RedundancyScheme scheme, FileSystemLimits limits, ILogger log)
{
    /// <summary>Extents looked at, and live bytes moved, in one step.</summary>
    private const int ExtentsPerStep = 4096;
    private const long BytesPerStep = 64 << 20;

    /// <summary>Largest piece that is moved under one inode lock.</summary>
    private const int PieceBytes = 1 << 20;

    private byte[]? _piece;
    private ExtentId _cursor;

    /// <summary>Extents emptied since the start.</summary>
    public long CompactedCount { get; private set; }

    /// <summary>Looks at some extents and compacts those that are worth it. True when it moved something.</summary>
    public bool Step()
    {
        List<ExtentRecord> chosen = Choose();
        foreach (ExtentRecord record in chosen)
        {
            try
            {
                KillPoint.Reach("compaction-before-extent");
                Empty(record);
                KillPoint.Reach("compaction-after-extent");
                CompactedCount++;
            }
            catch (Exception e) when (e is PoolException or CorruptionException or DiskException)
            {
                LogSkipped(log, record.Id, e.Message);
            }
        }

        return chosen.Count > 0;
    }

    private List<ExtentRecord> Choose()
    {
        var dying = new List<ExtentRecord>();
        var small = new List<ExtentRecord>();
        (long dyingBytes, long smallBytes, int seen) = (0, 0, 0);
        ExtentId last = ExtentId.None;
        catalog.ForEach(_cursor, (record, live) =>
        {
            last = record.Id;
            if (live > 0 && live < record.DirectoryOffset / 2)
            {
                dying.Add(record);
                dyingBytes += live;
            }
            else if (live > 0 && record.Scheme.IsReplica && !scheme.IsReplica)
            {
                small.Add(record);
                smallBytes += live;
            }

            return ++seen < ExtentsPerStep && dyingBytes + smallBytes < BytesPerStep;
        });
        bool isWrapped = seen < ExtentsPerStep && dyingBytes + smallBytes < BytesPerStep;
        _cursor = isWrapped ? ExtentId.None : new ExtentId(last.Value + 1);
        if (smallBytes >= limits.MergeBytes || small.Count >= limits.MergeCount)
            dying.AddRange(small);
        return dying;
    }

    private void Empty(ExtentRecord record)
    {
        var moved = new Dictionary<(int Offset, int LengthBytes), (Inode Owner, Slice Slice)>();
        foreach (Origin origin in Owners(record))
        {
            if (inodes.Find(origin.Inode) is not { } inode || !inode.Attributes.IsRegular)
                continue;
            var slices = new List<Slice>();
            contents.Find(origin.Inode, origin.FileOffset, origin.FileOffset + origin.LengthBytes, slices);
            foreach (Slice slice in slices)
            {
                if (slice.Extent == record.Id)
                    MoveSlice(inode, slice, moved);
            }
        }
    }

    private void MoveSlice(Inode inode, in Slice slice, Dictionary<(int Offset, int LengthBytes), (Inode Owner, Slice Slice)> moved)
    {
        for (long from = slice.FileOffset; from < slice.FileEnd; from += PieceBytes)
        {
            Slice piece = slice.Clip(from, Math.Min(from + PieceBytes, slice.FileEnd));
            if (moved.TryGetValue((piece.ExtentOffset, piece.LengthBytes), out (Inode Owner, Slice Slice) twin) && Share(inode, piece, twin.Owner, twin.Slice))
                continue;
            Span<byte> bytes = (_piece ??= new byte[PieceBytes]).AsSpan(0, piece.LengthBytes);
            if (!contents.TryReadExtent(piece.Extent, piece.ExtentOffset, bytes))
                return;
            using (gate.EnterShared())
            {
                lock (inode.Lock)
                {
                    if (inode.IsRemoved)
                        return;
                    if (contents.Move(inode, piece, bytes, out Slice? whole) && whole is { } result)
                        moved[(piece.ExtentOffset, piece.LengthBytes)] = (inode, result);
                }
            }
        }
    }

    /// <summary>
    /// Keeps two files sharing: maps the bytes to where the first owner has them now. Only while the first owner really has them there (both locked), because an
    /// extent that nobody refers to any more must never come back to life.
    /// </summary>
    private bool Share(Inode inode, in Slice piece, Inode owner, in Slice target)
    {
        (Inode first, Inode second) = inode.Number.Value <= owner.Number.Value ? (inode, owner) : (owner, inode);
        using (gate.EnterShared())
        {
            lock (first.Lock)
            {
                lock (second.Lock)
                {
                    if (inode.IsRemoved || owner.IsRemoved || !contents.Repoint(inode, piece, owner, target))
                        return false;
                    NoteShared(inode.Number, target with { FileOffset = piece.FileOffset });
                    return true;
                }
            }
        }
    }

    private void NoteShared(InodeNumber owner, in Slice slice)
    {
        Span<byte> key = stackalloc byte[SharedFormat.KeyBytes];
        Span<byte> value = stackalloc byte[SharedFormat.ValueBytes];
        SharedFormat.Write(key, value, owner, slice);
        tree.Put(key, value);
    }

    private List<Origin> Owners(ExtentRecord record)
    {
        byte[] directory = new byte[record.LengthBytes - record.DirectoryOffset];
        if (!contents.TryReadExtent(record.Id, record.DirectoryOffset, directory))
            return [];
        List<Origin> owners = OriginFormat.Read(record.Id, directory, record.DirectoryOffset);
        Span<byte> prefix = stackalloc byte[SharedFormat.PrefixBytes];
        SharedFormat.WritePrefix(prefix, record.Id);
        var state = new SharedState(record.Id, owners);
        tree.Scan(prefix, ref state, static (ref SharedState s, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
        {
            if (!SharedFormat.IsKeyOf(key, s.Extent))
                return false;
            s.Owners.Add(SharedFormat.Read(key, value));
            return true;
        });
        return owners;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "compaction left extent {Extent} as it is: {Reason}")]
    private static partial void LogSkipped(ILogger log, ExtentId extent, string reason);

    private readonly record struct SharedState(ExtentId Extent, List<Origin> Owners);
}
