using DynamicFs.Disks;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Disks;

/// <summary>Calls that do not return: who waits for them is let go, and what returns later does no harm.</summary>
public sealed class PatientDiskTests : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    private readonly ManualResetEventSlim _gate = new(initialState: false);

    public void Dispose()
    {
        _gate.Set();
    }

    [Fact]
    public async Task A_queue_gives_up_what_hangs_and_what_waits_behind_it_and_takes_nothing_until_it_returns()
    {
        using var queue = new DiskQueue("d", threads: 1);
        Task hangs = queue.Run(_gate.Wait);
        Task waits = queue.Run(() => Assert.Fail("it was given up before it began"));
        Assert.True(SpinWait.SpinUntil(() => queue.Statistics().InFlightCount == 1, s_limit));
        Assert.True(queue.GiveUp(TimeSpan.Zero));
        AssertGivenUp(hangs);
        AssertGivenUp(waits);
        Assert.True(queue.IsStuck);
        AssertGivenUp(queue.Run(() => Assert.Fail("the disk still hangs")));
        Assert.False(queue.GiveUp(TimeSpan.Zero));

        _gate.Set();
        Assert.True(SpinWait.SpinUntil(() => !queue.IsStuck, s_limit));
        bool ran = false;
        await queue.Run(() => ran = true).WaitAsync(s_limit);
        Assert.True(ran);
    }

    [Fact]
    public async Task A_round_over_disks_ends_when_one_of_them_hangs()
    {
        MemberDisk[] members = [.. Enumerable.Range(0, 3).Select(i => new MemberDisk(i, DiskId.New(), $"d{i}", disk: null, DiskState.Healthy, new DiskQueue($"d{i}", threads: 1)))];
        Task<DiskException?[]> round = Task.Run(() => DiskRound.Run(members, isWrite: true, member =>
        {
            if (member.Index == 1)
                _gate.Wait();
        }));
        Assert.True(SpinWait.SpinUntil(() => members[1].Queue.Statistics().InFlightCount == 1, s_limit));
        var watchdog = new WatchdogLimits { Hang = TimeSpan.Zero, Gone = TimeSpan.FromDays(1) };
        DiskException?[] failures;
        using (new DiskWatchdog(() => [members[1]], watchdog))
            failures = await round.WaitAsync(s_limit);
        Assert.Equal([null, Errno.ECANCELED, null], failures.Select(failure => failure?.Errno));
        Assert.Equal([DiskState.Healthy, DiskState.Suspect, DiskState.Healthy], members.Select(member => member.State));
    }

    [Fact]
    public void Who_asks_a_disk_that_hangs_is_let_go()
    {
        var disk = HangingDisk(_gate);
        using var patient = new PatientDisk(disk);
        Task<DiskSpace> asked = Task.Run(patient.Space);
        Assert.True(SpinWait.SpinUntil(() => patient.Calls.Statistics().InFlightCount == 1, s_limit));
        patient.Calls.GiveUp(TimeSpan.Zero);
        AssertGivenUp(asked);
        patient.IsLagging = true;
        using (DiskPatience.Limited(isShort: true))
            Assert.Equal(Errno.ECANCELED, Assert.Throws<DiskException>(() => patient.Space()).Errno);

        _gate.Set();
        Assert.True(SpinWait.SpinUntil(() => !patient.Calls.IsStuck, s_limit));
        Assert.Equal(7, patient.Space().TotalBytes);
    }

    [Fact]
    public void A_disk_that_was_let_go_of_takes_no_calls()
    {
        var patient = new PatientDisk(HangingDisk(_gate));
        using var member = new MemberDisk(0, DiskId.New(), "d", patient, DiskState.Healthy, new DiskQueue("d", threads: 1));
        member.Retire();
        AssertGivenUp(member.Queue.Run(() => Assert.Fail("it was let go of")));
        Assert.Equal(Errno.ECANCELED, Assert.Throws<DiskException>(() => patient.Space()).Errno);
        Assert.Equal(DiskState.Healthy, member.State);
    }

    private static void AssertGivenUp(Task task)
    {
        AggregateException failure = Assert.Throws<AggregateException>(() => task.Wait(s_limit));
        Assert.Equal(Errno.ECANCELED, Assert.IsType<DiskException>(failure.InnerException).Errno);
    }

    private static SpaceOnlyDisk HangingDisk(ManualResetEventSlim gate) => new("hanging", () =>
    {
        gate.Wait();
        return new DiskSpace(7, 7, 7, 7, false, 7);
    });
}
