using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging;

namespace DynamicFs.Maintenance;

/// <summary>
/// Moves good fragments from fuller to emptier disks, on request only, in the way in which a disk is emptied: the new fragment is written, synced and read back, a commit names its place, and the old one
/// stays until no kept root needs it. Goes once through the extents by number. Nothing is remembered over a restart: what was moved is where it should be, and the next plan has the rest.
/// </summary>
/// <remarks>Step is called by one thread; everything else by any.</remarks>
internal sealed partial class Rebalancer
{
    private const int SeenPerStep = 1024;
    private const int ExtentsPerStep = 8;
    private const long BytesPerStep = 16L << 20;
    private const int MaxFailures = 100;

    private readonly MaintenanceParts _parts;
    private readonly HealingBatch _batch;

    /// <summary>Protects the status and the request; a leaf lock.</summary>
    private readonly Lock _lock = new();
    private RebalanceStatus _status = RebalanceStatus.None;
    private bool _isRequested;

    private RebalancePlan? _plan;
    private ExtentId _cursor;

    public Rebalancer(MaintenanceParts parts) => (_parts, _batch) = (parts, new HealingBatch(parts));

    public RebalanceStatus Status
    {
        get
        {
            lock (_lock)
                return _status;
        }
    }

    /// <summary>What would be moved now. Changes nothing.</summary>
    public RebalancePlan Plan()
    {
        RebalancePlan plan = NewPlan();
        _parts.Catalog.ForEach(ExtentId.None, (record, live) =>
        {
            if (live > 0)
                plan.Choose(record);
            return true;
        });
        return plan;
    }

    /// <summary>Plans and starts. Refuses while another one runs or pauses.</summary>
    public void Request()
    {
        if (_parts.Files.IsReadOnly)
            throw new PoolException(ErrorId.ReadOnly, "the pool is READ_ONLY: nothing can be moved. Nothing was changed");
        RebalancePlan plan = Plan();
        lock (_lock)
        {
            if (_isRequested || _status.IsActive || _status.Phase == RebalancePhase.Paused)
                throw new PoolException(ErrorId.Busy, "a rebalance is under way already: 'dynfs rebalance POOL status' shows it, 'cancel' ends it. Nothing was changed");
            _isRequested = true;
            _status = RebalanceStatus.None with { Phase = RebalancePhase.Moving, StartedAt = _parts.Time.GetUtcNow(), PlannedBytes = plan.MoveBytes, Disks = plan.Disks };
        }

        LogStarted(_parts.Log, plan.MoveCount, plan.MoveBytes);
    }

    public void Pause() => Move(RebalancePhase.Moving, RebalancePhase.Paused);

    public void Resume() => Move(RebalancePhase.Paused, RebalancePhase.Moving);

    /// <summary>What was moved stays moved.</summary>
    public void Cancel()
    {
        lock (_lock)
        {
            if (_status.IsActive || _status.Phase == RebalancePhase.Paused)
                _status = _status with { Phase = RebalancePhase.Cancelled, EndedAt = _parts.Time.GetUtcNow() };
            _isRequested = false;
        }
    }

    /// <summary>Moves the fragments of a few extents, or ends.</summary>
    public StepOutcome Step()
    {
        bool starts;
        lock (_lock)
            (starts, _isRequested) = (_isRequested, false);
        if (starts)
            (_plan, _cursor) = (NewPlan(), ExtentId.None);
        switch (Status.Phase)
        {
            case RebalancePhase.Moving when _plan is not null:
                MoveSome(_plan);
                return StepOutcome.Busy;
            case RebalancePhase.Publishing when _parts.Moves.ProposedCount > 0:
                return StepOutcome.Waiting;
            case RebalancePhase.Publishing:
                End();
                return StepOutcome.Busy;
            default:
                return StepOutcome.Idle;
        }
    }

