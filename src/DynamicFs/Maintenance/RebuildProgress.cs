using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Primitives;

namespace DynamicFs.Maintenance;

/// <summary>
/// Keeps in the pool tree where a pass is, from the first extent on that it has to restore until it ends: a pass that finds nothing leaves no trace. Groups are marked while some of their
/// extents wait. One thread.
/// </summary>
internal sealed class RebuildProgress
{
    /// <summary>Fragments that go back to their place need no commit; their progress gets one so often.</summary>
    private static readonly TimeSpan s_commitPeriod = TimeSpan.FromSeconds(10);

    private readonly PoolNotes _pool;
    private readonly RebuildNotes _notes;
    private readonly TimeProvider _time;
    private readonly Dictionary<ulong, int> _waiting = [];
    private readonly Queue<ulong> _unfinished = new();
    private RebuildRun? _found;
    private DateTimeOffset _committedAt;
    private bool _isNoted;

    public RebuildProgress(MaintenanceParts parts)
    {
        (_pool, _time, _notes) = (parts.Files.Notes, parts.Time, new RebuildNotes(parts.Files.Notes));
        _found = _notes.ReadRun();
    }

    /// <summary>The pass goes on where an earlier mount left it; what the notes do not know is still to be looked for.</summary>
    public bool IsResumed { get; private set; }

    /// <summary>A pass begins. The one to go on with, when a crash left one for the same states of the disks.</summary>
    public RebuildRun? Begin(Checksum disks)
    {
        RebuildRun? run = _found is { } found && found.Disks == disks ? found : null;
        bool isLeft = _found is not null || _isNoted;
        (_found, IsResumed, _isNoted) = (null, run is not null, run is not null);
        _waiting.Clear();
        _unfinished.Clear();
        if (run is not null)
            _notes.Marked().ForEach(_unfinished.Enqueue);
        else if (isLeft)
            _notes.Clear();
        return run;
    }

    /// <summary>A group that an earlier mount did not finish; its extents are looked at again.</summary>
    public bool TryTakeUnfinished(out ulong group) => _unfinished.TryDequeue(out group);

    public void Queued(ExtentId extent)
    {
        ulong group = FragmentName.GroupOf(extent);
        int count = _waiting[group] = _waiting.GetValueOrDefault(group) + 1;
        if (count == 1)
            _notes.Mark(group, count);
        _pool.IsUrgent |= !_isNoted;
        _isNoted = true;
    }

    public void Ended(ExtentId extent)
    {
        ulong group = FragmentName.GroupOf(extent);
        int left = _waiting.GetValueOrDefault(group) - 1;
        if (left > 0)
            _waiting[group] = left;
        else if (_waiting.Remove(group))
            _notes.Unmark(group);
    }

    public void Note(RebuildRun run)
    {
        if (!_isNoted)
            return;
        _notes.WriteRun(run);
        DateTimeOffset now = _time.GetUtcNow();
        if (now - _committedAt < s_commitPeriod)
            return;
        _committedAt = now;
        _pool.IsUrgent = true;
    }

    /// <summary>What was left is done; the rest of the pass is a look at everything.</summary>
    public void BeginSecondLook() => IsResumed = false;

    public void End()
    {
        if (_isNoted)
            _notes.Clear();
        _isNoted = false;
    }
}
