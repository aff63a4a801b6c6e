using DynamicFs.Disks;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Disks;

public sealed class DiskRoundTests : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private readonly List<MemberDisk> _members = [];

    public void Dispose() => _members.ForEach(member => member.Dispose());

    [Fact]
    public void All_disks_work_at_the_same_time_and_the_caller_waits_for_all()
    {
        Add(count: 4, threads: 1);
        using var meeting = new Barrier(4);
        int[] done = new int[4];
        DiskException?[] failures = DiskRound.Run(_members, isWrite: true, member =>
        {
            Assert.True(meeting.SignalAndWait(s_limit));
            done[member.Index]++;
        });
        Assert.Equal([1, 1, 1, 1], done);
        Assert.Equal([null, null, null, null], failures);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void A_failing_disk_is_reported_and_stops_no_other(int threads)
    {
        Add(count: 3, threads);
        List<string> reported = [];
        _members[1].FailureReported += (member, failure) => reported.Add($"{member.Name} {failure.Errno}");
        int count = 0;
        DiskException?[] failures = DiskRound.Run(_members, isWrite: true, member =>
        {
            Interlocked.Increment(ref count);
            if (member.Index == 1)
                throw new DiskException(member.Name, "write", Errno.EIO);
        });
        Assert.Equal(3, count);
        Assert.Equal([null, Errno.EIO, null], failures.Select(f => f?.Errno));
        Assert.Equal(["d1 EIO"], reported);
        Assert.Equal([DiskState.Healthy, DiskState.Suspect, DiskState.Healthy], _members.Select(m => m.State));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Any_other_exception_is_thrown_after_all_have_ended(int threads)
    {
        Add(count: 3, threads);
        int count = 0;
        Assert.Throws<InvalidOperationException>(() => DiskRound.Run(_members, isWrite: true, member =>
        {
            Interlocked.Increment(ref count);
            if (member.Index == 0)
                throw new InvalidOperationException();
        }));
        Assert.Equal(3, count);
    }

    [Fact]
    public void A_closed_queue_fails_the_round_and_not_the_process()
    {
        Add(count: 2, threads: 1);
        _members[0].Queue.Dispose();
        bool ran = false;
        Assert.Throws<ObjectDisposedException>(() => DiskRound.Run(_members, isWrite: false, _ => ran = true));
        Assert.True(ran);
    }

    [Fact]
    public void No_members_is_no_work() => Assert.Empty(DiskRound.Run([], isWrite: true, _ => Assert.Fail("never called")));

    [Theory]
    [InlineData(Errno.EIO, true, DiskState.Suspect)]
    [InlineData(Errno.EROFS, true, DiskState.Degraded)]
    [InlineData(Errno.ENOSPC, true, DiskState.Healthy)]
    [InlineData(Errno.EDQUOT, true, DiskState.Healthy)]
    [InlineData(Errno.EIO, false, DiskState.Healthy)]
    public void A_failure_moves_a_healthy_disk_down_the_ladder(Errno errno, bool isWrite, DiskState expected)
    {
        Add(count: 1, threads: 0);
        _members[0].ReportFailure(new DiskException("d0", "x", errno), isWrite);
        Assert.Equal(expected, _members[0].State);
        Assert.Equal((isWrite ? 0 : 1, isWrite ? 1 : 0), (_members[0].ReadFailureCount, _members[0].WriteFailureCount));
    }

    [Fact]
    public void A_failure_never_moves_a_disk_up_and_corruption_moves_none()
    {
        Add(count: 1, threads: 0);
        List<string> reported = [];
        _members[0].CorruptionReported += (_, corruption) => reported.Add(corruption.Target);
        _members[0].ReportCorruption(new CorruptionException("d0", "fragment", "a", "b"));
        Assert.Equal(["fragment"], reported);
        Assert.Equal(DiskState.Healthy, _members[0].State);
        _members[0].SetState(DiskState.Failed);
        _members[0].ReportFailure(new DiskException("d0", "x", Errno.EIO), isWrite: true);
        Assert.Equal(DiskState.Failed, _members[0].State);
    }

    private void Add(int count, int threads)
    {
        for (int i = 0; i < count; i++)
            _members.Add(new MemberDisk(i, DiskId.New(), $"d{i}", disk: null, DiskState.Healthy, new DiskQueue($"d{i}", threads)));
    }
}
