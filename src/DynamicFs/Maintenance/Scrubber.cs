using System.Collections.Concurrent;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging;

namespace DynamicFs.Maintenance;

/// <summary>
/// Reads and verifies what is stored: every page of the metadata on every mirror, every root slot, and every block of every fragment, parity too. Repairs when it
/// is asked to: writes bad fragments anew from good ones, after a copy of the bad one went to the quarantine, and notes each decision in the audit log. What
/// cannot be read any more is poisoned, that is, listed. Its place and its counts survive a restart.
/// </summary>
/// <remarks>Step is called by one thread; everything else by any.</remarks>
internal sealed partial class Scrubber
{
    /// <summary>A group of extents that nobody verified for so long is verified by itself; the rest of a month is for doing it.</summary>
    public static readonly TimeSpan BackgroundAge = TimeSpan.FromDays(15);

    private static readonly TimeSpan s_backgroundCheck = TimeSpan.FromHours(1);

    private const int MaxFindings = 1000;
    private const int PathsPerExtent = 20;
    private const int ExtentsPerPiece = 256;

    /// <summary>For each thread of the crew.</summary>
    private const int ExtentsPerStep = 8;
    private const long BytesPerStep = 64L << 20;

    private readonly MaintenanceParts _parts;
    private readonly HealingBatch _batch;
    private readonly ScrubNotes _notes;
    private readonly List<AuditEntry> _audit = [];

    /// <summary>What was found of the extents of a step; filled by the crew.</summary>
    private readonly ConcurrentDictionary<ExtentId, Judgement> _judged = [];

    /// <summary>Protects the status and the request; a leaf lock.</summary>
    private readonly Lock _lock = new();
    private ScrubStatus _status = ScrubStatus.None;
    private ScrubStatus _saved = ScrubStatus.None;
    private ScrubRequest? _requested;

    private ExtentId _cursor;
    private bool _isMetadataDone;
    private readonly Queue<ExtentId> _retries = new();
    private DateTimeOffset _nextBackgroundCheck;

    public Scrubber(MaintenanceParts parts)
    {
        (_parts, _batch, _notes) = (parts, new HealingBatch(parts), new ScrubNotes(parts.Files.Notes));
        if (_notes.ReadRun() is { } run)
        {
            // Without its findings, which are in the log, and without the pages, which are read again.
            (_status, _cursor) = (run.Status with { Phase = run.Status.Phase == ScrubPhase.Publishing ? ScrubPhase.Running : run.Status.Phase }, run.Cursor);
            _saved = _status;
        }
    }

    public ScrubStatus Status
    {
        get
        {
            lock (_lock)
                return _status;
        }
    }

    public ScrubNotes Notes => _notes;

    /// <summary>Starts a scrub, in place of a background one if that runs. Refuses while another one runs or pauses.</summary>
    public void Request(ScrubRequest request)
    {
        if (request is { Repairs: true, IsDryRun: false } && _parts.Files.IsReadOnly)
            throw new PoolException(ErrorId.ReadOnly, "the pool is READ_ONLY: a scrub can look, but not repair. Nothing was changed");
        lock (_lock)
        {
            bool isTaken = _status.IsActive || _status.Phase == ScrubPhase.Paused;
            if (_requested is not null || (isTaken && !_status.Request.IsBackground))
                throw new PoolException(ErrorId.Busy, "a scrub is under way already: 'dynfs scrub POOL status' shows it, 'cancel' ends it. Nothing was changed");
            _requested = request;
            _status = ScrubStatus.None with { Phase = ScrubPhase.Running, Request = request, StartedAt = _parts.Time.GetUtcNow() };
        }
    }

    public void Pause() => Move(ScrubPhase.Running, ScrubPhase.Paused);

    public void Resume() => Move(ScrubPhase.Paused, ScrubPhase.Running);

    public void Cancel()
    {
        lock (_lock)
        {
            if (_status.Phase is ScrubPhase.Running or ScrubPhase.Paused or ScrubPhase.Publishing)
                _status = _status with { Phase = ScrubPhase.Cancelled, EndedAt = _parts.Time.GetUtcNow() };
            _requested = null;
        }

        _notes.WriteRun(Status, _cursor);
    }

