using System.Numerics;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging;

namespace DynamicFs.Maintenance;

/// <summary>
/// Gives extents back the fragments that they lack. One pass scans the pool tree and the names on the disks, then restores what it found, that which can lose
/// least first. A pass starts when the pool is opened, when the state of a disk changes, and on request; it needs no memory of earlier ones, because
/// what was restored lacks nothing any more. Where it is, it notes all the same: after a crash the next mount goes on with the groups that were not finished, and looks at everything then.
/// One extent that cannot be restored stops nothing.
/// </summary>
/// <remarks>Step is called by one thread; Status, Request and Suspect by any.</remarks>
internal sealed partial class Rebuilder
{
    /// <summary>A disk that was missing when the pool was opened may only be late. Extents without spare do not wait for it.</summary>
    public static readonly TimeSpan Grace = KillPoint.Hurried(TimeSpan.FromMinutes(10));

    private const int ExtentsPerBatch = 32;
    private const long BytesPerBatch = 64L << 20;
    private const int MaxExceptions = 1000;

    private readonly MaintenanceParts _parts;
    private readonly HealingBatch _batch;
    private readonly RebuildQueue _queue = new();
    private readonly RebuildProgress _progress;
    private readonly DateTimeOffset _openedAt;

    /// <summary>Protects everything below that other threads see; a leaf lock.</summary>
    private readonly Lock _lock = new();
    private readonly Queue<ExtentId> _suspects = new();
    private readonly HashSet<ExtentId> _suspected = [];
    private RebuildStatus _status = RebuildStatus.None;
    private bool _isRequested;

    /// <summary>What the last pass began for.</summary>
    private string _occasion = "";
    private ExtentId _cursor;
    private bool _ignoresGrace;

    /// <summary>There is something that this pass may have missed or had to leave: when it has ended another one begins.</summary>
    private volatile bool _mustLookAgain;

    public Rebuilder(MaintenanceParts parts)
    {
        (_parts, _batch, _openedAt, _progress) = (parts, new HealingBatch(parts), parts.Time.GetUtcNow(), new RebuildProgress(parts));
        parts.Extents.Damaged += (extent, _, _) => Suspect(extent);
        parts.Catalog.Changed += LookAtNew;
    }

    public RebuildStatus Status
    {
        get
        {
            lock (_lock)
                return _status;
        }
    }

    /// <summary>The status, and whether there is more to come: a pass goes on, or one was asked for and has not begun. Both of one moment.</summary>
    public (RebuildStatus Status, bool IsActive) Look()
    {
        lock (_lock)
            return (_status, _status.Phase != RebuildPhase.Idle || _isRequested || _mustLookAgain);
    }

    /// <summary>Starts a pass that waits for no missing disk.</summary>
    public void Request()
    {
        lock (_lock)
            _isRequested = true;
    }

    /// <summary>A read met damage: the extent is verified and repaired soon.</summary>
    public void Suspect(ExtentId extent)
    {
        lock (_lock)
        {
            if (_suspected.Count < RebuildQueue.Capacity && !_parts.Moves.IsHeld(extent) && _suspected.Add(extent))
                _suspects.Enqueue(extent);
        }
    }

    /// <summary>Its disks were chosen a while ago. One of them may be left by now, and a pass has been where the record was not yet.</summary>
    private void LookAtNew(ExtentRecord record)
    {
        FragmentNeeds needs = FragmentNeeds.Of(record, _parts.Members, static (_, _) => true);
        if (!needs.IsNone && Wanted(record, needs) != 0)
            _mustLookAgain = true;
    }

    /// <summary>Does a bounded piece of work: a group of the scan, or a batch of extents.</summary>
    public StepOutcome Step()
    {
        if (TakeSuspects())
            return StepOutcome.Busy;
        StepOutcome outcome = Go();
        RebuildStatus status = Status;
        if (status.Phase != RebuildPhase.Idle)
            _progress.Note(new RebuildRun(status, _cursor, IsGraceOver, RebuildNotes.Of(_parts.DiskStates)));
        return outcome;
    }

    private StepOutcome Go()
    {
        switch (Status.Phase)
        {
            case RebuildPhase.Scanning:
                Scan();
                return StepOutcome.Busy;
            case RebuildPhase.Restoring:
                Restore();
                return StepOutcome.Busy;
            case RebuildPhase.Publishing when _parts.Moves.ProposedCount > 0:
                return StepOutcome.Waiting;
            case RebuildPhase.Publishing:
                End();
                return StepOutcome.Busy;
            default:
                return TryBegin() ? StepOutcome.Busy : StepOutcome.Idle;
        }
    }

