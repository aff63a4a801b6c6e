using System.Runtime.CompilerServices;
using DynamicFs.Disks;
using DynamicFs.Interop;
using DynamicFs.Primitives;
using TableLease = DynamicFs.Extents.LeaseCache<DynamicFs.Primitives.Checksum, DynamicFs.Extents.BlockTable>.Lease;

namespace DynamicFs.Extents;

/// <summary>
/// Reads blocks of one fragment and says which of them are good. The only way from a fragment file to a caller: no block is called good whose
/// checksum is not vouched for by the extent record. Damage is told to the disk and to <paramref name="onDamage"/>. Thread-safe.
/// </summary>
internal sealed unsafe class FragmentReader(
    PoolId pool, MemberSet members, FragmentFiles files, BlockTables tables, ExtentCounters counters, Action<ExtentId, int, FragmentDamage> onDamage)
{
    /// <summary>
    /// Reads consecutive blocks from <paramref name="firstBlock"/> on into <paramref name="pieces"/>, each of which takes whole blocks, and adds
    /// the good ones to <paramref name="good"/>. What is not good may hold anything. Returns why the fragment as a whole is of no use, or
    /// Blocks when some blocks are bad, or None.
    /// </summary>
    public FragmentDamageKind Read(ExtentRecord record, in ExtentLayout layout, int index, int firstBlock, ReadOnlySpan<IoVector> pieces, ref BlockSet good)
    {
        MemberDisk? member = members.Readable(record.Fragments[index], out FragmentDamageKind reason);
        if (member is null)
            return reason;
        FragmentKey key = FragmentKey.Of(record, index);
        try
        {
            using LeaseCache<FragmentKey, IDiskFile>.Lease file = files.Lease(member, key);
            using TableLease table = LeaseTable(record, layout, index, member, file.Value);
            if (table.IsEmpty)
                return FragmentDamageKind.Header;
            int read = file.Value.Read(layout.HeaderBytes + ((long)firstBlock * ExtentLayout.BlockBytes), pieces);
            int bad = MarkGood(layout, table.Value, firstBlock, pieces, read, ref good);
            if (bad < 0)
                return FragmentDamageKind.None;
            bool isShort = read < SizeOf(pieces);
            ReportBad(record, index, member, FragmentDamageKind.Blocks, $"block {bad} with its checksum", isShort ? $"the file ends after {read} bytes" : "other bytes");
            return FragmentDamageKind.Blocks;
        }
        catch (DiskException e)
        {
            return ReportFailure(record, index, member, e);
        }
    }

    /// <summary>Reads the header and block table alone, from the disk. Bad ones are not reported; a call that fails is, to the disk.</summary>
    [SkipLocalsInit]
    public FragmentDamageKind LookAtHeader(ExtentRecord record, in ExtentLayout layout, int index)
    {
        MemberDisk? member = members.Readable(record.Fragments[index], out FragmentDamageKind reason);
        if (member is null)
            return reason;
        Forget(record, index);
        try
        {
            using LeaseCache<FragmentKey, IDiskFile>.Lease file = files.Lease(member, FragmentKey.Of(record, index));
            Span<byte> header = stackalloc byte[FragmentFormat.MaxHeaderBytes];
            header = header[..layout.HeaderBytes];
            int read = file.Value.Read(0, header);
            bool isWhole = file.Value.LengthBytes >= layout.FragmentBytes;
            return isWhole && HeaderProblem(record, index, header[..read]) is null ? FragmentDamageKind.None : FragmentDamageKind.Header;
        }
        catch (DiskException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            return FragmentDamageKind.Missing;
        }
        catch (DiskException e) when (e.Errno is Errno.ELOOP or Errno.EINVAL or Errno.EISDIR)
        {
            return FragmentDamageKind.Header;
        }
        catch (DiskException e)
        {
            member.ReportFailure(e, isWrite: false);
            return FragmentDamageKind.Unreadable;
        }
    }

    /// <summary>The checksum that a block should have, in words for a report.</summary>
    public string ExpectedBlock(ExtentRecord record, in ExtentLayout layout, int index, int block)
    {
        if (members.Readable(record.Fragments[index], out _) is not { } member)
            return "?";
        try
        {
            using LeaseCache<FragmentKey, IDiskFile>.Lease file = files.Lease(member, FragmentKey.Of(record, index));
            using TableLease table = LeaseTable(record, layout, index, member, file.Value);
            return table.IsEmpty ? "?" : table.Value[block].ToString();
        }
        catch (DiskException)
        {
            return "?";
        }
    }

    /// <summary>What is found in the place of a fragment's header, in words for a report.</summary>
    [SkipLocalsInit]
    public string Describe(ExtentRecord record, in ExtentLayout layout, int index)
    {
        if (members.Readable(record.Fragments[index], out FragmentDamageKind reason) is not { } member)
            return reason == FragmentDamageKind.Unplaced ? "never placed" : "its disk is away";
        try
        {
            using IDiskFile file = files.Open(member, FragmentName.File(record.Id, index), DiskOpenMode.Read);
            Span<byte> header = stackalloc byte[FragmentFormat.MaxHeaderBytes];
            header = header[..layout.HeaderBytes];
            int read = file.Read(0, header);
            return HeaderProblem(record, index, header[..read]) ?? $"{file.LengthBytes} of {layout.FragmentBytes} bytes";
        }
        catch (DiskException e)
        {
            return e.Errno == Errno.ENOENT ? "no such file" : e.Errno.ToString();
        }
    }

    /// <summary>Hints that these blocks are read next, so that several disks can start at once. Failures show when they are read.</summary>
    public void Expect(ExtentRecord record, in ExtentLayout layout, int index, int firstBlock, int endBlock)
    {
        MemberDisk? member = members.Readable(record.Fragments[index], out _);
        if (member is null)
            return;
        try
        {
            using LeaseCache<FragmentKey, IDiskFile>.Lease file = files.Lease(member, FragmentKey.Of(record, index));
            long start = firstBlock == 0 ? 0 : layout.HeaderBytes + ((long)firstBlock * ExtentLayout.BlockBytes);
            long end = layout.HeaderBytes + Math.Min((long)endBlock * ExtentLayout.BlockBytes, layout.PayloadBytes);
            file.Value.Advise(start, end - start, DiskAdvice.WillNeed);
        }
        catch (DiskException)
        {
        }
    }

    /// <summary>Drops what is cached of a fragment: here and, as far as the disk can, in the page cache. The next read goes to the medium.</summary>
    public void Refresh(ExtentRecord record, in ExtentLayout layout, int index)
    {
        Forget(record, index);
        Drop(record, layout, index);
    }

    /// <summary>The page cache has something better to keep than this fragment.</summary>
    public void Drop(ExtentRecord record, in ExtentLayout layout, int index)
    {
        MemberDisk? member = members.Readable(record.Fragments[index], out _);
        if (member is null)
            return;
        try
        {
            using LeaseCache<FragmentKey, IDiskFile>.Lease file = files.Lease(member, FragmentKey.Of(record, index));
            file.Value.Advise(0, layout.FragmentBytes, DiskAdvice.DoNotNeed);
        }
        catch (DiskException)
        {
        }
    }

    public void Forget(ExtentRecord record, int index)
    {
        files.Forget(FragmentKey.Of(record, index));
        tables.Forget(record.Fragments[index].HeaderChecksum);
    }

    private TableLease LeaseTable(ExtentRecord record, in ExtentLayout layout, int index, MemberDisk member, IDiskFile file)
    {
        TableLease lease = tables.TryLease(record.Fragments[index].HeaderChecksum);
        return lease.IsEmpty ? LoadTable(record, layout, index, member, file) : lease;
    }

    [SkipLocalsInit]
    private TableLease LoadTable(ExtentRecord record, in ExtentLayout layout, int index, MemberDisk member, IDiskFile file)
    {
        Span<byte> header = stackalloc byte[FragmentFormat.MaxHeaderBytes];
        header = header[..layout.HeaderBytes];
        int read = file.Read(0, header);
        string? problem = HeaderProblem(record, index, header[..read]);
        if (problem is not null)
        {
            ReportBad(record, index, member, FragmentDamageKind.Header, "the header that the extent record names", problem);
            return default;
        }

        ReadOnlySpan<byte> table = header.Slice(FragmentFormat.TableAt, layout.BlockCount * Checksum.Size);
        return tables.Add(record.Fragments[index].HeaderChecksum, new BlockTable(table));
    }

    private string? HeaderProblem(ExtentRecord record, int index, ReadOnlySpan<byte> header)
    {
        if (!FragmentFormat.TryParse(header, out FragmentHeader found, out Checksum checksum, out string? problem))
            return problem;
        if (Canary.Is("fragment-header-not-verified"))
            return null;
        if (found.Pool != pool)
            return $"a fragment of pool {found.Pool}";
        if (found != FragmentHeader.Of(pool, record, index))
            return $"fragment {found.Index} of extent {found.Extent}, {found.Scheme}, {found.LengthBytes} bytes, generation {found.Birth}";
        return checksum == record.Fragments[index].HeaderChecksum ? null : $"header checksum {checksum}";
    }

    /// <summary>Returns the first block that is not good, -1 when all are.</summary>
    private static int MarkGood(in ExtentLayout layout, BlockTable table, int block, ReadOnlySpan<IoVector> pieces, int readBytes, ref BlockSet good)
    {
        int firstBad = -1;
        foreach (ref readonly IoVector piece in pieces)
        {
            for (int at = 0; at < piece.LengthBytes; block++)
            {
                int length = layout.BlockLength(block);
                readBytes -= length;
                if (readBytes >= 0 && (Blake3.Hash(piece.Pointer + at, length) == table[block] || Canary.Is("block-checksum-not-verified")))
                    good.Add(block);
                else if (firstBad < 0)
                    firstBad = block;
                at += length;
            }
        }

        return firstBad;
    }

    private static int SizeOf(ReadOnlySpan<IoVector> pieces)
    {
        int sum = 0;
        foreach (ref readonly IoVector piece in pieces)
            sum += piece.LengthBytes;
        return sum;
    }

    private FragmentDamageKind ReportFailure(ExtentRecord record, int index, MemberDisk member, DiskException failure)
    {
        // These say something about the file, not about the disk.
        if (failure.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            ReportBad(record, index, member, FragmentDamageKind.Missing, "a fragment file", failure.Errno.ToString());
            return FragmentDamageKind.Missing;
        }

        if (failure.Errno is Errno.ELOOP or Errno.EINVAL or Errno.EISDIR)
        {
            ReportBad(record, index, member, FragmentDamageKind.Header, "a regular file", failure.Errno.ToString());
            return FragmentDamageKind.Header;
        }

        // It was not worth waiting for, or nobody waits for that disk any more: its fragments are as good as before.
        if (failure.Errno == Errno.ECANCELED)
            return FragmentDamageKind.Unreadable;
        member.ReportFailure(failure, isWrite: false);
        Raise(record, index, new FragmentDamage(FragmentDamageKind.Unreadable, member.Name, failure.Message));
        return FragmentDamageKind.Unreadable;
    }

    private void ReportBad(ExtentRecord record, int index, MemberDisk member, FragmentDamageKind kind, string expected, string found)
    {
        var corruption = new CorruptionException(member.Name, FragmentName.File(record.Id, index), expected, found);
        member.ReportCorruption(corruption);
        Raise(record, index, new FragmentDamage(kind, member.Name, corruption.Message));
    }

    /// <summary>What was cached may be the reason, for example a file that was replaced meanwhile: the next read starts anew.</summary>
    private void Raise(ExtentRecord record, int index, FragmentDamage damage)
    {
        Forget(record, index);
        Interlocked.Increment(ref counters.Damaged);
        onDamage(record.Id, index, damage);
    }
}