    /// <summary>Verifies a few extents, or the metadata, or ends the scrub.</summary>
    public StepOutcome Step()
    {
        TakeRequest();
        switch (Status.Phase)
        {
            case ScrubPhase.Running when !_isMetadataDone:
                VerifyMetadata();
                return StepOutcome.Busy;
            case ScrubPhase.Running:
                VerifySome();
                return StepOutcome.Busy;
            case ScrubPhase.Publishing when _parts.Moves.ProposedCount > 0:
                return StepOutcome.Waiting;
            case ScrubPhase.Publishing:
                End();
                return StepOutcome.Busy;
            case ScrubPhase.Paused:
                return StepOutcome.Idle;
            default:
                return TryBeginBackground() ? StepOutcome.Busy : StepOutcome.Idle;
        }
    }

    /// <summary>Keeps the place where it is, for a mount that comes later.</summary>
    public void Save()
    {
        if (_parts.Files.IsReadOnly)
            return;
        ScrubStatus status = Status;
        if (!ReferenceEquals(status, _saved))
            _notes.WriteRun(status, _cursor);
        _saved = status;
        if (_parts.Files.Notes.HasPending)
            _parts.Files.Notes.IsUrgent = true;
    }

    private void Move(ScrubPhase from, ScrubPhase to)
    {
        lock (_lock)
        {
            if (_status.Phase != from)
                throw new PoolException(ErrorId.Busy, $"no scrub is {from.ToString().ToLowerInvariant()}: it is {_status.Phase.ToString().ToLowerInvariant()}. Nothing was changed");
            _status = _status with { Phase = to };
        }

        _notes.WriteRun(Status, _cursor);
    }

    private void TakeRequest()
    {
        ScrubRequest? request;
        lock (_lock)
            (request, _requested) = (_requested, null);
        if (request is null)
            return;
        (_cursor, _isMetadataDone) = (ExtentId.None, !request.IsWhole);
        _retries.Clear();
        long total = 0;
        ForEach(ExtentId.None, record => total += IsInScope(record, request) ? StoredBytes(record) : 0);
        Change(status => status with { TotalBytes = total });
    }

    private void ForEach(ExtentId from, Action<ExtentRecord> visit) => _parts.Catalog.ForEach(from, (record, live) =>
    {
        if (live > 0)
            visit(record);
        return true;
    });

    private List<(ExtentRecord Record, long Live)> Piece(ExtentId from, int limit, out bool isEnd)
    {
        var piece = new List<(ExtentRecord Record, long Live)>();
        _parts.Catalog.ForEach(from, (record, live) =>
        {
            if (piece.Count == limit)
                return false;
            piece.Add((record, live));
            return true;
        });
        isEnd = piece.Count < limit;
        return piece;
    }

    private bool IsInScope(ExtentRecord record, ScrubRequest request)
    {
        if (request.Extents is { } extents && !extents.Contains(record.Id))
            return false;
        if (request.Disk >= 0 && !Array.Exists(record.Fragments, place => place.DiskIndex == request.Disk))
            return false;
        if (request.OlderThan == TimeSpan.Zero)
            return true;
        return !IsFresh(FragmentName.GroupOf(record.Id), request);
    }

    /// <summary>Verified recently enough for this request. That a group was only seen then counts for the background.</summary>
    private bool IsFresh(ulong group, ScrubRequest request) =>
        _notes.Verified(group) is { } known && (known.IsScrubbed || request.IsBackground) && known.Time >= Status.StartedAt - request.OlderThan;

    private bool TryBeginBackground()
    {
        DateTimeOffset now = _parts.Time.GetUtcNow();
        if (now < _nextBackgroundCheck || _parts.Files.IsReadOnly)
            return false;
        _nextBackgroundCheck = now + s_backgroundCheck;
        (bool isDue, bool isNew) = (false, false);
        ulong last = ulong.MaxValue;
        ForEach(ExtentId.None, record =>
        {
            ulong group = FragmentName.GroupOf(record.Id);
            if (group == last)
                return;
            last = group;
            if (_notes.Verified(group) is { } verified)
            {
                isDue |= now - verified.Time >= BackgroundAge;
                return;
            }

            _notes.SetVerified(group, now, isScrubbed: false);
            isNew = true;
        });
        if (isNew)
            _parts.Files.Notes.IsUrgent = true;
        if (!isDue)
            return false;
        Request(new ScrubRequest { Repairs = true, IsBackground = true, OlderThan = BackgroundAge });
        return true;
    }