    private bool IsGraceOver => _ignoresGrace || _parts.Time.GetUtcNow() - _openedAt >= Grace;

    private string Occasion() => $"{IsGraceOver} {_parts.DiskStamps}";

    private bool TryBegin()
    {
        lock (_lock)
        {
            _ignoresGrace |= _isRequested;
            if (!_isRequested && !_mustLookAgain && Occasion() == _occasion)
                return false;
            _mustLookAgain = false;
            RebuildRun? left = _progress.Begin(RebuildNotes.Of(_parts.DiskStates));
            _ignoresGrace |= left is { IgnoresGrace: true };

            // Both at once: who asks in between must not take it for over.
            (_isRequested, _occasion, _cursor) = (false, Occasion(), left?.Cursor ?? ExtentId.None);
            _status = left is null ? RebuildStatus.None with { StartedAt = _parts.Time.GetUtcNow() } : left.Status with { QueuedExtents = left.Status.DoneExtents, QueuedBytes = left.Status.DoneBytes };
            _status = _status with { Phase = RebuildPhase.Scanning };
        }

        _queue.Clear();
        RestoreMirrors();
        return true;
    }

    private void RestoreMirrors()
    {
        if (_parts.Metadata.MissingMirrors > 0)
            _parts.Files.Commits.RequestMirrors();
    }

    /// <summary>One group of extents against the names on the disks. Records first: what they name was durable before.</summary>
    private void Scan()
    {
        if (_progress.TryTakeUnfinished(out ulong unfinished))
        {
            List<ExtentRecord> again = GroupFrom(FragmentName.FirstOf(unfinished));
            if (again.Count > 0 && FragmentName.GroupOf(again[0].Id) == unfinished)
                Compare(unfinished, again);
            return;
        }

        List<ExtentRecord> records = GroupFrom(_cursor);
        if (records.Count == 0)
        {
            EndScan();
            return;
        }

        Compare(FragmentName.GroupOf(records[0].Id), records);
        _cursor = new ExtentId(records[^1].Id.Value + 1);
        Change(status => status with { ScannedExtents = status.ScannedExtents + records.Count });
    }

    /// <summary>What is left of the first group that has extents from there on; dead ones without fragments.</summary>
    private List<ExtentRecord> GroupFrom(ExtentId from)
    {
        var records = new List<ExtentRecord>();
        _parts.Catalog.ForEach(from, (record, live) =>
        {
            if (records.Count > 0 && FragmentName.GroupOf(record.Id) != FragmentName.GroupOf(records[0].Id))
                return false;
            records.Add(live > 0 ? record : record with { Fragments = [] });
            return true;
        });
        return records;
    }

    private void Compare(ulong group, List<ExtentRecord> records)
    {
        var names = new IReadOnlySet<(ExtentId Extent, int Index)>?[_parts.Members.Count];
        for (int i = 0; i < names.Length; i++)
            names[i] = _parts.Extents.List(i, group);
        foreach (ExtentRecord record in records)
        {
            if (record.Fragments.Length > 0)
                Judge(record, FragmentNeeds.Of(record, _parts.Members, (disk, index) => names[disk]?.Contains((record.Id, index)) ?? true));
        }
    }

    private void Judge(ExtentRecord record, in FragmentNeeds needs)
    {
        if (needs.IsNone)
            return;
        uint wanted = Wanted(record, needs);
        if (needs.Spare < 0 && Leaving(record) == 0)
        {
            Note(new HealResult(record.Id, HealOutcome.Lost, 0, 0, $"{needs.Spare + record.Scheme.DataCount} fragments of {record.Scheme} are left, {record.Scheme.DataCount} are needed"));
            return;
        }

        if (needs.Spare >= 0 && wanted == 0)
        {
            bool isWaiting = needs.Away != 0 && !IsGraceOver && needs.Spare > 0;
            if (isWaiting)
                Change(status => status with { WaitingExtents = status.WaitingExtents + 1 });
            else if ((needs.Lost | needs.Away) != 0)
                Note(new HealResult(record.Id, HealOutcome.StillDegraded, 0, 0, "no HEALTHY disk is left that has no fragment of it"));
            else
                Change(status => status with { BlockedExtents = status.BlockedExtents + 1 });
            return;
        }

        _queue.Add(record.Id, needs);
        _progress.Queued(record.Id);
        long bytes = (long)BitOperations.PopCount(wanted) * new ExtentLayout(record.Scheme, record.LengthBytes).FragmentBytes;
        Change(status => status with { QueuedExtents = status.QueuedExtents + 1, QueuedBytes = status.QueuedBytes + bytes });
    }

