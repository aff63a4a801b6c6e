using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Maintenance;

/// <summary>What one disk's copy of the audit log is worth.</summary>
/// <param name="Disk">The disk.</param>
/// <param name="ValidLines">Lines from the start that are right.</param>
/// <param name="Problem">What is wrong with the next one; null when there is none.</param>
/// <param name="IsBehind">Another disk has more lines: this one was away.</param>
internal sealed record AuditCopy(string Disk, long ValidLines, string? Problem, bool IsBehind);

/// <summary>
/// The append-only log of what maintenance did to stored data: one copy on each metadata disk, lines chained by their hashes. A copy that fell behind (its disk was
/// away, or a line was torn by a crash) is completed from the longest valid one; a copy that contradicts it is left as it is. Thread-safe.
/// </summary>
internal sealed class AuditLog(IReadOnlyList<MemberDisk> members, Func<IReadOnlyList<int>> metadataDisks, TimeProvider time)
{
    private const int MaxBytes = 256 << 20;

    private readonly Lock _lock = new();
    private long _lineCount;
    private string _lastHash = AuditFormat.FirstPrevious;
    private long _lengthBytes;
    private bool _isLoaded;

    /// <summary>Appends and syncs. A disk that fails is told so and passed over.</summary>
    public void Append(IReadOnlyCollection<AuditEntry> entries)
    {
        if (entries.Count == 0)
            return;
        lock (_lock)
        {
            if (!_isLoaded)
                Load();
            using var lines = new MemoryStream();
            foreach (AuditEntry entry in entries)
            {
                (byte[] line, _lastHash) = AuditFormat.Write(++_lineCount, time.GetUtcNow(), entry, _lastHash);
                lines.Write(line);
            }

            byte[] bytes = lines.ToArray();
            foreach (MemberDisk member in Targets())
                Write(member, bytes, _lengthBytes);
            _lengthBytes += bytes.Length;
        }
    }

    /// <summary>Reads every copy.</summary>
    public IReadOnlyList<AuditCopy> Verify()
    {
        lock (_lock)
        {
            List<(MemberDisk Member, byte[] Bytes, Chain Chain)> copies = ReadAll();
            long longest = copies.Count == 0 ? 0 : copies.Max(copy => copy.Chain.Lines);
            return [.. copies.Select(copy => new AuditCopy(copy.Member.Name, copy.Chain.Lines, copy.Chain.Problem, copy.Chain.Lines < longest))];
        }
    }

    private IEnumerable<MemberDisk> Targets() => metadataDisks().Select(index => members[index]).Where(member => member.IsWritable);

    private void Load()
    {
        List<(MemberDisk Member, byte[] Bytes, Chain Chain)> copies = ReadAll();
        (MemberDisk? _, byte[] best, Chain chain) = copies.Count == 0 ? (null, [], Chain.Empty) : copies.MaxBy(copy => copy.Chain.Lines);
        (_lineCount, _lastHash, _lengthBytes, _isLoaded) = (chain.Lines, chain.LastHash, chain.ValidBytes, true);
        foreach (MemberDisk member in Targets())
        {
            (MemberDisk? _, byte[] bytes, Chain own) = copies.FirstOrDefault(copy => copy.Member == member);
            bool isPrefix = bytes is null || best.AsSpan(0, (int)chain.ValidBytes).StartsWith(bytes.AsSpan(0, (int)own.ValidBytes));
            long from = bytes is null ? 0 : own.ValidBytes;
            if (isPrefix && from < chain.ValidBytes)
                Write(member, best.AsSpan((int)from, (int)(chain.ValidBytes - from)), from);
        }
    }

    private List<(MemberDisk Member, byte[] Bytes, Chain Chain)> ReadAll()
    {
        var copies = new List<(MemberDisk Member, byte[] Bytes, Chain Chain)>();
        foreach (MemberDisk member in members)
        {
            if (!member.IsReadable)
                continue;
            try
            {
                using IDiskFile file = member.Disk!.Open(DiskLayout.Audit, DiskOpenMode.Read);
                byte[] bytes = new byte[(int)Math.Min(file.LengthBytes, MaxBytes)];
                int read = file.Read(0, bytes);
                copies.Add((member, bytes[..read], Chain.Of(bytes.AsSpan(0, read))));
            }
            catch (DiskException e)
            {
                if (e.Errno != Errno.ENOENT)
                    member.ReportFailure(e, isWrite: false);
            }
        }

        return copies;
    }

    private static void Write(MemberDisk member, ReadOnlySpan<byte> bytes, long at)
    {
        try
        {
            using IDiskFile file = member.Disk!.Open(DiskLayout.Audit, DiskOpenMode.OpenOrCreate);

            // A torn line of an earlier crash goes; a copy that went on differently stays as it is.
            if (file.LengthBytes < at || HoldsMore(file, at))
                return;
            file.SetLength(at);
            file.Write(at, bytes);
            file.Sync();
            if (at == 0)
                member.Disk.SyncDirectory("");
        }
        catch (DiskException e)
        {
            member.ReportFailure(e, isWrite: true);
        }
    }

    /// <summary>Whether a whole line lies behind <paramref name="at"/>: then this is not a torn end.</summary>
    private static bool HoldsMore(IDiskFile file, long at)
    {
        byte[] rest = new byte[(int)Math.Min(file.LengthBytes - at, 1 << 16)];
        int read = file.Read(at, rest);
        return rest.AsSpan(0, read).Contains((byte)'\n');
    }

    /// <summary>The valid lines from the start.</summary>
    private sealed record Chain(long Lines, long ValidBytes, string LastHash, string? Problem)
    {
        public static readonly Chain Empty = new(0, 0, AuditFormat.FirstPrevious, null);

        public static Chain Of(ReadOnlySpan<byte> bytes)
        {
            Chain chain = Empty;
            int at = 0;
            while (at < bytes.Length)
            {
                int end = bytes[at..].IndexOf((byte)'\n');
                if (end < 0)
                    return chain with { Problem = $"line {chain.Lines + 1} has no end: a crash tore it" };
                if (AuditFormat.Problem(bytes.Slice(at, end), chain.Lines + 1, chain.LastHash, out string hash) is { } problem)
                    return chain with { Problem = $"line {chain.Lines + 1}: {problem}" };
                at += end + 1;
                chain = new Chain(chain.Lines + 1, at, hash, null);
            }

            return chain;
        }
    }
}