    private void VerifyMetadata()
    {
        _isMetadataDone = true;
        var problems = new List<string>();
        try
        {
            _parts.Metadata.Verify(problems.Add);
            _parts.Metadata.VerifyRings(problems.Add);
        }
        catch (Exception e) when (e is CorruptionException or DiskException or PoolException)
        {
            problems.Add(e.Message);
        }

        problems.ForEach(problem => LogMetadata(_parts.Log, problem));
        Change(status => status with { MetadataProblems = [.. problems.Take(MaxFindings)] });
        bool mends = problems.Count > 0 && Status.Request is { Repairs: true, IsDryRun: false };
        if (mends && _parts.Files.SyncAll() == Errno.None)
            _parts.Files.Notes.IsUrgent = true;
    }

    private void VerifySome()
    {
        ScrubRequest request = Status.Request;
        List<(ExtentRecord Record, long Live)> piece = Piece(_cursor, ExtentsPerPiece, out bool isEnd);
        var chosen = new List<ExtentId>();
        (long bytes, int seenCount) = (0, 0);
        int mostExtents = _parts.Pace.IsInUse ? 1 : ExtentsPerStep * _parts.Crew.Width;
        ulong firstGroup = FragmentName.GroupOf(_cursor);
        ExtentId next = _cursor;
        foreach ((ExtentRecord record, long live) in piece)
        {
            if (chosen.Count == mostExtents || bytes >= BytesPerStep * _parts.Crew.Width)
                break;
            seenCount++;
            next = new ExtentId(record.Id.Value + 1);
            if (live == 0 || !IsInScope(record, request))
                continue;
            chosen.Add(record.Id);
            bytes += StoredBytes(record);
        }

        isEnd &= seenCount == piece.Count;
        for (int retries = isEnd ? _retries.Count : 0; retries > 0; retries--)
            chosen.Add(_retries.Dequeue());
        Verify(chosen);
        Finish();
        NoteVerified(piece.Take(seenCount).Select(e => FragmentName.GroupOf(e.Record.Id)).Prepend(firstGroup).Distinct(), isEnd ? ulong.MaxValue : FragmentName.GroupOf(next), request);
        _cursor = next;
        bool isOver = isEnd && _retries.Count == 0;
        Change(status => status with
        {
            DoneBytes = Math.Min(status.TotalBytes, status.DoneBytes + bytes),
            Phase = isOver && status.Phase == ScrubPhase.Running ? ScrubPhase.Publishing : status.Phase,
        });
        if (!_parts.Files.IsReadOnly)
            _notes.WriteRun(Status, _cursor);
    }

    /// <summary>Groups that the cursor left behind are verified as a whole, unless only some of their extents were looked at.</summary>
    private void NoteVerified(IEnumerable<ulong> groups, ulong current, ScrubRequest request)
    {
        if (request.Extents is not null || request.Disk >= 0 || _parts.Files.IsReadOnly)
            return;
        DateTimeOffset now = _parts.Time.GetUtcNow();
        foreach (ulong group in groups.Where(group => group < current))
        {
            if (request.OlderThan == TimeSpan.Zero || !IsFresh(group, request))
                _notes.SetVerified(group, now, isScrubbed: true);
        }
    }

    /// <summary>Several extents at the same time; what was found is told in their order.</summary>
    private void Verify(List<ExtentId> extents)
    {
        _judged.Clear();
        HealResult?[] results = _batch.Add(extents, Judge);
        for (int i = 0; i < results.Length; i++)
        {
            if (_judged.TryGetValue(extents[i], out Judgement? judged))
                Tell(judged);
            switch (results[i])
            {
                case { Outcome: HealOutcome.Held }:
                    _retries.Enqueue(extents[i]);
                    break;
                case { Outcome: HealOutcome.Gone }:
                    _notes.Clear(extents[i]);
                    break;
                case { } result:
                    Conclude(result);
                    break;
            }
        }
    }

    private void Finish()
    {
        foreach (HealResult result in _batch.Finish())
            Conclude(result);
        if (_audit.Count > 0)
            _parts.Audit.Append(_audit);
        _audit.Clear();
    }

