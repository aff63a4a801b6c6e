using System.Diagnostics;
using DynamicFs.Disks;
using DynamicFs.Files;
using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging;

namespace DynamicFs;

/// <summary>
/// Keeps the health of the disks of an open pool: takes over what the pool tree knows, looks at every disk every few seconds, and makes each change durable, first in
/// the pool tree (that record wins), then in the disk's own label as far as the disk can be written. One thread of its own; each disk is looked at on its own queue, so that one that hangs
/// holds up no other.
/// </summary>
internal sealed partial class PoolHealth : IDisposable
{
    private static readonly TimeSpan s_tick = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_probePeriod = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_endLimit = TimeSpan.FromSeconds(2);

    private readonly IReadOnlyList<MemberDisk> _members;
    private readonly MetadataStore _metadata;
    private readonly string _pool;
    private readonly ILogger _log;
    private readonly ManualResetEventSlim _stop = new();
    private readonly AutoResetEvent _wake = new(initialState: false);
    private readonly DiskOutliers _outliers = new();

    /// <summary>Protects the tables below; taken by the commit thread too, never held over a call to a disk.</summary>
    private readonly Lock _lock = new();
    private readonly Dictionary<DiskId, DiskRecord> _stored = [];
    private readonly Dictionary<DiskId, DiskLabel> _labels;
    private readonly Dictionary<DiskId, (ProbeResult? Result, int Pending)> _probes = [];

    private readonly List<int> _left = [];
    private readonly HashSet<DiskId> _unwrittenMembers = [];

    /// <summary>One writer of labels at a time.</summary>
    private readonly Lock _labelWriting = new();
    private FileSystem? _files;
    private Action? _now;
    private Thread? _thread;
    private int _isUnpublished;

    public PoolHealth(PoolMembers members, MetadataStore metadata, ILogger log)
    {
        IReadOnlyList<DiskId> ids = metadata.Root.Shape.Members;
        (_pool, _members, _metadata, _log) = (members.Name, members.Disks, metadata, log);
        _labels = members.Labels.ToDictionary(label => label.Id, label => label with { Members = ids });
        _unwrittenMembers.UnionWith(members.Labels.Where(label => !label.Members.SequenceEqual(ids)).Select(label => label.Id));
        foreach (DiskRecord record in DiskRecords.Load(metadata.Pool))
            _stored[record.Id] = record;
        foreach (MemberDisk member in _members)
        {
            if (_stored.TryGetValue(member.Id, out DiskRecord? record))
                member.Adopt(record.Health);
            if (members.ReadOnlyDisks.Contains(member.Id))
                member.Observe(DiskSign.ReadOnly, "its filesystem was mounted read-only when the pool was opened");
            member.StateChanged += Note;
        }
    }

    /// <summary>Raised after a change of state was noted, on whatever thread caused it.</summary>
    public event Action<DiskTransition>? Changed;

    /// <summary>What the last look found, by member index; null before the first.</summary>
    public ProbeResult? LastProbe(MemberDisk member)
    {
        lock (_lock)
            return _probes.GetValueOrDefault(member.Id).Result;
    }

    /// <summary>Since which generation the pool goes on without this disk although it could be mounted alone; None when that is not so.</summary>
    public Generation EvictedSince(MemberDisk member)
    {
        lock (_lock)
            return _stored.GetValueOrDefault(member.Id)?.Evicted ?? Generation.None;
    }

    /// <summary>Starts to look at the disks and to publish changes; <paramref name="now"/> is called every few seconds besides.</summary>
    public void Start(FileSystem files, Action now)
    {
        (_files, _now) = (files, now);
        _thread = new Thread(Run) { Name = "disk health", IsBackground = true };
        _thread.Start();
    }

