using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Extents;

public sealed class WriteFaultTests
{
    private static readonly RedundancyScheme s_fourPlusTwo = RedundancyScheme.ReedSolomon(4, 2);

    public static TheoryData<string, int, int, Errno, bool> Faults()
    {
        var cases = new TheoryData<string, int, int, Errno, bool>();
        foreach (Errno errno in (Errno[])[Errno.EIO, Errno.ENOSPC, Errno.EROFS, Errno.EDQUOT])
        {
            foreach (bool isLasting in (bool[])[false, true])
            {
                cases.Add("rs:4+2", 6, 1, errno, isLasting);
                cases.Add("rs:4+2", 7, 1, errno, isLasting);
                cases.Add("rs:4+2", 6, 2, errno, isLasting);
                cases.Add("rs:4+2", 6, 5, errno, isLasting);
                cases.Add("replica:2", 2, 1, errno, isLasting);
                cases.Add("replica:3", 4, 2, errno, isLasting);
            }
        }

        return cases;
    }

    /// <summary>The n-th call of some disks fails, for every n, once or from then on: a whole extent or nothing.</summary>
    [Theory]
    [MemberData(nameof(Faults))]
    public void The_nth_call_fails(string policy, int diskCount, int faultyCount, Errno errno, bool isLasting)
    {
        Assert.True(RedundancyScheme.TryParse(policy, out RedundancyScheme scheme, out _));
        using var pool = new ExtentPool(diskCount);
        byte[] data = ExtentPool.Bytes(20_000, 1);
        var kept = new List<ExtentRecord> { pool.Write(scheme, data) };
        int hits = 0;

        // Space, create, write, sync, read back, mkdir, rename, and the same once more when another disk's fragment comes here.
        for (int n = 1; n <= 14; n++)
        {
            pool.Heal();

            // A new group, so that making its directory is among the calls.
            var id = new ExtentId(((ulong)n + 100) << 8);
            for (int i = 0; i < faultyCount; i++)
            {
                int left = n;
                bool isBroken = false;
                pool.Disks[i].Fault = (call, _, _) =>
                {
                    // A disk that cannot even unlink keeps what it has; that is what RemoveUncommitted is for.
                    if (call == DiskCall.Unlink || (--left != 0 && !(isBroken && isLasting)))
                        return Errno.None;
                    isBroken = true;
                    hits++;
                    return errno;
                };
            }

            ExtentRecord? record = Try(() => pool.Write(scheme, data, id), errno);
            if (record is not null)
            {
                kept.Add(record);
                Assert.InRange(record.Fragments.Count(place => place.IsPlaced), record.Scheme.MinWrite, record.Scheme.Width);
                foreach (FaultyDisk disk in pool.Disks)
                    disk.Fault = null;
                pool.AssertReads(record, data, ranges: 1);
                if (errno is Errno.ENOSPC or Errno.EDQUOT)
                    Assert.All(record.Fragments, place => Assert.True(place.IsPlaced));
            }

            Assert.Equal(ExtentPool.FilesOf(kept), pool.Files());
        }

        Assert.True(hits >= 5);
        Assert.All(kept, record => pool.AssertReads(record, data, ranges: 0));
    }

    [Fact]
    public void A_failed_sync_is_never_tried_again_on_the_same_file()
    {
        using var pool = new ExtentPool(7);
        for (int i = 0; i < 7; i++)
            pool.Disks[i].Fault = FirstSyncOnly();
        byte[] data = ExtentPool.Bytes(100_000, 1);
        ExtentRecord? record = Try(() => pool.Write(s_fourPlusTwo, data), Errno.EIO);
        Assert.Null(record);
        Assert.Empty(pool.Files());
        foreach (FaultyDisk disk in pool.Disks)
        {
            string[] syncs = [.. disk.Log.Where(line => line.StartsWith("Sync ", StringComparison.Ordinal))];
            Assert.Equal(syncs.Distinct(), syncs);
        }

        static Func<DiskCall, int, string, Errno> FirstSyncOnly()
        {
            bool isDone = false;
            return (call, _, _) =>
            {
                if (call != DiskCall.Sync || isDone)
                    return Errno.None;
                isDone = true;
                return Errno.EIO;
            };
        }
    }

    [Fact]
    public void Bytes_that_come_back_different_are_a_failed_write()
    {
        using var pool = new ExtentPool(7);
        pool.Disks[2].CorruptsWrites = true;
        byte[] data = ExtentPool.Bytes(100_000, 1);
        for (int i = 0; i < 12; i++)
        {
            ExtentRecord record = pool.Write(s_fourPlusTwo, data);
            Assert.DoesNotContain(record.Fragments, place => place.DiskIndex == 3);
            pool.AssertReads(record, data);
        }

        Assert.Equal(DiskState.Suspect, pool.Members[2].State);
        Assert.Equal(1, pool.Store.Counters.ReroutedFragments);
        Assert.DoesNotContain(pool.Files(), file => file.StartsWith("3:", StringComparison.Ordinal));
    }

