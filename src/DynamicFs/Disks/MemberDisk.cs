using DynamicFs.Primitives;

namespace DynamicFs.Disks;

/// <summary>
/// One member of a pool as the engine sees it: its place in the pool (<see cref="Index"/>, stable for life, what extent records name), its identity,
/// the seam to it (null while it is missing), its health and its queue. Every failed call goes through here and moves the disk on the <see cref="DiskLadder"/>. Thread-safe.
/// </summary>
public sealed class MemberDisk : IDisposable
{
    private static long s_stateCount;

    private readonly TimeProvider _time;
    private readonly LadderLimits _limits;

    /// <summary>Protects the position and the health; a leaf lock, events are raised outside of it.</summary>
    private readonly Lock _lock = new();
    private LadderPosition _position;
    private DiskHealth _health;
    private int _state;
    private long _stateStamp = Interlocked.Increment(ref s_stateCount);
    private long _readFailureCount;
    private long _writeFailureCount;
    private long _corruptionCount;

    public MemberDisk(int index, DiskId id, string name, IDisk? disk, DiskState state, DiskQueue queue)
        : this(index, id, name, disk, DiskHealth.New(TimeProvider.System.GetUtcNow(), DiskHealth.Engine) with { State = state }, queue)
    {
    }

    /// <summary>The place of a member that left.</summary>
    public static MemberDisk Gap(int index) => new(index, default, $"(disk {index} was removed)", null, DiskState.Failed, new DiskQueue($"gap {index}", threads: 0));

    public MemberDisk(int index, DiskId id, string name, IDisk? disk, DiskHealth health, DiskQueue queue, TimeProvider? time = null, LadderLimits? limits = null)
    {
        (Index, Id, Name, Disk, Queue) = (index, id, name, disk, queue);
        (_time, _limits, _health) = (time ?? TimeProvider.System, limits ?? LadderLimits.Default, health);
        _position = PositionOf(health);
        _state = (int)health.State;
    }

    public int Index { get; }
    public DiskId Id { get; }
    public string Name { get; }
    public IDisk? Disk { get; }
    public DiskQueue Queue { get; }

    /// <summary>No disk any more: what stood here has left the pool for good. The id of such a place is empty.</summary>
    public bool HasLeft => Id.Value == Guid.Empty;

    public DiskState State => (DiskState)Volatile.Read(ref _state);

    /// <summary>Another number after every change of state, and for every disk: who looks from time to time also sees that a state came back.</summary>
    public long StateStamp => Volatile.Read(ref _stateStamp);

    public bool IsPresent => Disk is not null;
    public bool IsReadable => Disk is not null && State != DiskState.Failed;

    /// <summary>Its calls take long at the moment: whoever can, asks others.</summary>
    public bool IsLagging => Disk is PatientDisk { IsLagging: true };

    public bool IsWritable => Disk is not null && State == DiskState.Healthy;
    public long ReadFailureCount => Volatile.Read(ref _readFailureCount);
    public long WriteFailureCount => Volatile.Read(ref _writeFailureCount);
    public long CorruptionCount => Volatile.Read(ref _corruptionCount);

    public DiskHealth Health
    {
        get
        {
            lock (_lock)
                return _health;
        }
    }

    /// <summary>Raised once per failed call with the failure. Raised on whatever thread met the failure.</summary>
    public event Action<MemberDisk, DiskException>? FailureReported;

    /// <summary>Raised once per piece of bad bytes that was read from this disk (they count as an erasure); it changes no state by itself.</summary>
    public event Action<MemberDisk, CorruptionException>? CorruptionReported;

    /// <summary>Raised after each change of state, on whatever thread caused it.</summary>
    public event Action<DiskTransition>? StateChanged;