    /// <summary>For the commit thread: puts what changed into the pool tree.</summary>
    public void BeforePublish()
    {
        PoolShape shape = _metadata.Root.Shape;
        bool isBelowQuorum = _members.Count(member => !member.HasLeft && !member.IsReadable) >= RootQuorum.RingsToMount(shape);
        var generation = new Generation(_metadata.CurrentTransaction.Value - 1);
        lock (_lock)
        {
            foreach (int index in _left)
                DiskRecords.Remove(_metadata.Pool, index);
            _left.Clear();
            foreach (MemberDisk member in _members.Where(member => !member.HasLeft))
            {
                DiskHealth health = member.Health;
                _stored.TryGetValue(member.Id, out DiskRecord? stored);
                Generation evicted = !isBelowQuorum || member.IsReadable ? Generation.None : stored?.Evicted is { } since && since != Generation.None ? since : generation;
                bool isNews = stored is not null ? stored.Health != health || stored.Evicted != evicted : evicted != Generation.None || health.State != DiskState.Healthy || health.ErrorCount > 0 || health.History.Count > 0;
                if (!isNews)
                    continue;
                var record = new DiskRecord(member.Index, member.Id, health, evicted);
                DiskRecords.Put(_metadata.Pool, record);
                _stored[member.Id] = record;
            }
        }
    }

    /// <summary>Looks at one disk now and applies what was found; null when the disk does not answer in time.</summary>
    public ProbeResult? Probe(MemberDisk member, TimeSpan patience, bool mayWrite)
    {
        if (member.Disk is not { } disk)
            return null;
        ProbeResult? result = null;
        try
        {
            if (!WaitFor(member.Queue.Run(() => result = DiskProbe.Look(disk, member.Id, mayWrite)), patience) || result is null)
            {
                member.Observe(DiskSign.Hung, "it did not answer a probe");
                return null;
            }
        }
        catch (DiskException e) when (e.Errno == Errno.ECANCELED)
        {
            return null;
        }

        Take(member, result);
        return result;
    }

    /// <summary>A disk joined, or stands in the table anew.</summary>
    public void Follow(MemberDisk member, DiskLabel? label)
    {
        member.StateChanged += Note;
        lock (_lock)
        {
            if (label is not null)
                _labels[member.Id] = label;
            _probes.Remove(member.Id);
        }
    }

    /// <summary>A disk leaves; the next commit does not know it any more.</summary>
    public void Forget(MemberDisk member)
    {
        member.StateChanged -= Note;
        lock (_lock)
        {
            _stored.Remove(member.Id);
            _labels.Remove(member.Id);
            _left.Add(member.Index);
        }
    }

    /// <summary>Writes the members into the labels, as far as the disks can be written: a hint for whoever looks for the disks of the pool.</summary>
    public void WriteMembers(IReadOnlyList<DiskId> members)
    {
        lock (_lock)
        {
            foreach (DiskLabel label in _labels.Values.ToArray())
                _labels[label.Id] = label with { Members = members };
            _unwrittenMembers.UnionWith(_labels.Keys);
        }

        WriteLabels();
    }

    /// <summary>Makes all changes durable now: a commit, then the labels. Throws when the commit fails.</summary>
    public void Publish()
    {
        Interlocked.Exchange(ref _isUnpublished, 0);
        if (_files is { IsReadOnly: false } files)
            files.Commits.Commit(force: true);
        WriteLabels();
    }

    /// <summary>Stops looking; before the last commit.</summary>
    public void Stop()
    {
        _stop.Set();
        _wake.Set();
        _thread?.Join(s_endLimit);
    }

    /// <summary>After the last commit: what it has goes into the labels.</summary>
    public void Dispose()
    {
        foreach (MemberDisk member in _members)
            member.StateChanged -= Note;
        if (_files is { IsReadOnly: false })
            WriteLabels();
    }

    private void Note(DiskTransition transition)
    {
        if (transition.Health.State == DiskState.Healthy)
            LogBetter(_log, transition.Disk.Name, DiskStateName.Of(transition.From), transition.Health.Reason, transition.Health.Who);
        else
            LogWorse(_log, transition.Disk.Name, DiskStateName.Of(transition.From), DiskStateName.Of(transition.Health.State), transition.Health.Reason, transition.Health.Evidence, transition.Health.Who, _pool);
        Interlocked.Exchange(ref _isUnpublished, 1);
        Changed?.Invoke(transition);
        _wake.Set();
    }

