using System.Diagnostics.CodeAnalysis;
using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>
/// Writes extents: encodes, places, writes all fragments in parallel, gives the fragments of failed disks to others, and either returns a record
/// with at least min_write fragments in their places or leaves nothing behind on disks that still answer. Thread-safe.
/// </summary>
internal sealed class ExtentWriter(
    PoolId pool, MemberSet members, FragmentPipeline pipeline, FreeSpace space, Placement placement, ScratchPool scratch, FragmentReader reader)
{
    public ExtentRecord Write(ExtentId id, Generation birth, RedundancyScheme scheme, NativeBuffer data, int lengthBytes, int directoryOffset)
    {
        Invariant.Check(id != ExtentId.None && birth != Generation.None && scheme.IsValid, "an extent has an id, a generation and a valid scheme");
        Invariant.Check(lengthBytes is > 0 and <= ExtentStore.MaxExtentBytes && data.LengthBytes >= lengthBytes, "an extent fits its buffer");
        Invariant.Check(directoryOffset >= 0 && directoryOffset <= lengthBytes, "the origin directory lies in the extent");

        var header = new FragmentHeader(pool, id, birth, scheme, Index: 0, lengthBytes, directoryOffset);
        if (TryWrite(header, data, out ExtentRecord? record, out Attempt failed))
            return record;
        if (failed.Shortage == Shortage.TooFewWritable && !scheme.IsReplica)
        {
            if (TryWrite(header with { Scheme = scheme.AsReplica }, data, out record, out failed))
            {
                Interlocked.Increment(ref pipeline.Counters.FallenBack);
                return record;
            }
        }

        throw Failed(header, failed);
    }

    private bool TryWrite(FragmentHeader header, NativeBuffer data, [NotNullWhen(true)] out ExtentRecord? record, out Attempt attempt)
    {
        record = null;
        attempt = new Attempt();
        int fragmentBytes = header.Layout.FragmentBytes;
        MemberDisk?[]? places = placement.Choose(header.Extent, header.Scheme, fragmentBytes, out attempt.Shortage);
        if (places is null)
            return false;

        EncodedExtent encoded;
        try
        {
            encoded = new EncodedExtent(header, data, scratch);
        }
        catch
        {
            foreach (MemberDisk member in places.OfType<MemberDisk>())
                space.Settle(member, fragmentBytes, wasWritten: false);
            throw;
        }

        using (encoded)
        {
            WriteAll(encoded, header.Extent, places, attempt);
            record = Conclude(encoded, header, places, attempt);
        }

        return record is not null;
    }

    /// <summary>Rounds until every fragment is in its place or has no disk left to try.</summary>
    private void WriteAll(EncodedExtent encoded, ExtentId extent, MemberDisk?[] places, Attempt attempt)
    {
        List<FragmentWrite> writes = [];
        for (int i = 0; i < places.Length; i++)
        {
            if (places[i] is { } member)
                writes.Add(new FragmentWrite(pipeline, encoded, extent, i, member));
        }

        while (writes.Count > 0)
        {
            RunRound(writes, encoded.Layout.FragmentBytes, attempt);
            List<FragmentWrite> again = [];
            foreach (FragmentWrite write in writes.Where(write => write.Failure is not null))
            {
                MemberDisk? other = placement.Replace(attempt.TriedDisks, encoded.Layout.FragmentBytes);
                places[write.Index] = other;
                if (other is null)
                    continue;
                attempt.TriedDisks.Add(other.Index);
                Interlocked.Increment(ref pipeline.Counters.Rerouted);
                again.Add(new FragmentWrite(pipeline, encoded, extent, write.Index, other));
            }

            writes = again;
        }
    }

    private void RunRound(List<FragmentWrite> writes, int fragmentBytes, Attempt attempt)
    {
        var group = new WorkGroup();
        foreach (FragmentWrite write in writes)
        {
            attempt.TriedDisks.Add(write.Member.Index);
            group.Post(write.Member, write);
        }

        try
        {
            group.Wait();
        }
        finally
        {
            foreach (FragmentWrite write in writes)
                space.Settle(write.Member, fragmentBytes, write.Failure is null);
        }

        foreach (FragmentWrite write in writes.Where(write => write.Failure is not null))
        {
            DiskException failure = write.Failure!;
            attempt.Failures.Add(failure);
            if (failure.Errno is Errno.ENOSPC or Errno.EDQUOT)
                space.MarkFull(write.Member);
            write.Member.ReportFailure(failure, isWrite: true);
        }
    }

    /// <summary>The record, when enough is in place; else takes back what is.</summary>
    private ExtentRecord? Conclude(EncodedExtent encoded, FragmentHeader header, MemberDisk?[] places, Attempt attempt)
    {
        var fragments = new FragmentPlace[places.Length];
        for (int i = 0; i < places.Length; i++)
            fragments[i] = places[i] is { } member ? new FragmentPlace((short)member.Index, encoded.HeaderChecksum(i)) : FragmentPlace.None;
        var record = new ExtentRecord(
            header.Extent, header.Birth, header.Scheme, header.LengthBytes, header.DirectoryOffset, encoded.Layout.UnitBytes, fragments);

        int placedCount = fragments.Count(place => place.IsPlaced);
        bool isNarrow = placedCount < header.Scheme.Width;
        bool isForSpace = attempt.Failures.Exists(failure => failure.Errno is Errno.ENOSPC or Errno.EDQUOT);
        if ((placedCount < header.Scheme.MinWrite && !Canary.Is("min-write-ignored")) || (isNarrow && isForSpace))
        {
            attempt.Shortage = isForSpace ? Shortage.TooLittleSpace : Shortage.TooFewWritable;
            Unlink(record, keep: null);
            return null;
        }

        if (isNarrow)
            Interlocked.Increment(ref pipeline.Counters.Narrowed);
        for (int i = 0; i < fragments.Length; i++)
            reader.Forget(record, i);
        if (pipeline.Directories.Add(record) is { } earlier)
            Unlink(earlier, keep: record);
        return record;
    }

    /// <summary>Unlinks the fragment files of a record, all disks in parallel, except those that <paramref name="keep"/> names too.</summary>
    public void Unlink(ExtentRecord record, ExtentRecord? keep)
    {
        var group = new WorkGroup();
        for (int i = 0; i < record.Fragments.Length; i++)
        {
            FragmentPlace place = record.Fragments[i];
            reader.Forget(record, i);
            if (keep is not null && i < keep.Fragments.Length && keep.Fragments[i].DiskIndex == place.DiskIndex)
                continue;
            if (!place.IsPlaced || members.Find(place.DiskIndex) is not { IsReadable: true } member)
                continue;
            int index = i;
            group.Post(member, new ActionGroupWork(() => FragmentPipeline.Unlink(member, FragmentName.File(record.Id, index))));
        }

        group.Wait();
    }

    private PoolException Failed(FragmentHeader header, Attempt failed)
    {
        string extent = $"extent {header.Extent} ({header.Scheme}, {header.LengthBytes} bytes)";
        if (failed.Shortage == Shortage.TooLittleSpace)
        {
            return new PoolException(
                ErrorId.NoSpace,
                $"{extent} has no room: its fragments need {header.Layout.FragmentBytes} bytes on {header.Scheme.Width} different disks above the reserve; nothing was written. "
                + "Delete files or add a disk; 'dynfs status' shows the space of each disk",
                failed.Failures.Count > 0 ? failed.Failures[^1] : null);
        }

        int writable = members.All.Count(member => member.IsWritable);
        string reasons = failed.Failures.Count == 0 ? "" : $" ({string.Join("; ", failed.Failures.Select(failure => failure.Message))})";
        return new PoolException(
            ErrorId.MinWrite,
            $"{extent} was not written: it needs {header.Scheme.MinWrite} healthy disks, {writable} of {members.All.Count} are writable{reasons}; nothing was left behind. "
            + "'dynfs status' shows why disks are not healthy",
            failed.Failures.Count > 0 ? failed.Failures[^1] : null);
    }

    /// <summary>What happened to one try of one scheme.</summary>
    private sealed class Attempt
    {
        public readonly HashSet<int> TriedDisks = [];
        public readonly List<DiskException> Failures = [];
        public Shortage Shortage;
    }
}