    /// <summary>Files of dead extents and places that were left count as free: otherwise a second rebalance soon after the first would move everything on.</summary>
    private RebalancePlan NewPlan()
    {
        var freed = new Dictionary<int, long>();
        var last = new Generation(ulong.MaxValue);
        foreach (ParkedFragment parked in _parts.Catalog.ParkedFragments(last, int.MaxValue))
            Count(parked.Extent, parked.DiskIndex);
        foreach ((ExtentId extent, _) in _parts.Catalog.Parked(last, int.MaxValue))
        {
            foreach (FragmentPlace place in _parts.Catalog.Find(extent)?.Fragments ?? [])
                Count(extent, place.DiskIndex);
        }

        return new RebalancePlan(_parts.Extents.Rooms(), freed);

        void Count(ExtentId extent, int disk)
        {
            if (_parts.Catalog.Find(extent) is { } record)
                freed[disk] = freed.GetValueOrDefault(disk) + new ExtentLayout(record.Scheme, record.LengthBytes).FragmentBytes;
        }
    }

    private void Move(RebalancePhase from, RebalancePhase to)
    {
        lock (_lock)
        {
            if (_status.Phase != from)
                throw new PoolException(ErrorId.Busy, $"no rebalance is {from.ToString().ToLowerInvariant()}: it is {_status.Phase.ToString().ToLowerInvariant()}. Nothing was changed");
            _status = _status with { Phase = to };
        }
    }

    private void MoveSome(RebalancePlan plan)
    {
        (int movedCount, int seenCount, bool isEnd) = (0, 0, true);
        _parts.Catalog.ForEach(_cursor, (record, live) =>
        {
            if (movedCount == ExtentsPerStep || _batch.Bytes >= BytesPerStep || seenCount++ == SeenPerStep)
                return isEnd = false;
            _cursor = new ExtentId(record.Id.Value + 1);
            if (live == 0)
                return true;
            HealResult? result = _batch.Move(record.Id, plan.Choose);
            movedCount += result is null ? 1 : 0;
            if (result is { Outcome: HealOutcome.StillDegraded or HealOutcome.Lost } failed)
                Note(failed);
            return true;
        });
        foreach (HealResult moved in _batch.Finish())
            Note(moved);
        Change(status => status with { Phase = isEnd && status.Phase == RebalancePhase.Moving ? RebalancePhase.Publishing : status.Phase });
    }

    private void Note(HealResult result)
    {
        bool hasFailed = result.Outcome is HealOutcome.StillDegraded or HealOutcome.Lost;
        Change(status => status with
        {
            DoneBytes = status.DoneBytes + result.WrittenBytes,
            MovedFragments = status.MovedFragments + result.WrittenCount,
            FailedExtents = status.FailedExtents + (hasFailed ? 1 : 0),
            Failures = hasFailed && status.Failures.Count < MaxFailures ? [.. status.Failures, result] : status.Failures,
        });
        if (hasFailed)
            LogFailed(_parts.Log, result.Extent, result.Problem ?? "?");
    }

    private void End()
    {
        Change(status => status with { Phase = RebalancePhase.Done, EndedAt = _parts.Time.GetUtcNow() });
        _plan = null;
        RebalanceStatus ended = Status;
        LogEnded(_parts.Log, ended.MovedFragments, ended.DoneBytes, ended.FailedExtents);
    }

    private void Change(Func<RebalanceStatus, RebalanceStatus> change)
    {
        lock (_lock)
            _status = change(_status);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "rebalance: {Fragments} fragments with {Bytes} bytes are to be moved")]
    private static partial void LogStarted(ILogger log, long fragments, long bytes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "rebalance: extent {Extent} stays where it is: {Problem}")]
    private static partial void LogFailed(ILogger log, ExtentId extent, string problem);

    [LoggerMessage(Level = LogLevel.Information, Message = "rebalance ended: {Fragments} fragments with {Bytes} bytes moved, {Failed} extents failed")]
    private static partial void LogEnded(ILogger log, long fragments, long bytes, long failed);
}
