using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Extents;

public sealed class ExtentStoreTests
{
    private static readonly RedundancyScheme s_fourPlusTwo = RedundancyScheme.ReedSolomon(4, 2);

    [Fact]
    public void Delete_leaves_nothing_and_may_be_repeated()
    {
        using var pool = new ExtentPool(6);
        byte[] data = ExtentPool.Bytes(300_000, 1);
        ExtentRecord first = pool.Write(s_fourPlusTwo, data), second = pool.Write(s_fourPlusTwo, data);
        pool.AssertReads(first, data);
        File.Delete(pool.PathOf(first, 3));
        pool.Store.Delete(first);
        pool.Store.Delete(first);
        Assert.Equal(ExtentPool.FilesOf(second), pool.Files());
        pool.AssertReads(second, data);
        Assert.Equal(ErrorId.DataLost, Assert.Throws<PoolException>(() => pool.Store.Read(first, 0, new byte[10])).Id);
        Assert.All(pool.Members, member => Assert.Equal(DiskState.Healthy, member.State));
    }

    [Fact]
    public void Delete_reports_a_failing_disk_and_goes_on()
    {
        using var pool = new ExtentPool(3);
        ExtentRecord record = pool.Write(RedundancyScheme.Replica(3), ExtentPool.Bytes(100, 1));
        FragmentPlace[] places = [.. record.Fragments];
        pool.MemberOf(record, 0).SetState(DiskState.Failed);
        ((FaultyDisk)pool.MemberOf(record, 1).Disk!).Fault = (call, _, _) => call == DiskCall.Unlink ? Errno.EIO : Errno.None;
        pool.Store.Delete(record);
        Assert.Equal(2, pool.Files().Count);
        Assert.Equal(1, pool.MemberOf(record, 1).WriteFailureCount);
        Assert.Equal(0, pool.MemberOf(record, 2).WriteFailureCount);
    }

    [Fact]
    public void Removal_of_the_uncommitted_keeps_what_is_known_or_older_or_not_ours()
    {
        using var pool = new ExtentPool(3);
        byte[] data = ExtentPool.Bytes(5000, 1);
        ExtentRecord[] records = [.. new ulong[] { 0x100, 0x1ff, 0x2fe, 0x2ff, 0x300, 0x555 }.Select(id => pool.Write(RedundancyScheme.Replica(3), data, new ExtentId(id)))];
        string root = Path.Combine(pool.Disks[1].Name, DiskLayout.Directory);
        File.WriteAllBytes(Path.Combine(root, "tmp", "anything"), data);
        File.WriteAllBytes(Path.Combine(root, FragmentName.Temporary(new ExtentId(0x100), 1)), data);
        File.WriteAllBytes(Path.Combine(root, FragmentName.GroupDirectory(3), "not-ours"), data);
        Directory.CreateDirectory(Path.Combine(root, "fragments", "not-ours"));
        Directory.CreateDirectory(Path.Combine(root, "tmp", "directory"));
        pool.Disks[0].Log.Clear();

        var asked = new List<ExtentId>();
        int removed = pool.Store.RemoveUncommitted(new ExtentId(0x2ff), (id, _, _) =>
        {
            asked.Add(id);
            return id.Value == 0x300;
        });
        Assert.Equal((2 * 3) + 2, removed);
        Assert.Equal([new(0x2ff), new(0x300), new(0x555)], asked.Distinct().Order());
        Assert.Equal([.. ExtentPool.FilesOf(records.Where(r => r.Id.Value is not (0x2ff or 0x555))).Append($"2:{FragmentName.GroupDirectory(3)}/not-ours").Order(StringComparer.Ordinal)], pool.Files());
        Assert.DoesNotContain(pool.Disks[0].Log, line => line == $"List {FragmentName.GroupDirectory(1)}");
        Assert.Equal(0, pool.Store.RemoveUncommitted(new ExtentId(0x2ff), (id, _, _) => id.Value == 0x300));
    }

    [Fact]
    public void A_failed_directory_sync_weakens_extents_that_are_written_again()
    {
        using var pool = new ExtentPool(7);
        byte[] data = ExtentPool.Bytes(300_000, 1);
        ExtentRecord strong = pool.Write(RedundancyScheme.Replica(3), data);
        ExtentRecord weak = pool.Write(s_fourPlusTwo, data);
        MemberDisk[] failing = [pool.MemberOf(weak, 1), pool.MemberOf(weak, 4)];
        foreach (MemberDisk member in failing)
            ((FaultyDisk)member.Disk!).Fault = (call, _, _) => call == DiskCall.SyncDirectory ? Errno.EIO : Errno.None;

        ExtentId[] expected = [weak.Id, .. strong.Fragments.Count(place => failing.Any(member => member.Index == place.DiskIndex)) > 1 ? [strong.Id] : Array.Empty<ExtentId>()];
        Assert.Equal(expected.Order(), pool.Store.SyncDirectories().Order());
        Assert.All(failing, member => Assert.Equal(DiskState.Suspect, member.State));
        Assert.Empty(pool.Store.SyncDirectories());
        pool.AssertReads(weak, data);

        ExtentRecord again = pool.Write(weak.Scheme, data, weak.Id);
        Assert.Equal(RedundancyScheme.ReedSolomon(4, 2), again.Scheme);
        Assert.DoesNotContain(again.Fragments, place => failing.Any(member => member.Index == place.DiskIndex));
        Assert.Equal(5, again.Fragments.Count(place => place.IsPlaced));
        Assert.Empty(pool.Store.SyncDirectories());
        pool.AssertReads(again, data);
        Assert.Equal(ExtentPool.FilesOf(strong, again), pool.Files());
    }