    /// <summary>The fragments to write now: all that have a place to go to, except those on disks that may come back soon.</summary>
    private uint Wanted(ExtentRecord record, in FragmentNeeds needs)
    {
        uint wanted = needs.Lost | needs.Leaving;
        if (needs.Spare <= 0 || IsGraceOver)
            wanted |= needs.Away;
        int free = _parts.Members.Count(m => m.IsWritable && !Array.Exists(record.Fragments, place => place.DiskIndex == m.Index));
        uint possible = 0;
        foreach (uint kind in (ReadOnlySpan<uint>)[needs.Lost, needs.Away, needs.Leaving])
        {
            for (uint rest = kind & wanted; rest != 0; rest &= rest - 1)
            {
                int i = BitOperations.TrailingZeroCount(rest);
                bool isInPlace = record.Fragments[i].IsPlaced && _parts.Members[record.Fragments[i].DiskIndex].IsWritable;
                if (isInPlace || free-- > 0)
                    possible |= 1u << i;
            }
        }

        return possible;
    }

    private void EndScan()
    {
        // Its numbers are known from here on: bytes to write, and how many extents.
        Change(status => status with { Phase = RebuildPhase.Restoring });
        RebuildStatus found = Status;
        if (_queue.Count > 0)
            LogFound(_parts.Log, _queue.Count, found.QueuedBytes - found.DoneBytes, found.WaitingExtents);
    }

    private void Restore()
    {
        var extents = new List<ExtentId>();
        do
        {
            extents.Clear();
            while (extents.Count < AtOnce && _queue.TryTake(out ExtentId extent))
                extents.Add(extent);
            foreach (HealResult? result in _batch.Add(extents, LookAgain))
                NoteQueued(result is { Outcome: HealOutcome.Lost } lost ? _batch.Carry(lost, Leaving) : result);
        }
        while (_queue.Count > 0 && !_parts.Pace.IsInUse && _batch.Count < ExtentsPerBatch && _batch.Bytes < BytesPerBatch);

        bool isEmpty = _queue.Count == 0;
        foreach (HealResult result in _batch.Finish())
            NoteQueued(result);
        if (isEmpty)
            Change(status => status with { Phase = RebuildPhase.Publishing });
    }

    /// <summary>Steps are small while somebody uses the filesystem.</summary>
    private int AtOnce => _parts.Pace.IsInUse ? 1 : 2 * _parts.Crew.Width;

    /// <summary>Since the scan the extent may have changed; only its headers are read here.</summary>
    private (uint Wanted, uint Absent) LookAgain(ExtentRecord record)
    {
        FragmentVerdict[] verdicts = _parts.Extents.Look(record);
        FragmentNeeds needs = FragmentNeeds.Of(record, _parts.Members, (_, index) => verdicts[index] == FragmentVerdict.Good);
        // One that is lost cannot be restored, but what is left of it leaves its disks all the same.
        uint wanted = needs.Spare < 0 ? Leaving(record) : Wanted(record, needs);
        return (wanted, wanted & (needs.Lost | needs.Away));
    }

    /// <summary>Fragments on disks that are to be left.</summary>
    private uint Leaving(ExtentRecord record)
    {
        uint leaving = 0;
        for (int i = 0; i < record.Fragments.Length; i++)
        {
            if (record.Fragments[i].IsPlaced && _parts.Members[record.Fragments[i].DiskIndex] is { IsPresent: true, State: DiskState.Draining or DiskState.Degraded })
                leaving |= 1u << i;
        }

        return leaving;
    }