    /// <summary>Records a failed call. A full disk is not a broken one: ENOSPC changes nothing.</summary>
    public void ReportFailure(DiskException failure, bool isWrite)
    {
        Interlocked.Increment(ref isWrite ? ref _writeFailureCount : ref _readFailureCount);
        if (failure.Errno is not (Errno.ENOSPC or Errno.EDQUOT))
        {
            if (SignOf(failure.Errno, isWrite) is { } sign)
                Observe(sign, failure.Message);
        }

        FailureReported?.Invoke(this, failure);
    }

    public void ReportCorruption(CorruptionException corruption)
    {
        Interlocked.Increment(ref _corruptionCount);
        lock (_lock)
            _health = _health.With(new DiskEvent(_time.GetUtcNow(), $"bad bytes: {corruption.Target}"), errors: 1);
        CorruptionReported?.Invoke(this, corruption);
    }

    /// <summary>Something was seen of the disk: moves it as the ladder says.</summary>
    public DiskTransition? Observe(DiskSign sign, string evidence)
    {
        DiskTransition? transition = null;
        lock (_lock)
        {
            DateTimeOffset now = _time.GetUtcNow();
            DiskState from = State;
            if (sign is DiskSign.Error or DiskSign.WriteError or DiskSign.Hung or DiskSign.ReadOnly)
                _health = _health.With(new DiskEvent(now, evidence), errors: 1);
            _position = DiskLadder.Next(_position, sign, now, _limits, out string? reason);
            if (reason is not null)
                transition = Step(from, _position.State, reason, evidence, DiskHealth.Engine, now);
        }

        if (transition is not null)
            StateChanged?.Invoke(transition);
        return transition;
    }

    /// <summary>An operator, or work that an operator started, puts the disk into a state.</summary>
    public DiskTransition Order(DiskState state, string reason, string evidence, string who)
    {
        DiskTransition transition;
        lock (_lock)
        {
            DateTimeOffset now = _time.GetUtcNow();
            DiskState from = State;
            _position = DiskLadder.Order(state, now);
            transition = Step(from, state, reason, evidence, who, now);
        }

        StateChanged?.Invoke(transition);
        return transition;
    }

    /// <summary>Takes over what the pool's metadata, or a label, knows of this disk.</summary>
    public void Adopt(DiskHealth health)
    {
        lock (_lock)
        {
            (_health, _position) = (health, PositionOf(health));
            Enter(health.State);
        }
    }

    /// <summary>For the engine's own judgement at a mount; no history, no event.</summary>
    public void SetState(DiskState state)
    {
        lock (_lock)
        {
            _health = _health with { State = state };
            _position = LadderPosition.At(state, isOrdered: false, _time.GetUtcNow());
            Enter(state);
        }
    }

    /// <summary>From now on it takes no calls; those under way end.</summary>
    public void Retire()
    {
        Queue.Retire();
        (Disk as PatientDisk)?.Calls.Retire();
    }

    public void Dispose()
    {
        Queue.Dispose();
        Disk?.Dispose();
    }

    private DiskTransition Step(DiskState from, DiskState to, string reason, string evidence, string who, DateTimeOffset now)
    {
        _health = _health.To(to, reason, now, evidence, who);
        Enter(to);
        return new DiskTransition(this, from, _health);
    }

    private void Enter(DiskState state)
    {
        if (Interlocked.Exchange(ref _state, (int)state) != (int)state)
            Volatile.Write(ref _stateStamp, Interlocked.Increment(ref s_stateCount));
    }

    /// <summary>Errors of an earlier mount do not count any more; a SUSPECT disk starts a new clean window.</summary>
    private LadderPosition PositionOf(DiskHealth health) => LadderPosition.At(health.State, health.Who != DiskHealth.Engine, _time.GetUtcNow());

    /// <summary>Null: calls that were given up are judged by the watchdog, once, and not by each of those who waited.</summary>
    private static DiskSign? SignOf(Errno errno, bool isWrite) => errno switch
    {
        Errno.EROFS => DiskSign.ReadOnly,
        Errno.ECANCELED => null,
        _ => isWrite ? DiskSign.WriteError : DiskSign.Error,
    };
}
