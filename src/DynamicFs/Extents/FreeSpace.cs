using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>
/// What is free on a writable member's device: measured, less what was written since and what is being written. Members on the same device
/// share it: <paramref name="Sharing"/> of them are writable.
/// </summary>
internal readonly record struct MemberRoom(MemberDisk Member, long FreeBytes, long TotalBytes, ulong Device, int Sharing)
{
    public long ShareBytes => FreeBytes / Sharing;
}

/// <summary>
/// Keeps the free space of the members: asks the disks when the last answer is older than a second (on their queues, not waiting long for one
/// that does not answer) and counts what is written in between. Thread-safe.
/// </summary>
internal sealed class FreeSpace
{
    private const int MaxAgeMs = 1000;
    private const int PatienceMs = 250;

    /// <summary>Held while the disks are asked, so that one thread does; taken before <see cref="_lock"/>.</summary>
    private readonly Lock _refreshLock = new();

    /// <summary>Protects the state of all meters; a leaf lock.</summary>
    private readonly Lock _lock = new();
    private readonly IReadOnlyList<MemberDisk> _members;
    private Meter[] _meters;
    private readonly TimeProvider _time;
    private long _askedAt;
    private bool _wasAsked;
    private long _deletions;
    private long _askedAtDeletion;

    public FreeSpace(IReadOnlyList<MemberDisk> members, TimeProvider time)
    {
        _time = time;
        _members = members;
        _meters = [.. members.Select(member => new Meter(this, member))];
    }

    /// <summary>
    /// What nobody but metadata, deletion and repair may use: 2 % of the device, from 64 MiB to 2 GiB, but no more than an eighth. Placement goes down to
    /// half of it, so that what was promised under the full reserve (and compaction) always finds room.
    /// </summary>
    public static long ReserveBytes(long totalBytes) => Math.Min(totalBytes / 8, Math.Clamp(totalBytes / 50, 64L << 20, 2L << 30));

    /// <summary>The writable members whose space is known, less <paramref name="reserveDivisor"/>-th of the reserve.</summary>
    public MemberRoom[] Survey(int reserveDivisor)
    {
        Refresh();
        lock (_lock)
        {
            var rooms = new List<MemberRoom>(_meters.Length);
            foreach (Meter meter in _meters)
            {
                if (meter is { IsKnown: true, Member.IsWritable: true })
                    rooms.Add(RoomOf(meter, reserveDivisor));
            }

            return [.. rooms];
        }
    }

    /// <summary>Counts bytes that are about to be written; every call is followed by one of <see cref="Settle"/>.</summary>
    public void Claim(MemberDisk member, long lengthBytes)
    {
        lock (_lock)
            MeterOf(member).ClaimedBytes += lengthBytes;
    }

    public void Settle(MemberDisk member, long lengthBytes, bool wasWritten)
    {
        lock (_lock)
        {
            Meter meter = MeterOf(member);
            meter.ClaimedBytes -= lengthBytes;
            if (wasWritten)
                meter.WrittenBytes += lengthBytes;
        }
    }

    /// <summary>The disk said that it is full, whatever it answers about its space (a quota, for example): believed until it is asked again.</summary>
    public void MarkFull(MemberDisk member)
    {
        lock (_lock)
            MeterOf(member).IsFull = true;
    }

    /// <summary>Something was deleted: the last answer is not believed any more, or a full pool would stay full for a while.</summary>
    public void NoteDeletion() => Interlocked.Increment(ref _deletions);

    /// <summary>Disks come and go while the pool is open.</summary>
    private void FollowMembers()
    {
        lock (_lock)
        {
            if (_meters.Length == _members.Count && _meters.Zip(_members).All(pair => pair.First.Member == pair.Second))
                return;
            _meters = [.. _members.Select(member => Array.Find(_meters, meter => meter.Member == member) ?? new Meter(this, member))];
            _wasAsked = false;
        }
    }

    private void Refresh()
    {
        lock (_refreshLock)
        {
            FollowMembers();
            long deletions = Interlocked.Read(ref _deletions);
            if (_wasAsked && deletions == _askedAtDeletion && _time.GetElapsedTime(_askedAt).TotalMilliseconds < MaxAgeMs)
                return;
            var group = new WorkGroup();
            foreach (Meter meter in _meters)
            {
                if (meter.Member.IsReadable && Interlocked.Exchange(ref meter.IsPending, 1) == 0)
                    group.Post(meter.Member, new MeterWork(meter));
            }

            group.Wait(PatienceMs);
            (_askedAt, _wasAsked, _askedAtDeletion) = (_time.GetTimestamp(), true, deletions);
        }
    }

    private MemberRoom RoomOf(Meter meter, int reserveDivisor)
    {
        ulong device = meter.Space.DeviceNumber;
        long available = meter.Space.AvailableBytes, total = meter.Space.TotalBytes;
        bool hasInodes = meter.Space is { TotalInodes: 0 } or { FreeInodes: > 0 };
        long pending = meter.ClaimedBytes + meter.WrittenBytes;
        int sharing = 1;
        foreach (Meter other in _meters)
        {
            if (other == meter || !other.IsKnown || device == 0 || other.Space.DeviceNumber != device)
                continue;
            pending += other.ClaimedBytes + other.WrittenBytes;
            available = Math.Min(available, other.Space.AvailableBytes);
            if (other.Member.IsWritable)
                sharing++;
        }

        long reserve = ReserveBytes(total) / reserveDivisor;
        long free = hasInodes && !meter.IsFull && !meter.Space.IsReadOnly ? Math.Max(0, available - pending - reserve) : 0;
        return new MemberRoom(meter.Member, free, Math.Max(0, total - reserve), device, sharing);
    }

    private Meter MeterOf(MemberDisk member)
    {
        foreach (Meter meter in _meters)
        {
            if (meter.Member == member)
                return meter;
        }

        // It left meanwhile; nobody asks how full it is.
        return new Meter(this, member);
    }

    private sealed class Meter(FreeSpace owner, MemberDisk member)
    {
        public readonly MemberDisk Member = member;
        public DiskSpace Space;
        public bool IsKnown;
        public bool IsFull;
        public long ClaimedBytes;
        public long WrittenBytes;

        /// <summary>1 while the disk is being asked; a hung disk is not asked twice.</summary>
        public int IsPending;

        public void Ask()
        {
            try
            {
                long writtenBefore;
                lock (owner._lock)
                    writtenBefore = WrittenBytes;
                DiskSpace space = Member.Disk!.Space();
                lock (owner._lock)
                {
                    // What was written while the disk was asked may not be in its answer: it stays counted.
                    WrittenBytes -= writtenBefore;
                    (Space, IsKnown, IsFull) = (space, true, false);
                }
            }
            catch (DiskException e)
            {
                Member.ReportFailure(e, isWrite: false);
            }
            finally
            {
                Volatile.Write(ref IsPending, 0);
            }
        }
    }

    private sealed class MeterWork(Meter meter) : GroupWork
    {
        protected override void Run() => meter.Ask();

        protected override void Fail(DiskException reason) => Volatile.Write(ref meter.IsPending, 0);
    }
}
