using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging;

namespace DynamicFs.Maintenance;

/// <summary>
/// Collects orphans without being asked: some time after the pool was opened or the state of a disk changed, so that disks which come and go do not fill up with what died while they were
/// away, and once a day. Looks at names alone; only when there is something to collect is all metadata read, and then it refuses for the same reasons as an operator's order. Nothing is
/// judged while a disk is away.
/// </summary>
/// <remarks>Step is called by one thread.</remarks>
internal sealed partial class OrphanSweep
{
    /// <summary>How long an orphan stays in the quarantine.</summary>
    public static readonly TimeSpan Age = KillPoint.Hurried(TimeSpan.FromHours(24));

    public static readonly TimeSpan Period = TimeSpan.FromHours(24);

    /// <summary>After this long without a change of the disks a walk begins; rebuild and whoever just mounted come first.</summary>
    public static readonly TimeSpan Settling = KillPoint.Hurried(TimeSpan.FromMinutes(1));

    /// <summary>What stopped a walk may be mended by then.</summary>
    public static readonly TimeSpan RetryPeriod = TimeSpan.FromHours(1);

    public const int FilesPerStep = 256;

    private enum Phase
    {
        Idle,
        Searching,
        Checking,
        Collecting,
    }

    private readonly MaintenanceParts _parts;
    private readonly OrphanCollector _collector;
    private readonly OrphanSearch _search;
    private Phase _phase;
    private string _states = "";
    private DateTimeOffset _dueAt;
    private int _next;
    private (long Quarantined, long Unlinked) _done;

    public OrphanSweep(MaintenanceParts parts, OrphanCollector collector)
        => (_parts, _collector, _search) = (parts, collector, new OrphanSearch(parts));

    /// <summary>Does a bounded piece of work, but for the look at all metadata.</summary>
    public StepOutcome Step()
    {
        DateTimeOffset now = _parts.Time.GetUtcNow();
        string states = _parts.DiskStates;
        if (states != _states)
            (_states, _phase, _dueAt) = (states, Phase.Idle, now + Settling);
        if (_phase == Phase.Idle && (now < _dueAt || _parts.Members.Any(m => !m.IsReadable && !m.HasLeft)))
            return StepOutcome.Idle;
        try
        {
            Go(now);
        }
        catch (Exception e) when (e is PoolException or CorruptionException or DiskException)
        {
            (_phase, _dueAt) = (Phase.Idle, now + RetryPeriod);
            LogRefused(_parts.Log, e.Message);
        }

        return StepOutcome.Busy;
    }

    private void Go(DateTimeOffset now)
    {
        switch (_phase)
        {
            case Phase.Idle:
                _search.Begin();
                (_phase, _next, _done) = (Phase.Searching, 0, (0, 0));
                break;
            case Phase.Searching:
                if (_search.Step())
                    break;
                _phase = Phase.Checking;
                if (!_search.Suspects.Any(suspect => suspect.File.Extent != ExtentId.None) && !_collector.Quarantined().Any(file => now - file.Since >= Age))
                    End(now);
                break;
            case Phase.Checking:
                _collector.CheckEverythingIsReadable();
                _done.Unlinked = _collector.Unlink(Age);
                _phase = Phase.Collecting;
                break;
            case Phase.Collecting:
                _done.Quarantined += _collector.Quarantine([.. _search.Suspects.Skip(_next).Take(FilesPerStep)]);
                _next += FilesPerStep;
                if (_next >= _search.Suspects.Count)
                    End(now);
                break;
        }
    }

    private void End(DateTimeOffset now)
    {
        (_phase, _dueAt) = (Phase.Idle, _search.HasOverflowed ? now : now + Period);
        if (_done != default)
            LogCollected(_parts.Log, _done.Quarantined, _done.Unlinked);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "orphans: {Quarantined} files that nothing needs were moved to the quarantine of their disks, {Unlinked} were unlinked from it. 'dynfs orphan-stats POOL' counts what is left")]
    private static partial void LogCollected(ILogger log, long quarantined, long unlinked);

    [LoggerMessage(Level = LogLevel.Warning, Message = "orphans are not collected now, and looked for again later: {Reason}")]
    private static partial void LogRefused(ILogger log, string reason);
}