    /// <summary>Reads the whole extent. Returns what to write anew: what is bad or gone although its disk is there, when that can be computed. Called by the crew.</summary>
    private (uint Wanted, uint Absent) Judge(ExtentRecord record)
    {
        var judged = new Judgement(record);
        judged.Verdicts = _parts.Extents.Verify(record, judged.Findings.Add);
        if (Canary.Is("scrub-without-parity"))
            judged.Verdicts.AsSpan(record.Scheme.DataCount).Clear();
        int good = judged.Verdicts.Count(verdict => verdict == FragmentVerdict.Good);
        judged.IsReadable = good >= record.Scheme.DataCount || _parts.Extents.IsReadable(record);
        ScrubRequest request = Status.Request;
        uint absent = 0;
        for (int i = 0; i < judged.Verdicts.Length && judged.IsReadable; i++)
        {
            bool isMendable = judged.Verdicts[i] is FragmentVerdict.Corrupt or FragmentVerdict.Missing;
            judged.Wanted |= isMendable ? 1u << i : 0;
            absent |= judged.Verdicts[i] == FragmentVerdict.Missing ? 1u << i : 0;
        }

        _judged[record.Id] = judged;
        if (!request.Repairs || request.IsDryRun || judged.Wanted == 0)
            return (0, 0);
        for (int i = 0; i < judged.Verdicts.Length; i++)
        {
            if ((judged.Wanted >> i & 1) == 0)
                continue;
            string reason = judged.Findings.Find(finding => finding.Index == i) is { } why ? $"{why.Kind} at {why.Offset}: expected {why.Expected}, found {why.Found}" : judged.Verdicts[i].ToString();
            string? copy = judged.Verdicts[i] == FragmentVerdict.Corrupt ? _parts.Extents.Quarantine(record, i, _parts.Time.GetUtcNow()) : null;
            if (copy is not null)
                judged.Audit.Add(Entry(record.Id, i, DiskName(record, i), "quarantine", reason, copy));
            judged.Audit.Add(Entry(record.Id, i, DiskName(record, i), "rewrite", reason, "decided"));
        }

        return (judged.Wanted, absent);
    }

    private void Tell(Judgement judged)
    {
        ScrubRequest request = Status.Request;
        string verdict = judged.IsReadable ? "DEGRADED" : "UNRECOVERABLE";
        foreach (FragmentFinding finding in judged.Findings)
        {
            bool isWanted = (judged.Wanted >> finding.Index & 1) != 0;
            string action = !isWanted ? (judged.IsReadable ? "left to rebuild" : "none") : request.IsDryRun ? "would be rewritten" : request.Repairs ? "rewritten" : "none";
            Add(judged.Record, finding, verdict, action);
        }

        _audit.AddRange(judged.Audit);
    }

    private void Conclude(in HealResult result)
    {
        (FragmentVerdict[] verdicts, bool isReadable) = _judged.TryRemove(result.Extent, out Judgement? judged)
            ? (judged.Verdicts, judged.IsReadable)
            : ([FragmentVerdict.Corrupt], result.Outcome != HealOutcome.Lost);
        bool isWhole = verdicts.All(verdict => verdict == FragmentVerdict.Good);
        HealOutcome outcome = result.Outcome;
        bool isLost = !isReadable || outcome == HealOutcome.Lost;
        if (isLost && !_parts.Files.IsReadOnly && !Status.Request.IsDryRun)
        {
            if (!_notes.IsPoisoned(result.Extent))
                Note(result.Extent, -1, "(pool)", "poison", result.Problem ?? "too few good fragments are left", "listed");
            _notes.Poison(result.Extent, _parts.Time.GetUtcNow());
        }
        else if (!isLost && _notes.IsPoisoned(result.Extent))
        {
            Note(result.Extent, -1, "(pool)", "clear", "it can be read again", "not listed any more");
            _notes.Clear(result.Extent);
        }

        if (outcome == HealOutcome.Repaired)
            Note(result.Extent, -1, "(pool)", "rewrite", $"{result.WrittenCount} fragments", "repaired");
        else if (result.Problem is not null)
            Note(result.Extent, -1, "(pool)", "rewrite", result.Problem, "failed");

        int away = verdicts.Count(verdict => verdict is FragmentVerdict.DiskMissing or FragmentVerdict.Unplaced);
        bool isRepaired = outcome == HealOutcome.Repaired;
        bool isDegraded = !isLost && (isRepaired ? away > 0 : !isWhole);
        int good = isRepaired ? verdicts.Length - away : verdicts.Count(verdict => verdict == FragmentVerdict.Good);
        bool hasNoSpare = isDegraded && _parts.Catalog.Find(result.Extent) is { } record && good <= record.Scheme.DataCount;
        Change(status => status with
        {
            Extents = status.Extents + 1,
            Healthy = status.Healthy + (isLost || isDegraded ? 0 : 1),
            Degraded = status.Degraded + (isDegraded ? 1 : 0),
            NoSpare = status.NoSpare + (hasNoSpare ? 1 : 0),
            Repaired = status.Repaired + (isRepaired ? 1 : 0),
            Unrecoverable = status.Unrecoverable + (isLost ? 1 : 0),
        });
    }

