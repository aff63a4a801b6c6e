using DynamicFs.Maintenance;
using Xunit;

namespace DynamicFs.UnitTests.Maintenance;

/// <summary>Everything is done once, by several at the same time, and nothing is under way when it returns.</summary>
public sealed class MaintenanceCrewTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public void EachItemIsDoneOnce(int helpers)
    {
        using var crew = new MaintenanceCrew(helpers);
        for (int round = 0; round < 200; round++)
        {
            int[] done = new int[round % 17];
            crew.Run(done.Length, index => Interlocked.Increment(ref done[index]));
            Assert.All(done, count => Assert.Equal(1, count));
        }
    }

    [Fact]
    public void WithoutHelpersTheOrderIsKept()
    {
        using var crew = new MaintenanceCrew(0);
        var order = new List<int>();
        crew.Run(5, order.Add);
        Assert.Equal([0, 1, 2, 3, 4], order);
    }

    [Fact]
    public void SeveralWorkAtTheSameTime()
    {
        using var crew = new MaintenanceCrew(2);
        using var all = new Barrier(crew.Width);
        crew.Run(crew.Width, _ => Assert.True(all.SignalAndWait(TimeSpan.FromSeconds(30)), "nobody else came"));
    }

    [Fact]
    public void NothingIsUnderWayWhenItReturns()
    {
        using var crew = new MaintenanceCrew(3);
        Thread caller = Thread.CurrentThread;
        for (int round = 0; round < 3; round++)
        {
            int ended = 0;
            crew.Run(20, _ =>
            {
                Thread.Sleep(Thread.CurrentThread == caller ? 2 : 60);
                Interlocked.Increment(ref ended);
            });
            Assert.Equal(20, ended);
        }
    }

    [Fact]
    public void AFailureComesWhenAllHaveEnded()
    {
        using var crew = new MaintenanceCrew(3);
        int ended = 0;
        Assert.Throws<InvalidOperationException>(() => crew.Run(20, index =>
        {
            if (index == 3)
                throw new InvalidOperationException();
            Interlocked.Increment(ref ended);
        }));
        Assert.Equal(19, ended);
        crew.Run(5, _ => Interlocked.Increment(ref ended));
        Assert.Equal(24, ended);
    }
}