    private void Run()
    {
        var sinceProbe = Stopwatch.StartNew();
        while (!_stop.IsSet)
        {
            _wake.WaitOne(s_tick);
            if (_stop.IsSet)
                return;
            try
            {
                bool isTurn = sinceProbe.Elapsed >= s_probePeriod;
                if (isTurn)
                {
                    sinceProbe.Restart();
                    ProbeAll();
                    foreach (MemberDisk slow in _outliers.Find(_members))
                        slow.Observe(DiskSign.Slow, _outliers.Evidence(slow));
                }

                if (Interlocked.Exchange(ref _isUnpublished, 0) == 1)
                    Publish();
                else if (isTurn && _files is { IsReadOnly: false })
                    _now?.Invoke();
            }
            catch (Exception e) when (e is PoolException or DiskException or CorruptionException or ObjectDisposedException)
            {
                LogUnpublished(_log, e);
            }
        }
    }

    /// <summary>Asks all disks, without waiting: each takes up its answer itself, and one that has not answered yet is not asked again.</summary>
    private void ProbeAll()
    {
        foreach (MemberDisk member in _members)
        {
            if (member.Disk is not { } disk || member.State == DiskState.Failed)
                continue;
            lock (_lock)
            {
                (ProbeResult? last, int pending) = _probes.GetValueOrDefault(member.Id);
                if (pending > 0)
                    continue;
                _probes[member.Id] = (last, 1);
            }

            bool mayWrite = member.State == DiskState.Suspect;
            member.Queue.Run(() => Take(member, DiskProbe.Look(disk, member.Id, mayWrite))).ContinueWith(
                ended =>
                {
                    _ = ended.Exception;
                    lock (_lock)
                        _probes[member.Id] = (_probes.GetValueOrDefault(member.Id).Result, 0);
                },
                TaskScheduler.Default);
        }
    }

    private void Take(MemberDisk member, ProbeResult result)
    {
        lock (_lock)
            _probes[member.Id] = (result, _probes.GetValueOrDefault(member.Id).Pending);
        member.Observe(result.Sign, result.Evidence);
    }

    /// <summary>Brings the labels of the disks up to date, as far as they can be written.</summary>
    private void WriteLabels()
    {
        lock (_labelWriting)
        {
            foreach (MemberDisk member in _members)
            {
                // A disk that the engine gave up is not touched any more; one that an operator gave up can be told so.
                if (member.Disk is not { } disk || (!member.IsReadable && member.Health.Who == DiskHealth.Engine))
                    continue;
                DiskLabel? label;
                lock (_lock)
                    label = _labels.GetValueOrDefault(member.Id);
                DiskHealth health = member.Health;
                bool hasMembers;
                lock (_lock)
                    hasMembers = !_unwrittenMembers.Contains(member.Id);
                if (label is null || (label.Health == health && hasMembers))
                    continue;
                DiskLabel next = label with { Health = health };
                try
                {
                    Task task = member.Queue.Run(() => DiskLabelFile.Write(disk, next));
                    if (!WaitFor(task, s_probePeriod))
                        continue;
                    lock (_lock)
                    {
                        _labels[member.Id] = next;
                        _unwrittenMembers.Remove(member.Id);
                    }
                }
                catch (Exception e) when (e is DiskException or CorruptionException or ObjectDisposedException)
                {
                    LogLabel(_log, member.Name, e.Message);
                }
            }
        }
    }

    private static bool WaitFor(Task task, TimeSpan limit)
    {
        try
        {
            return task.Wait(limit);
        }
        catch (AggregateException e) when (e.InnerException is { } inner)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(inner);
            throw;
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "disk {Disk}: {From} -> {To}: {Reason} ({Evidence}; by {Who}). 'dynfs health {Pool}' shows its history")]
    private static partial void LogWorse(ILogger log, string disk, string from, string to, string reason, string evidence, string who, string pool);

    [LoggerMessage(Level = LogLevel.Information, Message = "disk {Disk}: {From} -> HEALTHY: {Reason} (by {Who})")]
    private static partial void LogBetter(ILogger log, string disk, string from, string reason, string who);

    [LoggerMessage(Level = LogLevel.Warning, Message = "a change of a disk's health could not be stored yet; the next commit takes it along")]
    private static partial void LogUnpublished(ILogger log, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "disk {Disk}: its label could not be brought up to date: {Reason}; the pool's metadata has its health")]
    private static partial void LogLabel(ILogger log, string disk, string reason);
}
