using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>
/// Writes fragments of an extent anew from the others: for those that are missing or bad, and for those that have to leave their disk. Thread-safe; one
/// restore per extent at a time (the caller holds the extent).
/// <list type="bullet">
/// <item>What is written is computed from verified bytes, and every header must come out as the extent record says: a decoded fragment that is not what
/// was once written is never put in place.</item>
/// <item>Good fragments that are not wanted are not touched. A bad file is replaced by one rename, so that its good blocks are there until the moment
/// the whole new fragment is.</item>
/// <item>A fragment goes back to its disk when that is HEALTHY, else to a HEALTHY disk that has none of this extent.</item>
/// </list>
/// </summary>
internal sealed class ExtentRestorer(
    PoolId pool, FragmentPipeline pipeline, MemberSet members, FreeSpace space, Placement placement, ScratchPool scratch, FragmentReader fragments, ExtentReader reader) : IDisposable
{
    /// <summary>Restores at the same time; each holds the bytes of one extent.</summary>
    private const int Concurrent = 4;

    private readonly BufferPool _buffers = new(ExtentStore.MaxExtentBytes, Concurrent);

    /// <summary>
    /// Restores the fragments whose bit is set in <paramref name="wanted"/>, and those whose content turns out not to belong to the data. Throws
    /// <see cref="PoolException"/> DataLost when the extent cannot be read, <see cref="CorruptionException"/> when its fragments contradict each other.
    /// </summary>
    /// <param name="record">The extent.</param>
    /// <param name="wanted">What is to be written.</param>
    /// <param name="absent">Those of them that are known to hold nothing of use; they are not even looked at.</param>
    public RestoredExtent Restore(ExtentRecord record, uint wanted, uint absent)
    {
        NativeBuffer data = _buffers.Rent();
        try
        {
            reader.Read(Without(record, absent), 0, data.Span[..record.LengthBytes]);
            using var encoded = new EncodedExtent(FragmentHeader.Of(pool, record, 0), data, scratch);
            wanted |= Alien(record, encoded);
            if (Canary.Is("rebuilt-from-reused-buffer"))
                data.Span[..record.LengthBytes].Clear();
            return Write(record, encoded, wanted);
        }
        finally
        {
            _buffers.Return(data);
        }
    }

    /// <summary>
    /// Puts good fragments onto other disks, which have none of this extent. One that fails stays where it is; nothing else is tried. Nothing is moved when a fragment is not what
    /// the data encodes to: that is for repair. Throws as <see cref="Restore"/> does.
    /// </summary>
    public RestoredExtent Move(ExtentRecord record, IReadOnlyList<FragmentMove> moves)
    {
        NativeBuffer data = _buffers.Rent();
        try
        {
            reader.Read(record, 0, data.Span[..record.LengthBytes]);
            using var encoded = new EncodedExtent(FragmentHeader.Of(pool, record, 0), data, scratch);
            uint wanted = 0;
            foreach (FragmentMove move in moves)
                wanted |= 1u << move.Index;
            return Alien(record, encoded) == 0
                ? Write(record, encoded, wanted, moves)
                : new RestoredExtent(record, record, wanted, 0, "a fragment is not what the data encodes to: 'dynfs scrub POOL --repair'");
        }
        finally
        {
            _buffers.Return(data);
        }
    }

    /// <summary>Whether every byte of the extent can be had.</summary>
    public bool IsReadable(ExtentRecord record)
    {
        NativeBuffer data = _buffers.Rent();
        try
        {
            reader.Read(record, 0, data.Span[..record.LengthBytes]);
            return true;
        }
        catch (PoolException e) when (e.Id == ErrorId.DataLost)
        {
            return false;
        }
        finally
        {
            _buffers.Return(data);
        }
    }

    public void Dispose() => _buffers.Dispose();

    private static ExtentRecord Without(ExtentRecord record, uint absent) => absent == 0
        ? record
        : record with { Fragments = [.. record.Fragments.Select((place, i) => (absent >> i & 1) != 0 ? FragmentPlace.None : place)] };

    /// <summary>
    /// Parity that is good by its own checksums but is not what the data encodes to. Data that is not what the record says was decoded with such parity, and of
    /// two different copies nobody knows which is right: then nothing is written.
    /// </summary>
    private static uint Alien(ExtentRecord record, EncodedExtent encoded)
    {
        uint alien = 0;
        for (int i = 0; i < record.Fragments.Length; i++)
        {
            if (!record.Fragments[i].IsPlaced || encoded.HeaderChecksum(i) == record.Fragments[i].HeaderChecksum)
                continue;
            if (i < record.Scheme.DataCount || record.Scheme.IsReplica)
            {
                throw new CorruptionException("(pool)", $"fragment {i} of extent {record.Id}, computed from the others", record.Fragments[i].HeaderChecksum.ToString(),
                    encoded.HeaderChecksum(i).ToString());
            }

            alien |= 1u << i;
        }

        return alien;
    }

    /// <param name="moves">Where to; null for where each belongs.</param>
    private RestoredExtent Write(ExtentRecord record, EncodedExtent encoded, uint wanted, IReadOnlyList<FragmentMove>? moves = null)
    {
        FragmentPlace[] places = [.. record.Fragments];
        HashSet<int> taken = [.. places.Where(place => place.IsPlaced).Select(place => (int)place.DiskIndex)];
        var problems = new List<string>();
        var writes = new List<FragmentWrite>();
        for (int i = 0; i < places.Length; i++)
        {
            if ((wanted >> i & 1) == 0)
                continue;
            MemberDisk? target = moves is not null ? Target(moves, i, encoded) : InPlace(places[i], encoded) ?? placement.Replace(taken, encoded.Layout.FragmentBytes);
            Add(writes, record, encoded, i, target, taken, problems);
        }

        uint written = 0;
        while (writes.Count > 0)
        {
            Run(Canary.Is("parity-not-rebuilt") ? writes.FindAll(write => write.Index < record.Scheme.DataCount) : writes, encoded);
            var again = new List<FragmentWrite>();
            foreach (FragmentWrite write in writes)
            {
                if (write.Failure is { } failure)
                {
                    problems.Add(failure.Message);
                    if (moves is not null)
                        continue;
                    Add(again, record, encoded, write.Index, placement.Replace(taken, encoded.Layout.FragmentBytes), taken, problems);
                    continue;
                }

                fragments.Forget(record, write.Index);
                places[write.Index] = new FragmentPlace((short)write.Member.Index, encoded.HeaderChecksum(write.Index));
                written |= 1u << write.Index;
            }

            writes = again;
        }

        ExtentRecord after = places.AsSpan().SequenceEqual(record.Fragments) ? record : record with { Fragments = places };
        for (int i = 0; i < places.Length; i++)
        {
            if ((written >> i & 1) != 0)
                fragments.Forget(after, i);
        }

        return new RestoredExtent(record, after, wanted, written, written == wanted ? null : string.Join("; ", problems));
    }

    private MemberDisk? InPlace(FragmentPlace place, EncodedExtent encoded)
    {
        if (!place.IsPlaced || members.Find(place.DiskIndex) is not { IsWritable: true } member)
            return null;
        space.Claim(member, encoded.Layout.FragmentBytes);
        return member;
    }

    private MemberDisk? Target(IReadOnlyList<FragmentMove> moves, int index, EncodedExtent encoded)
    {
        foreach (FragmentMove move in moves)
        {
            if (move.Index != index || !move.Target.IsWritable)
                continue;
            space.Claim(move.Target, encoded.Layout.FragmentBytes);
            return move.Target;
        }

        return null;
    }

    private void Add(List<FragmentWrite> writes, ExtentRecord record, EncodedExtent encoded, int index, MemberDisk? target, HashSet<int> taken, List<string> problems)
    {
        if (target is null)
        {
            problems.Add($"fragment {index}: no HEALTHY disk with room is left that has no fragment of this extent");
            return;
        }

        taken.Add(target.Index);
        writes.Add(new FragmentWrite(pipeline, encoded, record.Id, index, target) { Replaces = record.Fragments[index].DiskIndex == target.Index });
    }

    private void Run(List<FragmentWrite> writes, EncodedExtent encoded)
    {
        var group = new WorkGroup();
        foreach (FragmentWrite write in writes)
            group.Post(write.Member, write);
        try
        {
            group.Wait();
        }
        finally
        {
            foreach (FragmentWrite write in writes)
                space.Settle(write.Member, encoded.Layout.FragmentBytes, write.Failure is null);
        }

        foreach (FragmentWrite write in writes)
        {
            if (write.Failure is not { } failure)
                continue;
            if (failure.Errno is Errno.ENOSPC or Errno.EDQUOT)
                space.MarkFull(write.Member);

            // What somebody put into the place of a file says nothing about the disk.
            if (failure.Errno is not (Errno.EISDIR or Errno.ENOTDIR or Errno.EEXIST or Errno.ENOTEMPTY))
                write.Member.ReportFailure(failure, isWrite: true);
        }
    }
}