    [Fact]
    public void Order_of_the_pipeline()
    {
        using var pool = new ExtentPool(1);
        pool.Disks[0].Log.Clear();
        ExtentRecord record = pool.Write(RedundancyScheme.Replica(1), ExtentPool.Bytes(5000, 1), new ExtentId(0x5_01));
        Assert.Empty(pool.Store.SyncDirectories());
        pool.Write(RedundancyScheme.Replica(1), ExtentPool.Bytes(5000, 1), new ExtentId(0x5_02));
        Assert.Empty(pool.Store.SyncDirectories());
        Assert.Empty(pool.Store.SyncDirectories());
        string first = FragmentName.Temporary(record.Id, 0), second = FragmentName.Temporary(new ExtentId(0x5_02), 0), group = FragmentName.GroupDirectory(5);
        Assert.Equal(
            [
                "Space ", $"Create {first}", $"Write {first}", $"Sync {first}", $"Read {first}", $"MakeDirectory {group}", $"Rename {FragmentName.File(record.Id, 0)}",
                $"SyncDirectory {group}", "SyncDirectory fragments",
                $"Create {second}", $"Write {second}", $"Sync {second}", $"Read {second}", $"Rename {FragmentName.File(new ExtentId(0x5_02), 0)}",
                $"SyncDirectory {group}",
            ],
            pool.Disks[0].Log);
    }