    private bool TakeSuspects()
    {
        var extents = new List<ExtentId>();
        lock (_lock)
        {
            while (extents.Count < AtOnce && _suspects.TryDequeue(out ExtentId extent))
                extents.Add(extent);
        }

        if (extents.Count == 0)
            return false;
        foreach (HealResult? result in _batch.Add(extents, Verify))
        {
            if (result is { Outcome: not HealOutcome.Held } ended)
                Note(ended);
        }

        lock (_lock)
            _suspected.ExceptWith(extents);
        foreach (HealResult result in _batch.Finish())
            Note(result);
        return true;
    }

    /// <summary>Reads every block of the extent: what is bad or gone is wanted.</summary>
    private (uint Wanted, uint Absent) Verify(ExtentRecord record)
    {
        FragmentVerdict[] verdicts = _parts.Extents.Verify(record);
        FragmentNeeds needs = FragmentNeeds.Of(record, _parts.Members, (_, index) => verdicts[index] == FragmentVerdict.Good);
        uint bad = 0;
        for (int i = 0; i < verdicts.Length; i++)
            bad |= verdicts[i] is FragmentVerdict.Corrupt or FragmentVerdict.Missing ? 1u << i : 0;
        uint wanted = Wanted(record, needs with { Leaving = 0 }) & bad;
        return (wanted, 0);
    }

    private void NoteQueued(in HealResult? result)
    {
        if (result is not { } ended)
            return;
        if (ended.Outcome != HealOutcome.Held)
            _progress.Ended(ended.Extent);
        Note(ended);
    }

    private void Note(in HealResult result)
    {
        // Another move of it is on its way: the next pass sees what is left to do.
        if (result.Outcome == HealOutcome.Held)
            _mustLookAgain = true;
        HealResult noted = result;
        bool isException = result.Outcome is HealOutcome.StillDegraded or HealOutcome.Lost;
        Change(status => status with
        {
            DoneExtents = status.DoneExtents + (noted.Outcome is HealOutcome.Repaired or HealOutcome.Healthy or HealOutcome.Gone ? 1 : 0),
            DoneBytes = status.DoneBytes + noted.WrittenBytes,
            RepairedExtents = status.RepairedExtents + (noted.Outcome == HealOutcome.Repaired ? 1 : 0),
            DegradedExtents = status.DegradedExtents + (noted.Outcome == HealOutcome.StillDegraded ? 1 : 0),
            LostExtents = status.LostExtents + (noted.Outcome == HealOutcome.Lost ? 1 : 0),
            Exceptions = isException && status.Exceptions.Count < MaxExceptions ? [.. status.Exceptions, noted] : status.Exceptions,
        });
        if (isException)
            LogException(_parts.Log, result.Extent, result.Outcome, result.Problem ?? "?");
    }

    private void End()
    {
        if (_progress.IsResumed)
        {
            // The notes are a help: what they did not know is found now.
            _progress.BeginSecondLook();
            _cursor = ExtentId.None;
            Change(s => s with { Phase = RebuildPhase.Scanning, ScannedExtents = 0, WaitingExtents = 0, BlockedExtents = 0, DegradedExtents = 0, LostExtents = 0, Exceptions = [] });
            return;
        }

        _progress.End();
        RebuildStatus status = Status;
        if (_queue.HasOverflowed)
            _mustLookAgain = true;
        Change(s => s with { Phase = RebuildPhase.Idle, EndedAt = _parts.Time.GetUtcNow() });
        if (status.QueuedExtents + status.DegradedExtents + status.LostExtents > 0)
            LogEnded(_parts.Log, status.RepairedExtents, status.DegradedExtents, status.LostExtents, status.DoneBytes);
    }

    private void Change(Func<RebuildStatus, RebuildStatus> change)
    {
        lock (_lock)
            _status = change(_status);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "rebuild: {Extents} extents lack fragments, {Bytes} bytes are to be written; {Waiting} more wait for disks that may come back. 'dynfs rebuild POOL status' shows how it goes")]
    private static partial void LogFound(ILogger log, long extents, long bytes, long waiting);

    [LoggerMessage(Level = LogLevel.Warning, Message = "rebuild: extent {Extent} is {Outcome}: {Problem}")]
    private static partial void LogException(ILogger log, ExtentId extent, HealOutcome outcome, string problem);

    [LoggerMessage(Level = LogLevel.Warning, Message = "rebuild ended: {Repaired} extents repaired, {Degraded} still degraded, {Lost} lost, {Bytes} bytes written")]
    private static partial void LogEnded(ILogger log, long repaired, long degraded, long lost, long bytes);
}
