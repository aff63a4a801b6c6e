using DynamicFs.Admin;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging.Abstractions;

namespace DynamicFs;

/// <summary>
/// Verifies a pool that is not mounted, from its newest root down: every page on every mirror, every reference of the namespace, every extent's account, every
/// block of every fragment, and that the journal on top can be replayed. Changes nothing. Bad copies that have good twins are DEGRADED; what
/// cannot be read right from any copy, or contradicts itself, is CORRUPT.
/// </summary>
public sealed class PoolFsck
{
    private const int MaxProblems = 1000;

    private readonly Pool _pool;
    private readonly List<FsckProblem> _problems = [];
    private readonly PoolFsckExtents _extents;
    private long _problemCount;
    private bool _isCorrupt;
    private bool _hasBadCopies;

    private PoolFsck(Pool pool)
    {
        _pool = pool;
        _extents = new PoolFsckExtents(pool.Extents, pool.Catalog, Corrupt, Lost, BadCopy);
    }

    /// <param name="opening">Which pool; it is opened for inspection whatever else is said.</param>
    /// <param name="registry">Where its disks are looked for.</param>
    /// <param name="readFragments">False leaves the fragments' data unread.</param>
    public static (FsckReport Report, ExitCode Code) Run(PoolOpening opening, PoolRegistry registry, bool readFragments)
    {
        using Pool pool = Pool.Open(opening with { InspectOnly = true, Degraded = true }, registry, NullLoggerFactory.Instance);
        return new PoolFsck(pool).Run(readFragments);
    }

    private (FsckReport Report, ExitCode Code) Run(bool readFragments)
    {
        RootRecord root = _pool.Metadata.Root;
        Guarded("metadata", () => _pool.Metadata.Verify(problem => BadCopy("metadata", "pages", problem)));
        Guarded("extent", () => _extents.ReadCatalog(root.Counters.NextExtent));
        var names = new PoolFsckNamespace(_pool.Metadata.Namespace, _extents.SliceEnds, root.Counters, (target, message) => Corrupt("namespace", target, message));
        Guarded("namespace", names.Run);
        if (!_isCorrupt)
            Guarded("accounting", () => _extents.CheckAccounts(names.LiveBytes, root.Counters.UsedBytes));
        Guarded("journal", CheckJournal);
        Guarded("fragment", () => _extents.CheckFragments(readFragments, index => _pool.Members[index].IsReadable));
        return Conclude(root, names);
    }

    private (FsckReport Report, ExitCode Code) Conclude(RootRecord root, PoolFsckNamespace names)
    {
        RedundancyCount count = _extents.Count;
        var counts = new FsckCounts(
            names.InodeCount, names.EntryCount, names.SliceCount, count.Extents, _extents.FragmentCount, _extents.GoodCount, _extents.MissingCount,
            _extents.CorruptCount, count.Full, count.Degraded, count.NoSpare, count.Lost, names.OrphanCount);
        (string state, string summary, string action, ExitCode code) = Judge(count);
        var report = new FsckReport(Schema.Version, _pool.Name, _pool.Id.Value, state, summary, action, root.Generation.Value, counts, _problems);
        return (report, code);
    }

    private (string State, string Summary, string Action, ExitCode Code) Judge(RedundancyCount count)
    {
        string missing = string.Join(", ", _pool.CurrentMembers.Where(m => !m.IsPresent).Select(m => m.Name));
        string restore = missing.Length > 0 ? $"bring back {missing} and run fsck again" : "copy what is needed off the pool; what was found is listed below";
        if (_isCorrupt)
            return ("CORRUPT", $"{_problemCount} problems, the metadata contradicts itself or cannot be read", restore, ExitCode.Corrupt);
        if (count.Lost > 0)
            return (Verdict.NameOf(PoolState.DataLoss), $"{count.Lost} of {count.Extents} extents are lost", restore, ExitCode.DataLost);
        if (count.NoSpare > 0)
            return (Verdict.NameOf(PoolState.AtRisk), $"{count.NoSpare} of {count.Extents} extents survive no further failure", restore, ExitCode.NoSpareRedundancy);
        if (missing.Length > 0 || count.Degraded > 0 || _hasBadCopies)
        {
            return (Verdict.NameOf(PoolState.Degraded), missing.Length > 0 ? $"everything is readable; missing: {missing}" : $"everything is readable; {_problemCount} bad copies have good twins",
                missing.Length > 0 ? restore : "replace the disk that the problems name if they return", ExitCode.Degraded);
        }

        return (Verdict.NameOf(PoolState.Ok), "every page, reference and fragment is good", "none", ExitCode.Done);
    }

    private void CheckJournal()
    {
        var extents = new JournalExtents();
        foreach (byte[] batch in _pool.Metadata.JournalBatches)
            JournalPayload.Replay(batch, extents);
        foreach (ExtentRecord record in extents.Records)
        {
            int good = _pool.Extents.Verify(record).Count(v => v == FragmentVerdict.Good);
            if (good < record.Scheme.DataCount)
                Corrupt("extent", $"extent {record.Id}", $"named by the journal, but only {good} good fragments of {record.Scheme} are left");
        }
    }

    private void Guarded(string kind, Action check)
    {
        try
        {
            check();
        }
        catch (Exception e) when (e is CorruptionException or PoolException or DiskException)
        {
            Corrupt(kind, "unreadable", e.Message);
        }
    }

    private void Corrupt(string kind, string target, string message)
    {
        _isCorrupt = true;
        Add(new FsckProblem(kind, target, message));
    }

    /// <summary>Lost data is counted by its extents; the metadata is right.</summary>
    private void Lost(string kind, string target, string message) => Add(new FsckProblem(kind, target, message));

    private void BadCopy(string kind, string target, string message)
    {
        _hasBadCopies = true;
        Add(new FsckProblem(kind, target, message));
    }

    private void Add(FsckProblem problem)
    {
        _problemCount++;
        if (_problems.Count < MaxProblems)
            _problems.Add(problem);
    }

    /// <summary>Collects the extents that journal batches name.</summary>
    private sealed class JournalExtents : IJournalTarget
    {
        public List<ExtentRecord> Records { get; } = [];

        public void Extent(ExtentRecord record) => Records.Add(record);

        public void Counters(ulong nextInode, ulong nextExtent)
        {
        }

        public void Account(ExtentId extent, long change)
        {
        }

        public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
        {
        }

        public void Delete(ReadOnlySpan<byte> key)
        {
        }

        public void Drop(InodeNumber inode, long from, long to)
        {
        }

        public void Data(InodeNumber inode, long offset, ReadOnlySpan<byte> bytes)
        {
        }
    }
}