    private void Add(ExtentRecord record, FragmentFinding finding, string verdict, string action)
    {
        string file = record.Fragments[finding.Index].IsPlaced ? FragmentName.File(record.Id, finding.Index) : "";
        var added = new ScrubFinding(
            record.Id, verdict, finding.Index, finding.Kind, DiskName(record, finding.Index), file, finding.Offset, finding.Expected, finding.Found, action, []);
        Change(status => status with
        {
            FindingCount = status.FindingCount + 1,
            Findings = status.Findings.Count < MaxFindings ? [.. status.Findings, added] : status.Findings,
        });
        if (finding.Kind is not (FragmentFindingKind.DiskMissing or FragmentFindingKind.Unplaced))
            LogFinding(_parts.Log, finding.Index, record.Id, added.Disk, finding.Kind, finding.Offset, finding.Expected, finding.Found, verdict, action);
    }

    private void End()
    {
        var extents = Status.Findings.Select(finding => finding.Extent).ToHashSet();
        Dictionary<ExtentId, List<string>> files = new ExtentFiles(_parts.Metadata.Namespace).Find(extents, PathsPerExtent);
        Change(status => status with
        {
            Phase = ScrubPhase.Done,
            EndedAt = _parts.Time.GetUtcNow(),
            DoneBytes = status.TotalBytes,
            Findings = [.. status.Findings.Select(finding => finding with { Files = files.GetValueOrDefault(finding.Extent, []) })],
        });
        ScrubStatus ended = Status;
        Save();
        LogEnded(_parts.Log, ended.Extents, ended.Healthy, ended.Degraded, ended.Repaired, ended.Unrecoverable);
    }

    private void Note(ExtentId extent, int fragment, string disk, string action, string reason, string result) =>
        _audit.Add(Entry(extent, fragment, disk, action, reason, result));

    private static AuditEntry Entry(ExtentId extent, int fragment, string disk, string action, string reason, string result) =>
        new("scrub", extent, fragment, disk, action, reason, result);

    private string DiskName(ExtentRecord record, int index)
    {
        FragmentPlace place = record.Fragments[index];
        return place.IsPlaced && place.DiskIndex < _parts.Members.Count ? _parts.Members[place.DiskIndex].Name : "(none)";
    }

    private static long StoredBytes(ExtentRecord record) => (long)record.Scheme.Width * new ExtentLayout(record.Scheme, record.LengthBytes).FragmentBytes;

    private void Change(Func<ScrubStatus, ScrubStatus> change)
    {
        lock (_lock)
            _status = change(_status);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "scrub: metadata: {Problem}")]
    private static partial void LogMetadata(ILogger log, string problem);

    [LoggerMessage(Level = LogLevel.Warning, Message = "scrub: fragment {Fragment} of extent {Extent} on {Disk}: {Kind} at byte {Offset}: expected {Expected}, found {Found}; the extent is {Verdict}; {Action}")]
    private static partial void LogFinding(
        ILogger log, int fragment, ExtentId extent, string disk, FragmentFindingKind kind, long offset, string expected, string found, string verdict, string action);

    [LoggerMessage(Level = LogLevel.Information, Message = "scrub ended: {Extents} extents, {Healthy} healthy, {Degraded} degraded, {Repaired} repaired, {Unrecoverable} unrecoverable")]
    private static partial void LogEnded(ILogger log, long extents, long healthy, long degraded, long repaired, long unrecoverable);

    /// <summary>What was found of one extent; written by one thread of the crew, read when all have ended.</summary>
    private sealed class Judgement(ExtentRecord record)
    {
        public ExtentRecord Record { get; } = record;
        public FragmentVerdict[] Verdicts { get; set; } = [];
        public bool IsReadable { get; set; }
        public uint Wanted { get; set; }
        public List<FragmentFinding> Findings { get; } = [];
        public List<AuditEntry> Audit { get; } = [];
    }
}
