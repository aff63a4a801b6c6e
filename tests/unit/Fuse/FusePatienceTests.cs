using DynamicFs.Fuse;
using Xunit;

namespace DynamicFs.UnitTests.Fuse;

public sealed class FusePatienceTests
{
    [Fact]
    public void A_request_that_comes_soon_is_waited_for()
    {
        int looks = 0;
        var patience = new FusePatience(() => ++looks == 2, new Ticking(microseconds: 1));
        patience.Await();
        Assert.Equal((1, 0), (patience.Hits, patience.Misses));
        Assert.Equal(2, looks);
    }

    [Fact]
    public void Looking_in_vain_ends_but_is_tried_again()
    {
        bool isBusy = false;
        var patience = new FusePatience(() => isBusy, new Ticking(microseconds: 20));
        for (int i = 0; i < 4; i++)
            patience.Await();
        Assert.Equal(4, patience.Misses);
        for (int i = 0; i < 31; i++)
            patience.Await();
        Assert.Equal(4, patience.Misses);
        isBusy = true;
        patience.Await();
        patience.Await();
        Assert.Equal((2, 4), (patience.Hits, patience.Misses));
    }

    [Fact]
    public void One_reader_at_a_time_looks()
    {
        FusePatience patience = null!;
        int looks = 0;
        patience = new FusePatience(() =>
        {
            looks++;
            patience.Await(); // as a second reader would
            return true;
        }, new Ticking(microseconds: 1));
        patience.Await();
        Assert.Equal((1, 1), (looks, patience.Hits));
    }

    /// <summary>Goes on by so much each time it is looked at.</summary>
    private sealed class Ticking(int microseconds) : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => 1_000_000;

        public override long GetTimestamp() => _now += microseconds;
    }
}
