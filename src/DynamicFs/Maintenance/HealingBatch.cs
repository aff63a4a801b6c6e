using System.Numerics;
using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Primitives;

namespace DynamicFs.Maintenance;

/// <summary>What became of one extent.</summary>
internal enum HealOutcome
{
    /// <summary>All fragments are where they belong.</summary>
    Healthy,

    /// <summary>What was missing or bad is written anew.</summary>
    Repaired,

    /// <summary>Readable, but something is still missing: no disk to take it, or one that failed.</summary>
    StillDegraded,

    /// <summary>Cannot be read right any more.</summary>
    Lost,

    /// <summary>Deleted meanwhile.</summary>
    Gone,

    /// <summary>Somebody else works on it.</summary>
    Held,
}

/// <param name="Problem">Why it is not repaired; null when it is.</param>
internal readonly record struct HealResult(ExtentId Extent, HealOutcome Outcome, int WrittenCount, long WrittenBytes, string? Problem);

/// <summary>
/// Restores fragments of several extents and makes the new places known together, so that the directories of a disk are synced once for all. Holds each extent from
/// the look at its record until the commit that publishes it. One thread; it lets the crew work on several extents at once.
/// </summary>
internal sealed class HealingBatch(MaintenanceParts parts)
{
    /// <summary>Protects what is restored, and how much that was; a leaf lock.</summary>
    private readonly Lock _lock = new();
    private readonly List<RestoredExtent> _restored = [];

    private readonly List<HealResult> _results = [];

    /// <summary>Extents in the batch that cannot be read as a whole, and why: what is left of them is moved as it is.</summary>
    private readonly Dictionary<ExtentId, string> _carried = [];

    public int Count => _restored.Count;

    /// <summary>Bytes read since the last <see cref="Finish"/>, also for extents that nothing could be written of.</summary>
    public long Bytes { get; private set; }

    /// <summary>
    /// Restores what <paramref name="judge"/> (called on any thread) says of the newest record of each extent: the fragments to write, and those among them that hold nothing of use.
    /// Several extents at the same time; the results in their order. The result of an extent that was written to comes with <see cref="Finish"/> (null here), any other at once.
    /// </summary>
    public HealResult?[] Add(IReadOnlyList<ExtentId> extents, Func<ExtentRecord, (uint Wanted, uint Absent)> judge)
    {
        var results = new HealResult?[extents.Count];
        parts.Crew.Run(extents.Count, index => results[index] = Hold(extents[index], record =>
        {
            (uint wanted, uint absent) = judge(record);
            return wanted == 0 ? null : parts.Extents.Restore(record, wanted, absent);
        }));
        return results;
    }

    /// <summary>Moves good fragments of an extent to other disks, as <paramref name="judge"/> says of its newest record.</summary>
    public HealResult? Move(ExtentId extent, Func<ExtentRecord, IReadOnlyList<FragmentMove>> judge) => Hold(extent, record =>
    {
        IReadOnlyList<FragmentMove> moves = judge(record);
        return moves.Count == 0 ? null : parts.Extents.Move(record, moves);
    });

    /// <summary>Moves what is left of an extent that is lost, for the reason in <paramref name="lost"/>, off disks that are to be left; it stays lost.</summary>
    public HealResult? Carry(in HealResult lost, Func<ExtentRecord, uint> leaving)
    {
        string problem = lost.Problem ?? "it cannot be read";
        HealResult? result = Hold(lost.Extent, record => leaving(record) is var mask && mask == 0 ? null : parts.Extents.Carry(record, mask));
        if (result is null)
            _carried[lost.Extent] = problem;
        return result switch
        {
            null => null,
            { Outcome: HealOutcome.Healthy } => lost,
            { Outcome: HealOutcome.StillDegraded } stays => lost with { Problem = $"{problem}; it cannot leave its disk: {stays.Problem}" },
            _ => result,
        };
    }

    private HealResult? Hold(ExtentId extent, Func<ExtentRecord, RestoredExtent?> work)
    {
        if (!parts.Moves.TryHold(extent))
            return Result(extent, HealOutcome.Held);
        bool isKept = false;
        try
        {
            if (parts.Catalog.Find(extent) is not { } record || parts.Catalog.LiveBytes(extent) == 0)
                return Result(extent, HealOutcome.Gone);
            if (work(record) is not { } restored)
                return Result(extent, HealOutcome.Healthy);
            lock (_lock)
            {
                Bytes += record.LengthBytes;
                if (restored.Written == 0 && !restored.ChangesRecord)
                    return Result(extent, HealOutcome.StillDegraded, restored.Problem);
                _restored.Add(restored);
            }

            isKept = true;
            return null;
        }
        catch (PoolException e)
        {
            return Result(extent, e.Id == ErrorId.DataLost ? HealOutcome.Lost : HealOutcome.StillDegraded, e.Message);
        }
        catch (CorruptionException e)
        {
            return Result(extent, HealOutcome.Lost, e.Message);
        }
        catch (DiskException e)
        {
            return Result(extent, HealOutcome.StillDegraded, e.Message);
        }
        finally
        {
            if (!isKept)
                parts.Moves.Release(extent);
        }
    }

    /// <summary>Makes the names of all new fragments durable and hands the new places to the next commit.</summary>
    public IReadOnlyList<HealResult> Finish()
    {
        _results.Clear();
        Bytes = 0;
        if (_restored.Count == 0)
            return _results;
        KillPoint.Reach("rebuild-before-sync");
        foreach (RestoredExtent restored in Canary.Is("rebuilt-before-durable") ? _restored : parts.Extents.SyncRestored(_restored))
        {
            ExtentId extent = restored.Before.Id;
            bool isLost = _carried.TryGetValue(extent, out string? lost);
            HealOutcome outcome = isLost ? HealOutcome.Lost : restored.Problem is null ? HealOutcome.Repaired : HealOutcome.StillDegraded;
            long bytes = (long)restored.WrittenCount * new ExtentLayout(restored.After.Scheme, restored.After.LengthBytes).FragmentBytes;
            _results.Add(new HealResult(extent, outcome, restored.WrittenCount, bytes, isLost ? $"{lost}; what is left of it was moved" : restored.Problem));
            if (restored.ChangesRecord)
                parts.Moves.Propose(restored);
            else
                parts.Moves.Release(extent);
        }

        KillPoint.Reach("rebuild-before-publish");
        _restored.Clear();
        _carried.Clear();
        return _results;
    }

    private static HealResult Result(ExtentId extent, HealOutcome outcome, string? problem = null) => new(extent, outcome, 0, 0, problem);
}
