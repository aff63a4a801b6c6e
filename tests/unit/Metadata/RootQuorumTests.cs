using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Metadata;

public sealed class RootQuorumTests
{
    private static readonly DiskId[] s_ids = [.. Enumerable.Range(1, 8).Select(i => new DiskId(new Guid(i, 0, 0, new byte[8])))];

    /// <summary>
    /// For every way in which the members change by one, and every set of disks that took the record: when that counts as enough, no set of disks with which the pool could be
    /// mounted, by the old record or by the new one, is without the new record.
    /// </summary>
    [Theory]
    [InlineData(1, 0, 1)]
    [InlineData(2, 1, 1)]
    [InlineData(3, 2, 1)]
    [InlineData(4, 2, 1)]
    [InlineData(5, 2, 1)]
    [InlineData(6, 2, 1)]
    [InlineData(4, 2, -1)]
    [InlineData(5, 2, -1)]
    [InlineData(6, 2, -1)]
    [InlineData(7, 2, -1)]
    [InlineData(5, 1, -1)]
    public void A_change_of_members_that_counts_is_seen_by_every_later_mount(int count, int tolerance, int change)
    {
        var scheme = RedundancyScheme.Replica(tolerance + 1);
        DiskId[] old = s_ids[..count];
        DiskId[] next = change > 0 ? s_ids[..(count + 1)] : [.. old[..^1], default];
        var before = new PoolShape(old, scheme, [0]);
        var after = new PoolShape(next, scheme, [0]);
        DiskId[] targets = [.. next.Where(id => id.Value != Guid.Empty)];
        int accepted = 0;
        for (int took = 0; took < 1 << targets.Length; took++)
        {
            DiskId[] written = [.. targets.Where((_, i) => (took >> i & 1) != 0)];
            if (!RootQuorum.IsReached(before, after, written))
                continue;
            accepted++;
            // Below 2 m + 1 disks the survivors alone are enough, and the registry is the witness (see RootQuorum.Required).
            if (count < (2 * tolerance) + 1 || after.MemberCount < (2 * tolerance) + 1)
                continue;
            Assert.True(old.Except(written).Count() < RootQuorum.RingsToMount(before), "the old members without the record could be mounted");
            Assert.True(targets.Except(written).Count() < RootQuorum.RingsToMount(after), "the new members without the record could be mounted");
        }

        Assert.True(accepted > 0);
    }

    [Fact]
    public void Places_of_members_that_left_do_not_count()
    {
        var shape = new PoolShape([s_ids[0], default, s_ids[2], s_ids[3], s_ids[4]], RedundancyScheme.Replica(2), [0]);
        Assert.Equal((4, 3, 2), (shape.MemberCount, RootQuorum.RingsToMount(shape), RootQuorum.Required(shape)));
    }
}
