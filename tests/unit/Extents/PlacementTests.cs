using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Primitives;
using DynamicFs.UnitTests.Disks;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace DynamicFs.UnitTests.Extents;

public sealed class PlacementTests
{
    private const long Giga = 1L << 30;

    /// <summary>Against filling the roomiest disks one piece at a time, which is optimal for equal pieces on distinct disks.</summary>
    [Fact]
    public void Level_is_what_greedy_filling_reaches() => Prop.ForAll(
        Gen.Choose(0, 40).NonEmptyListOf().Where(list => list.Count <= 9).ToArbitrary(),
        Gen.Choose(1, 6).ToArbitrary(),
        (frees, width) =>
        {
            DeviceRoom[] devices = [.. frees.Select(free => new DeviceRoom(free, 1))];
            int level = (int)Math.Floor(EvenFill.Level(devices, width) + 1e-9);
            Assert.Equal(GreedyExtents([.. frees], width), level);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    /// <summary>By its definition, also with several members on one device.</summary>
    [Fact]
    public void Level_is_the_largest_that_fits_shared_devices()
    {
        var random = new Random(1);
        for (int round = 0; round < 2000; round++)
        {
            DeviceRoom[] devices = [.. Enumerable.Range(0, random.Next(1, 6)).Select(_ => new DeviceRoom(random.Next(60), random.Next(1, 4)))];
            int width = random.Next(1, 9);
            double level = EvenFill.Level((DeviceRoom[])devices.Clone(), width);
            int expected = 0;
            while (devices.Sum(device => device.MemberCount) >= width && expected < 1000 && devices.Sum(d => Math.Min(d.FreeBytes, (long)d.MemberCount * (expected + 1))) >= (long)width * (expected + 1))
                expected++;
            Assert.Equal(expected, (int)Math.Floor(level + 1e-9));
        }
    }

    [Theory]
    [InlineData(new long[] { 100, 100, 100, 100, 100, 100 }, "rs:4+2")]
    [InlineData(new long[] { 100, 100, 100, 100, 100, 100, 100, 100 }, "rs:4+2")]
    [InlineData(new long[] { 50, 100, 200, 100, 100, 100, 100 }, "rs:4+2")]
    [InlineData(new long[] { 10, 20, 30, 40, 50 }, "replica:2")]
    [InlineData(new long[] { 300, 20, 30, 40, 50 }, "replica:2")]
    [InlineData(new long[] { 10, 100 }, "replica:1")]
    public void Unequal_disks_fill_up_at_the_same_time(long[] gigabytes, string policy)
    {
        Assert.True(RedundancyScheme.TryParse(policy, out RedundancyScheme scheme, out _));
        using var disks = new SpaceDisks(gigabytes);
        var placement = new Placement(disks.Space, new Random(7));
        const int piece = 8 << 20;
        double level = EvenFill.Level([.. disks.Space.Survey(4).Select(room => new DeviceRoom(room.FreeBytes, 1))], scheme.Width);
        long[] used = new long[gigabytes.Length];
        int extents = 0;
        while (placement.Choose(new ExtentId((ulong)extents + 1), scheme, piece, out Shortage shortage) is { } places)
        {
            Assert.Equal(scheme.Width, places.Distinct().Count());
            foreach (MemberDisk? member in places)
            {
                Assert.NotNull(member);
                used[member.Index] += piece;
                disks.Space.Settle(member, piece, wasWritten: true);
            }

            extents++;
            Assert.Equal(Shortage.None, shortage);
        }

        // The pool takes what the formula promises, but for a few pieces at the end.
        Assert.InRange(extents * (double)piece / level, 0.99, 1.001);
        for (int i = 0; i < used.Length; i++)
        {
            double expected = Math.Min(gigabytes[i] * Giga - (FreeSpace.ReserveBytes(gigabytes[i] * Giga) / 4), level);
            Assert.InRange(used[i] / expected, 0.98, 1.001);
        }
    }

    [Fact]
    public void Half_full_all_disks_are_half_full()
    {
        using var disks = new SpaceDisks([10, 20, 30, 40, 50]);
        var placement = new Placement(disks.Space, new Random(3));
        long[] used = new long[5];
        for (ulong i = 1; i <= 3000; i++)
        {
            foreach (MemberDisk? member in placement.Choose(new ExtentId(i), RedundancyScheme.Replica(2), 8 << 20, out _)!)
            {
                used[member!.Index] += 8 << 20;
                disks.Space.Settle(member, 8 << 20, wasWritten: true);
            }
        }

        double share = used.Sum() / (150.0 * Giga);
        for (int i = 0; i < 5; i++)
            Assert.InRange(used[i] / ((i + 1) * 10.0 * Giga), share * 0.85, share * 1.15);
    }

    [Fact]
    public void Parity_is_spread_evenly()
    {
        using var disks = new SpaceDisks([100, 100, 100, 100, 100, 100]);
        var placement = new Placement(disks.Space, new Random(3));
        var roles = new int[6, 6];
        for (ulong i = 1; i <= 600; i++)
        {
            MemberDisk?[] places = placement.Choose(new ExtentId(i), RedundancyScheme.ReedSolomon(4, 2), 4096, out _)!;
            for (int role = 0; role < 6; role++)
                roles[role, places[role]!.Index]++;
        }

        foreach (int count in roles)
            Assert.Equal(100, count);
    }

    [Fact]
    public void The_reserve_is_kept_and_what_is_written_counts_before_the_disk_says_so()
    {
        using var disks = new SpaceDisks([1]);
        long reserve = FreeSpace.ReserveBytes(Giga);
        Assert.Equal(64 << 20, reserve);
        Assert.Equal(Giga - reserve, disks.Space.Survey(1)[0].FreeBytes);
        MemberDisk member = disks.Members[0];
        disks.Space.Claim(member, 100 << 20);
        Assert.Equal(Giga - reserve - (100 << 20), disks.Space.Survey(1)[0].FreeBytes);
        disks.Space.Settle(member, 100 << 20, wasWritten: true);
        Assert.Equal(Giga - reserve - (100 << 20), disks.Space.Survey(1)[0].FreeBytes);

        disks.Available[0] = Giga / 2;
        Assert.Equal(1, disks.Asked);
        disks.Clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal((Giga / 2) - reserve, disks.Space.Survey(1)[0].FreeBytes);
        Assert.Equal(2, disks.Asked);
        disks.Space.MarkFull(member);
        Assert.Equal(0, disks.Space.Survey(1)[0].FreeBytes);
        disks.Clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal((Giga / 2) - reserve, disks.Space.Survey(1)[0].FreeBytes);
    }

    [Theory]
    [InlineData(100L << 20, (100L << 20) / 8)]
    [InlineData(1L << 30, 64L << 20)]
    [InlineData(20L << 30, (20L << 30) / 50)]
    [InlineData(10L << 40, 2L << 30)]
    public void Reserve_by_size(long totalBytes, long expected) => Assert.Equal(expected, FreeSpace.ReserveBytes(totalBytes));

    [Fact]
    public void A_hung_disk_is_neither_waited_for_nor_asked_twice()
    {
        using var disks = new SpaceDisks([10, 10], threads: 1);
        Assert.Equal(2, disks.Space.Survey(1).Length);
        using var hang = new ManualResetEventSlim();
        disks.Hang = hang;
        for (int i = 0; i < 3; i++)
        {
            disks.Clock.Advance(TimeSpan.FromSeconds(2));
            Assert.Equal(2, disks.Space.Survey(1).Length);
        }

        Assert.Equal(2 + 3 + 1, disks.Asked);
        hang.Set();
    }

    [Theory]
    [InlineData(new long[] { 10, 10, 10, 10, 10, 10 }, "rs:4+2", 4 * 10)]
    [InlineData(new long[] { 10, 10, 10, 10, 10, 20 }, "rs:4+2", 4 * 10)]
    [InlineData(new long[] { 10, 10, 10, 10, 10, 10, 10 }, "rs:4+2", 4 * 70 / 6)]
    [InlineData(new long[] { 10, 20, 30 }, "replica:2", 30)]
    [InlineData(new long[] { 10, 20, 100 }, "replica:2", 30)]
    [InlineData(new long[] { 10, 20, 30 }, "replica:3", 10)]
    [InlineData(new long[] { 10, 20 }, "replica:1", 30)]
    [InlineData(new long[] { 10, 20, 30, 30, 30 }, "rs:4+2", 4 * 10)]
    [InlineData(new long[] { 10, 10, 10, 10 }, "rs:4+2", 40 / 3)]
    [InlineData(new long[] { 10 }, "replica:2", 10)]
    public void Capacity_by_hand(long[] gigabytes, string policy, long expectedGigabytes)
    {
        Assert.True(RedundancyScheme.TryParse(policy, out RedundancyScheme scheme, out _));
        using var disks = new SpaceDisks(gigabytes);
        using var store = new ExtentStore(ExtentPool.Id, disks.Members, new ExtentStoreOptions(Time: disks.Clock));
        (long available, long total) = store.Capacity(scheme);

        // The reserve takes 2 %, headers and block tables 0.4 %.
        Assert.InRange(available / (double)Giga, expectedGigabytes * 0.93, expectedGigabytes + 1);
        Assert.Equal(total, available);
    }

    [Fact]
    public void Capacity_counts_a_shared_device_once()
    {
        using var disks = new SpaceDisks([60, 60, 60, 60, 60, 60]) { Device = 5 };
        using var store = new ExtentStore(ExtentPool.Id, disks.Members, new ExtentStoreOptions(Time: disks.Clock));
        disks.Available[0] = disks.Available[1] = disks.Available[2] = disks.Available[3] = disks.Available[4] = disks.Available[5] = 30 * Giga;
        (long available, long total) = store.Capacity(RedundancyScheme.ReedSolomon(4, 2));
        Assert.InRange(available / (double)Giga, 18, 20);
        Assert.InRange(total / (double)Giga, 38, 40);
    }

    [Fact]
    public void Capacity_is_what_can_be_written()
    {
        using var pool = new ExtentPool(7);
        long[] sizes = [24, 48, 36, 60, 40, 40, 32];
        for (int i = 0; i < 7; i++)
        {
            int disk = i;
            long total = sizes[i] << 20;
            pool.Disks[i].ChangeSpace = _ => new DiskSpace(total, total - Used(pool, disk), 0, 0, false, (ulong)disk + 1);
        }

        RedundancyScheme scheme = RedundancyScheme.ReedSolomon(4, 2);
        (long available, _) = pool.Store.Capacity(scheme);
        byte[] data = ExtentPool.Bytes(1 << 20, 1);
        long count = 0;
        var records = new List<ExtentRecord>();
        while (true)
        {
            try
            {
                records.Add(pool.Write(scheme, data));
                count += data.Length;
                pool.Clock.Advance(TimeSpan.FromSeconds(2));
            }
            catch (PoolException e)
            {
                Assert.Equal(ErrorId.NoSpace, e.Id);
                break;
            }
        }

        // What capacity promises fits, and half of the reserve more.
        Assert.InRange(count, available * 97 / 100, available * 125 / 100);
        foreach (ExtentRecord record in records)
            pool.Store.Delete(record);
        Assert.Empty(pool.Files());
        pool.Clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(available, pool.Store.Capacity(scheme).AvailableBytes);
    }

    private static long Used(ExtentPool pool, int disk) =>
        Directory.EnumerateFiles(Path.Combine(pool.Disks[disk].Name, DiskLayout.Directory, DiskLayout.Fragments), "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length);

    private static int GreedyExtents(int[] frees, int width)
    {
        for (int count = 0; ; count++)
        {
            Array.Sort(frees, (a, b) => b.CompareTo(a));
            if (frees.Length < width || frees[width - 1] == 0)
                return count;
            for (int i = 0; i < width; i++)
                frees[i]--;
        }
    }

    /// <summary>Disks that only say how much space they have.</summary>
    private sealed class SpaceDisks : IDisposable
    {
        public SpaceDisks(long[] gigabytes, int threads = 0)
        {
            Available = [.. gigabytes.Select(size => size * Giga)];
            for (int i = 0; i < gigabytes.Length; i++)
                Members.Add(new MemberDisk(i, DiskId.New(), $"d{i}", DiskOf(i, gigabytes[i] * Giga), DiskState.Healthy, new DiskQueue($"d{i}", threads)));
            Space = new FreeSpace(Members, Clock);
        }

        public StepClock Clock { get; } = new();
        public List<MemberDisk> Members { get; } = [];
        public FreeSpace Space { get; }
        public long[] Available { get; }
        public ulong Device { get; init; }
        public ManualResetEventSlim? Hang { get; set; }
        public int Asked;

        public void Dispose() => Members.ForEach(member => member.Dispose());

        private SpaceOnlyDisk DiskOf(int index, long totalBytes) => new($"d{index}", () =>
        {
            Interlocked.Increment(ref Asked);
            if (index == 1)
                Hang?.Wait();
            return new DiskSpace(totalBytes, Available[index], 0, 0, false, Device != 0 ? Device : (ulong)index + 10);
        });
    }
}