    [Fact]
    public void A_failed_directory_sync_within_min_write_is_damage()
    {
        using var pool = new ExtentPool(6);
        ExtentRecord record = pool.Write(s_fourPlusTwo, ExtentPool.Bytes(300_000, 1));
        ((FaultyDisk)pool.MemberOf(record, 2).Disk!).Fault = (call, _, _) => call == DiskCall.SyncDirectory ? Errno.EIO : Errno.None;
        Assert.Empty(pool.Store.SyncDirectories());
        (ExtentId extent, int index, FragmentDamage damage) = Assert.Single(pool.Damages);
        Assert.Equal((record.Id, 2, FragmentDamageKind.NameNotDurable), (extent, index, damage.Kind));
    }

    [Fact]
    public void A_new_group_is_synced_even_if_only_a_later_extent_needs_it()
    {
        using var pool = new ExtentPool(1);
        FaultyDisk disk = pool.Disks[0];
        disk.Fault = (call, _, path) => call == DiskCall.Rename ? Errno.ENOSPC : Errno.None;
        Assert.Throws<PoolException>(() => pool.Write(RedundancyScheme.Replica(1), [1], new ExtentId(0x500)));
        pool.Heal();
        Assert.Empty(pool.Store.SyncDirectories());
        pool.Write(RedundancyScheme.Replica(1), [1], new ExtentId(0x400));
        disk.Log.Clear();
        Assert.Empty(pool.Store.SyncDirectories());
        Assert.Equal([$"SyncDirectory {FragmentName.GroupDirectory(4)}", "SyncDirectory fragments"], disk.Log);

        // The mkdir of a lasting group that failed to sync is repeated and synced again.
        disk.Fault = (call, _, _) => call == DiskCall.SyncDirectory ? Errno.EIO : Errno.None;
        pool.Write(RedundancyScheme.Replica(1), [1], new ExtentId(0x401));
        Assert.Single(pool.Store.SyncDirectories());
        pool.Heal();
        disk.Log.Clear();
        pool.Write(RedundancyScheme.Replica(1), [1], new ExtentId(0x401));
        Assert.Empty(pool.Store.SyncDirectories());
        Assert.Equal([$"SyncDirectory {FragmentName.GroupDirectory(4)}", "SyncDirectory fragments"], disk.Log.Where(line => line.StartsWith("SyncD", StringComparison.Ordinal)));
    }

    /// <summary>Many threads, caches that hold next to nothing, and a disk that comes and goes.</summary>
    [Fact]
    public void Concurrent_writers_and_readers()
    {
        using var pool = new ExtentPool(7, threads: 2, new ExtentStoreOptions(OpenFiles: 3, TableCacheBytes: 3000, NoFsync: true));
        var written = new List<(ExtentRecord Record, byte[] Data)>();
        var failures = new List<Exception>();
        Thread[] threads =
        [
            .. Enumerable.Range(0, 3).Select(seed => new Thread(() => Guard(() => WriteMany(pool, written, seed)))),
            .. Enumerable.Range(0, 3).Select(seed => new Thread(() => Guard(() => ReadMany(pool, written, seed)))),
            new Thread(() => Guard(() => Disturb(pool))),
        ];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        Assert.Empty(failures);
        Assert.Empty(pool.Damages);
        Assert.Equal(ExtentPool.FilesOf(written.Select(w => w.Record)), pool.Files());

        void Guard(Action action)
        {
            try
            {
                action();
            }
            catch (Exception e)
            {
                lock (failures)
                    failures.Add(e);
            }
        }
    }

    private static void WriteMany(ExtentPool pool, List<(ExtentRecord Record, byte[] Data)> written, int seed)
    {
        using var buffer = new NativeBuffer(ExtentStore.MaxExtentBytes);
        var random = new Random(seed);
        for (int i = 0; i < 25; i++)
        {
            byte[] data = ExtentPool.Bytes(random.Next(1, 1_500_000), random.Next());
            data.CopyTo(buffer.Span);
            RedundancyScheme scheme = random.Next(3) == 0 ? RedundancyScheme.Replica(3) : s_fourPlusTwo;
            ExtentRecord record = pool.Store.Write(new ExtentId((ulong)(1 + (seed * 1000) + i)), ExtentPool.Birth, scheme, buffer, data.Length, 0);
            Assert.Empty(pool.Store.SyncDirectories());
            lock (written)
                written.Add((record, data));
        }
    }

    private static void ReadMany(ExtentPool pool, List<(ExtentRecord Record, byte[] Data)> written, int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < 300;)
        {
            ExtentRecord record;
            byte[] data;
            lock (written)
            {
                if (written.Count == 0)
                    continue;
                (record, data) = written[random.Next(written.Count)];
            }

            int offset = random.Next(data.Length);
            pool.AssertRange(record, data, offset, 1 + random.Next(Math.Min(data.Length - offset, i % 10 == 0 ? 1_500_000 : 20_000)));
            i++;
        }
    }

    private static void Disturb(ExtentPool pool)
    {
        for (int i = 0; i < 100; i++)
        {
            pool.Members[0].SetState(i % 2 == 0 ? DiskState.Failed : DiskState.Healthy);
            pool.Clock.Advance(TimeSpan.FromSeconds(1));
            Thread.Sleep(5);
        }
    }
}
