using DynamicFs.Disks;
using DynamicFs.Interop;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>
/// Takes fragments of an extent that cannot be read as a whole to other disks, each as it is: what is good in them stays good by the checksums that they carry, what is bad stays
/// bad, so the same range is an error afterwards as before. A piece that the disk does not give becomes zeros, which no checksum vouches for unless they are right. Nothing is decoded and nothing is judged.
/// </summary>
/// <remarks>The caller holds the extent. The names are durable only after <see cref="ExtentStore.SyncRestored"/>.</remarks>
internal sealed class FragmentCarrier(FragmentPipeline pipeline, MemberSet members, FreeSpace space, Placement placement, FragmentReader fragments)
{
    private const int PieceBytes = 64 << 10;
    private const int SectorBytes = 4096;

    /// <summary>A file that is not there has nothing to take along: its place is given up. One without a disk to go to stays, and <see cref="RestoredExtent.Problem"/> says so.</summary>
    public RestoredExtent Carry(ExtentRecord record, uint leaving)
    {
        FragmentPlace[] places = [.. record.Fragments];
        HashSet<int> taken = [.. places.Where(place => place.IsPlaced).Select(place => (int)place.DiskIndex)];
        var problems = new List<string>();
        (uint written, bool hasChanged) = (0, false);
        for (int i = 0; i < places.Length; i++)
        {
            if ((leaving >> i & 1) == 0 || members.Readable(places[i], out _) is not { } source)
                continue;
            fragments.Forget(record, i);
            if (IsGone(source, record.Id, i))
            {
                (places[i], hasChanged) = (FragmentPlace.None, true);
                continue;
            }

            if (Carry(record, i, source, taken, problems) is not { } target)
                continue;
            places[i] = places[i] with { DiskIndex = (short)target.Index };
            (written, hasChanged) = (written | 1u << i, true);
        }

        ExtentRecord after = hasChanged ? record with { Fragments = places } : record;
        return new RestoredExtent(record, after, leaving, written, problems.Count == 0 ? null : string.Join("; ", problems));
    }

    private MemberDisk? Carry(ExtentRecord record, int index, MemberDisk source, HashSet<int> taken, List<string> problems)
    {
        try
        {
            using IDiskFile from = pipeline.Files.Open(source, FragmentName.File(record.Id, index), DiskOpenMode.Read);
            return CarryTo(record, index, source, from, taken, problems);
        }
        catch (DiskException e)
        {
            source.ReportFailure(e, isWrite: false);
            problems.Add(e.Message);
            return null;
        }
    }

    private MemberDisk? CarryTo(ExtentRecord record, int index, MemberDisk source, IDiskFile from, HashSet<int> taken, List<string> problems)
    {
        int length = new ExtentLayout(record.Scheme, record.LengthBytes).FragmentBytes;
        while (placement.Replace(taken, length) is { } target)
        {
            taken.Add(target.Index);
            bool wasWritten = false;
            try
            {
                Copy(source, from, target, record.Id, index, length);
                wasWritten = true;
                return target;
            }
            catch (DiskException e)
            {
                problems.Add(e.Message);
                if (e.Errno is Errno.ENOSPC or Errno.EDQUOT)
                    space.MarkFull(target);
                target.ReportFailure(e, isWrite: true);
                FragmentPipeline.Unlink(target, FragmentName.Temporary(record.Id, index));
            }
            finally
            {
                space.Settle(target, length, wasWritten);
            }
        }

        problems.Add($"fragment {index}: no HEALTHY disk with room is left that has no fragment of this extent");
        return null;
    }

    /// <summary>Temporary name, write, sync, read back and compare, rename, as every fragment is written.</summary>
    private void Copy(MemberDisk source, IDiskFile from, MemberDisk target, ExtentId extent, int index, int length)
    {
        string temporary = FragmentName.Temporary(extent, index);
        using (IDiskFile to = pipeline.Create(target, temporary))
        {
            byte[] piece = new byte[PieceBytes];
            var sums = new List<Checksum>();
            for (int at = 0; at < length; at += PieceBytes)
            {
                Span<byte> part = piece.AsSpan(0, Math.Min(PieceBytes, length - at));
                Read(source, from, at, part);
                to.Write(at, part);
                sums.Add(Blake3.Hash(part));
            }

            to.Sync();
            for (int at = 0; at < length; at += PieceBytes)
            {
                Span<byte> part = piece.AsSpan(0, Math.Min(PieceBytes, length - at));
                if (to.Read(at, part) != part.Length || Blake3.Hash(part) != sums[at / PieceBytes])
                    throw new DiskException(target.Name, $"read back {temporary}: other bytes than were written near {at}", Errno.EIO);
            }
        }

        pipeline.Directories.EnsureGroup(target, FragmentName.GroupOf(extent));
        KillPoint.Reach("fragment-before-rename");
        target.Disk!.Rename(temporary, FragmentName.File(extent, index));
        KillPoint.Reach("fragment-after-rename");
    }

    /// <summary>A piece that cannot be read at once is read sector by sector, so that only what is bad is lost.</summary>
    private static void Read(MemberDisk source, IDiskFile from, int at, Span<byte> piece)
    {
        if (TryRead(source, from, at, piece))
            return;
        for (int sector = 0; sector < piece.Length; sector += SectorBytes)
            TryRead(source, from, at + sector, piece.Slice(sector, Math.Min(SectorBytes, piece.Length - sector)));
    }

    /// <summary>What lies behind the end of a file that is too short, or cannot be read, is zeros.</summary>
    private static bool TryRead(MemberDisk source, IDiskFile from, int at, Span<byte> piece)
    {
        piece.Clear();
        try
        {
            from.Read(at, piece);
            return true;
        }
        catch (DiskException e) when (e.Errno != Errno.ECANCELED)
        {
            piece.Clear();
            source.ReportFailure(e, isWrite: false);
            return false;
        }
    }

    private static bool IsGone(MemberDisk source, ExtentId extent, int index)
    {
        try
        {
            using IDiskFile file = source.Disk!.Open(FragmentName.File(extent, index), DiskOpenMode.Read);
            return false;
        }
        catch (DiskException e)
        {
            return e.Errno is Errno.ENOENT or Errno.ENOTDIR or Errno.EISDIR or Errno.ELOOP or Errno.EINVAL;
        }
    }
}