    [Fact]
    public void Without_fsync_nothing_is_synced()
    {
        using var pool = new ExtentPool(3, options: new ExtentStoreOptions(NoFsync: true));
        pool.Write(RedundancyScheme.Replica(3), ExtentPool.Bytes(5000, 1));
        Assert.Empty(pool.Store.SyncDirectories());
        Assert.DoesNotContain(pool.Disks.SelectMany(disk => disk.Log), line => line.StartsWith("Sync", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("rs:4+2", 6, "rs:4+2", 6)]
    [InlineData("rs:4+2", 5, "rs:4+2", 5)]
    [InlineData("rs:4+2", 4, "replica:3", 3)]
    [InlineData("rs:4+2", 2, "replica:3", 2)]
    [InlineData("rs:4+2", 1, null, 0)]
    [InlineData("replica:3", 3, "replica:3", 3)]
    [InlineData("replica:3", 2, "replica:3", 2)]
    [InlineData("replica:3", 1, null, 0)]
    [InlineData("replica:2", 1, "replica:2", 1)]
    [InlineData("replica:2", 0, null, 0)]
    [InlineData("rs:2+1", 2, "rs:2+1", 2)]
    [InlineData("rs:2+1", 1, "replica:2", 1)]
    public void Few_healthy_disks(string policy, int healthyCount, string? expected, int placedCount)
    {
        Assert.True(RedundancyScheme.TryParse(policy, out RedundancyScheme scheme, out _));
        using var pool = new ExtentPool(6);
        DiskState[] others = [DiskState.Draining, DiskState.Degraded, DiskState.Suspect, DiskState.Failed, DiskState.Draining, DiskState.Suspect];
        for (int i = healthyCount; i < 6; i++)
            pool.Members[i].SetState(others[i - healthyCount]);
        byte[] data = ExtentPool.Bytes(300_000, 1);
        if (expected is null)
        {
            PoolException e = Assert.Throws<PoolException>(() => pool.Write(scheme, data));
            Assert.Equal(ErrorId.MinWrite, e.Id);
            Assert.Empty(pool.Files());
            Assert.Equal((0, 0), pool.Store.Capacity(scheme));
            return;
        }

        ExtentRecord record = pool.Write(scheme, data);
        Assert.Equal(expected, record.Scheme.ToString());
        Assert.Equal(placedCount, record.Fragments.Count(place => place.IsPlaced));
        Assert.All(record.Fragments, place => Assert.True(!place.IsPlaced || place.DiskIndex <= healthyCount));
        pool.AssertReads(record, data);
        Assert.Equal(ExtentPool.FilesOf(record), pool.Files());
        Assert.True(pool.Store.Capacity(scheme).AvailableBytes > 0);
    }

    [Fact]
    public void Disks_that_die_while_an_extent_is_written_lead_to_copies_on_the_rest()
    {
        using var pool = new ExtentPool(6);
        for (int i = 0; i < 3; i++)
            pool.Disks[i].Fault = (call, _, _) => call == DiskCall.Write ? Errno.EIO : Errno.None;
        byte[] data = ExtentPool.Bytes(300_000, 1);
        ExtentRecord record = pool.Write(s_fourPlusTwo, data);
        Assert.Equal("replica:3", record.Scheme.ToString());
        Assert.All(record.Fragments, place => Assert.True(place.DiskIndex > 3));
        pool.AssertReads(record, data);
        Assert.Equal(ExtentPool.FilesOf(record), pool.Files());
        Assert.Equal(1, pool.Store.Counters.FallbackExtents);
    }

    [Fact]
    public void A_full_disk_is_no_reason_for_less_redundancy()
    {
        using var pool = new ExtentPool(7);
        byte[] data = ExtentPool.Bytes(300_000, 1);
        pool.Disks[0].Fault = (call, _, _) => call == DiskCall.Write ? Errno.ENOSPC : Errno.None;
        for (int i = 0; i < 5; i++)
        {
            ExtentRecord record = pool.Write(s_fourPlusTwo, data);
            Assert.All(record.Fragments, place => Assert.True(place.IsPlaced && place.DiskIndex != 1));
        }

        pool.Disks[1].Fault = pool.Disks[0].Fault;
        List<string> before = pool.Files();
        PoolException e = Assert.Throws<PoolException>(() => pool.Write(s_fourPlusTwo, data));
        Assert.Equal(ErrorId.NoSpace, e.Id);
        Assert.Equal(before, pool.Files());
        Assert.All(pool.Members, member => Assert.Equal(DiskState.Healthy, member.State));
    }

    [Fact]
    public void Running_out_of_descriptors_is_no_failure_of_the_disk()
    {
        using var pool = new ExtentPool(6);
        byte[] data = ExtentPool.Bytes(300_000, 1);
        ExtentRecord record = pool.Write(s_fourPlusTwo, data);
        pool.AssertReads(record, data);
        int failures = 0;
        foreach (FaultyDisk disk in pool.Disks)
            disk.Fault = (call, _, _) => call is DiskCall.Create or DiskCall.Open && failures++ % 2 == 0 ? Errno.EMFILE : Errno.None;
        ExtentRecord second = pool.Write(s_fourPlusTwo, data);
        Assert.All(second.Fragments, place => Assert.True(place.IsPlaced));
        pool.AssertReads(second, data);
        Assert.Empty(pool.Damages);
        Assert.True(failures > 0);
    }

    [Fact]
    public void What_an_earlier_attempt_left_under_a_temporary_name_is_replaced()
    {
        using var pool = new ExtentPool(1);
        string path = Path.Combine(pool.Disks[0].Name, DiskLayout.Directory, FragmentName.Temporary(new ExtentId(0x1234), 0));
        File.WriteAllBytes(path, new byte[1 << 20]);
        byte[] data = ExtentPool.Bytes(10, 1);
        ExtentRecord record = pool.Write(RedundancyScheme.Replica(1), data);
        pool.AssertReads(record, data);
        Assert.Equal(ExtentPool.FilesOf(record), pool.Files());
    }

    [Fact]
    public void A_disk_that_cannot_unlink_is_cleaned_at_the_next_mount()
    {
        using var pool = new ExtentPool(6);
        for (int i = 0; i < 3; i++)
            pool.Disks[i].Fault = (call, _, _) => call is DiskCall.Rename or DiskCall.Unlink ? Errno.EIO : Errno.None;
        for (int i = 3; i < 5; i++)
            pool.Disks[i].Fault = (call, _, _) => call is DiskCall.Create ? Errno.EIO : Errno.None;
        Assert.Equal(ErrorId.MinWrite, Assert.Throws<PoolException>(() => pool.Write(s_fourPlusTwo, ExtentPool.Bytes(10, 1))).Id);
        Assert.Equal(3, pool.Files().Count);
        pool.Heal();
        Assert.Equal(3, pool.Store.RemoveUncommitted(new ExtentId(0x1234), (_, _, _) => false));
        Assert.Empty(pool.Files());
    }

    [Fact]
    public void An_exception_that_is_no_disk_failure_comes_through_after_all_have_ended()
    {
        using var pool = new ExtentPool(6, threads: 1);
        pool.Disks[3].Fault = (call, _, _) => call == DiskCall.Write ? throw new InvariantException("test") : Errno.None;
        Assert.Throws<InvariantException>(() => pool.Write(s_fourPlusTwo, ExtentPool.Bytes(10, 1)));
        pool.Heal();
        byte[] data = ExtentPool.Bytes(300_000, 1);
        pool.AssertReads(pool.Write(s_fourPlusTwo, data), data);
    }

    private static ExtentRecord? Try(Func<ExtentRecord> write, Errno errno)
    {
        try
        {
            return write();
        }
        catch (PoolException e)
        {
            Assert.Equal(errno is Errno.ENOSPC or Errno.EDQUOT ? ErrorId.NoSpace : ErrorId.MinWrite, e.Id);
            return null;
        }
    }
}
