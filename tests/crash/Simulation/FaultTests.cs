using DynamicFs.Disks;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.CrashTests.Simulation;

/// <summary>What goes wrong on request.</summary>
public sealed class FaultTests
{
    private readonly SimulatedWorld _world = new(2, seed: 7);
    private readonly SimulatedDisk _disk;

    public FaultTests() => _disk = _world.Open(0);

    [Fact]
    public void The_nth_matching_call_fails_once_and_does_nothing()
    {
        Fault fault = _world.Inject(new Fault(FaultKind.Fail, DiskCalls.Write, Errno.ENOSPC) { Nth = 2 });
        using IDiskFile file = _disk.Open("a", DiskOpenMode.CreateNew);
        file.Write(0, "1"u8);
        Assert.Equal(Errno.ENOSPC, SimulationTest.ErrnoOf(() => file.Write(0, "2"u8)));
        Assert.Equal("1", _disk.Get("a"));
        file.Write(0, "3"u8);
        Assert.Equal("3", _disk.Get("a"));
        Assert.Equal(1, fault.HitCount);
    }

    [Fact]
    public void From_the_nth_call_on_all_fail_until_the_fault_is_cleared()
    {
        Fault fault = _world.Inject(new Fault(FaultKind.Fail) { Nth = 3, Times = long.MaxValue });
        _disk.MakeDirectory("a");
        _disk.MakeDirectory("b");
        Assert.Equal(Errno.EIO, SimulationTest.ErrnoOf(() => _disk.MakeDirectory("c")));
        Assert.Equal(Errno.EIO, SimulationTest.ErrnoOf(() => _disk.List("")));
        Assert.Equal(Errno.EIO, SimulationTest.ErrnoOf(() => _disk.Space()));
        Assert.Equal(3, fault.HitCount);
        _world.ClearFaults();
        Assert.Equal(2, _disk.List("").Count);
    }

    [Fact]
    public void A_fault_is_for_its_disk_its_paths_and_its_calls()
    {
        _world.Inject(new Fault(FaultKind.Fail, DiskCalls.Create | DiskCalls.MakeDirectory) { Disk = 1, PathPrefix = "tmp/", Times = long.MaxValue });
        SimulatedDisk other = _world.Open(1);
        _disk.MakeDirectory("tmp");
        other.MakeDirectory("tmp");
        _disk.Put("tmp/a", "1");
        other.Put("a", "1");
        Assert.Equal(Errno.EIO, SimulationTest.ErrnoOf(() => other.Put("tmp/a", "1")));
        Assert.Equal(Errno.ENOENT, SimulationTest.ErrnoOf(() => other.Open("tmp/a", DiskOpenMode.Read)));
    }

    [Fact]
    public void Every_kind_of_call_can_fail()
    {
        _disk.Put("a", "1");
        _disk.MakeDirectory("d");
        using IDiskFile file = _disk.Open("a", DiskOpenMode.ReadWrite);
        byte[] bytes = new byte[1];
        (DiskCalls Call, Action Do)[] calls =
        [
            (DiskCalls.Open, () => _disk.Open("a", DiskOpenMode.Read)),
            (DiskCalls.Create, () => _disk.Open("b", DiskOpenMode.OpenOrCreate)),
            (DiskCalls.Read, () => file.Read(0, bytes)),
            (DiskCalls.Write, () => file.Write(0, bytes)),
            (DiskCalls.SetLength, () => file.SetLength(5)),
            (DiskCalls.Allocate, () => file.Allocate(0, 5)),
            (DiskCalls.Sync, file.Sync),
            (DiskCalls.Rename, () => _disk.Rename("a", "b")),
            (DiskCalls.Unlink, () => _disk.Unlink("a")),
            (DiskCalls.MakeDirectory, () => _disk.MakeDirectory("e")),
            (DiskCalls.RemoveDirectory, () => _disk.RemoveDirectory("d")),
            (DiskCalls.List, () => _disk.List("")),
            (DiskCalls.SyncDirectory, () => _disk.SyncDirectory("")),
            (DiskCalls.Space, () => _disk.Space()),
        ];
        DiskImage before = _disk.Image;
        foreach ((DiskCalls call, Action run) in calls)
        {
            _world.ClearFaults();
            _world.Inject(new Fault(FaultKind.Fail, call, Errno.EROFS));
            Assert.Equal(Errno.EROFS, SimulationTest.ErrnoOf(run));
            Assert.Same(before, _disk.Image);
        }

        Assert.Equal(DiskCalls.All, calls.Aggregate((DiskCalls)0, (all, item) => all | item.Call));
    }

    [Fact]
    public void A_call_may_do_its_work_and_fail_all_the_same()
    {
        _world.Inject(new Fault(FaultKind.FailAfter, DiskCalls.Rename));
        _disk.Put("a", "1");
        Assert.Equal(Errno.EIO, SimulationTest.ErrnoOf(() => _disk.Rename("a", "b")));
        Assert.Equal("- 1", $"{_disk.Get("a")} {_disk.Get("b")}");
    }

    [Fact]
    public void A_partial_write_has_done_some_whole_sectors()
    {
        using IDiskFile file = _disk.Open("a", DiskOpenMode.CreateNew);
        byte[] data = [.. Enumerable.Repeat((byte)1, 10 * 512)];
        HashSet<long> lengths = [];
        for (int i = 0; i < 50; i++)
        {
            file.SetLength(0);
            _world.Inject(new Fault(FaultKind.PartialWrite, DiskCalls.Write, Errno.ENOSPC));
            Assert.Equal(Errno.ENOSPC, SimulationTest.ErrnoOf(() => file.Write(0, data)));
            _world.ClearFaults();
            lengths.Add(file.LengthBytes);
        }

        Assert.All(lengths, length => Assert.Equal(0, length % 512));
        Assert.InRange(lengths.Count, 3, 10);
        Assert.True(lengths.Max() < data.Length);
    }

    [Fact]
    public void After_a_lost_sync_the_next_one_succeeds_and_proves_nothing()
    {
        using IDiskFile file = _disk.Open("a", DiskOpenMode.CreateNew);
        byte[] data = [.. Enumerable.Repeat((byte)1, 64 * 512)];
        file.SetLength(data.Length);
        file.Sync();
        _disk.SyncDirectory("");
        file.Write(0, data);
        _world.Inject(new Fault(FaultKind.LostSync, DiskCalls.Sync));
        Assert.Equal(Errno.EIO, SimulationTest.ErrnoOf(file.Sync));
        file.Sync();
        Assert.Equal(data, _disk.Bytes("a"));

        byte[] after = _world.AllLost().Bytes("a");
        Assert.Equal(after, _world.AllKept().Bytes("a"));
        int lostCount = after.Chunk(512).Count(sector => sector[0] == 0);
        Assert.InRange(lostCount, 1, 63);
        _world.DropCaches();
        Assert.Equal(after, _disk.Bytes("a"));

        file.Write(0, data);
        file.Sync();
        Assert.Equal(data, _world.AllLost().Bytes("a"));
    }

    [Fact]
    public void A_skipped_sync_makes_nothing_durable()
    {
        _world.Inject(new Fault(FaultKind.SkippedSync, DiskCalls.Barriers) { Times = 2 });
        _disk.Put("a", "1", sync: true);
        _disk.SyncDirectory("");
        Assert.Equal("-", _world.AllLost().Get("a"));
        _disk.SyncDirectory("");
        Assert.Equal("", _world.AllLost().Get("a"));
        _disk.Put("a", "1", sync: true);
        Assert.Equal("1", _world.AllLost().Get("a"));
    }

    [Fact]
    public void A_flipped_bit_is_on_the_way_and_not_on_the_medium()
    {
        byte[] data = new byte[1_000];
        using IDiskFile file = _disk.Open("a", DiskOpenMode.CreateNew);
        file.Write(0, data);
        _world.Inject(new Fault(FaultKind.FlippedBit, DiskCalls.Read));
        Assert.Equal(1, file.Read(0, data) == 1_000 ? data.Sum(b => System.Numerics.BitOperations.PopCount(b)) : -1);
        Assert.False(_disk.Bytes("a").AsSpan().ContainsAnyExcept((byte)0));
    }

    [Fact]
    public unsafe void A_dropped_write_is_in_the_cache_only()
    {
        using IDiskFile file = _disk.Open("a", DiskOpenMode.CreateNew);
        file.Write(0, new byte[4_096]);
        file.Sync();
        _disk.SyncDirectory("");
        _world.Inject(new Fault(FaultKind.DroppedWrite, DiskCalls.Write));
        file.Write(0, "new"u8);
        file.Sync();
        Assert.StartsWith("new", _disk.Get("a"));
        using (IDiskFile direct = _disk.Open("a", DiskOpenMode.ReadDirect))
        using (var buffer = new NativeBuffer(4_096))
        {
            Assert.Equal(4_096, direct.Read(0, buffer.Span));
            Assert.Equal(0, buffer.Span[0]);
        }

        Assert.Equal(0, _world.AllKept().Bytes("a")[0]);
        _world.DropCaches();
        Assert.Equal(0, _disk.Bytes("a")[0]);
    }

    [Fact]
    public void A_misdirected_write_hits_another_place_of_the_file()
    {
        using IDiskFile file = _disk.Open("a", DiskOpenMode.CreateNew);
        file.SetLength(512 * 1_024);
        file.Sync();
        _disk.SyncDirectory("");
        _world.Inject(new Fault(FaultKind.MisdirectedWrite, DiskCalls.Write));
        byte[] data = [.. Enumerable.Repeat((byte)1, 512)];
        const int Offset = 512 * 512;
        file.Write(Offset, data);
        file.Sync();
        Assert.Equal(1, _disk.Bytes("a")[Offset]);
        byte[] medium = _world.AllLost().Bytes("a");
        Assert.Equal(0, medium[Offset]);
        int landed = Array.IndexOf(medium, (byte)1);
        Assert.Equal(0, landed % 512);
        Assert.Equal(512, medium.Count(b => b == 1));
        Assert.InRange(Math.Abs(landed - Offset), 512, 64 * 512);
    }

    [Fact]
    public void An_action_runs_before_its_call()
    {
        using IDiskFile file = _disk.Open("a", DiskOpenMode.CreateNew);
        string seen = "";
        _world.Inject(new Fault(FaultKind.Call, DiskCalls.Write) { Action = () => seen = $"{_disk.Get("a").Length}" });
        file.Write(0, "abc"u8);
        Assert.Equal("0", seen);
        Assert.Equal("abc", _disk.Get("a"));
    }

    [Fact]
    public void Damage_stays()
    {
        _disk.Put("a", "abc", sync: true);
        _disk.SyncDirectory("");
        _disk.Corrupt("a", 1);
        Assert.Equal("acc", _disk.Get("a"));
        Assert.Equal("acc", _world.AllLost().Get("a"));
        _disk.MakeUnreadable("a", 0);
        Assert.Equal(Errno.EIO, SimulationTest.ErrnoOf(() => _disk.Bytes("a")));
        Assert.Equal(Errno.EIO, SimulationTest.ErrnoOf(() => _world.AllLost().Bytes("a")));
        _disk.Put("a", "x");
        Assert.Equal("xcc", _disk.Get("a"));
    }

    [Fact]
    public void A_full_disk_and_a_read_only_one_say_so()
    {
        _disk.SetCapacity(3 * 4_096);
        using IDiskFile file = _disk.Open("a", DiskOpenMode.CreateNew);
        file.Write(0, new byte[8_192]);
        Assert.Equal(4_096, _disk.Space().AvailableBytes);
        Assert.Equal(Errno.ENOSPC, SimulationTest.ErrnoOf(() => file.Write(8_192, new byte[4_097])));
        Assert.Equal(Errno.ENOSPC, SimulationTest.ErrnoOf(() => file.Allocate(0, 12_289)));
        file.Write(0, new byte[12_288]);
        _disk.Unlink("a");
        Assert.Equal(12_288, _disk.Space().AvailableBytes);

        _disk.SetReadOnly(true);
        Assert.True(_disk.Space().IsReadOnly);
        Assert.Equal(Errno.EROFS, SimulationTest.ErrnoOf(() => file.Write(0, "x"u8)));
        Assert.Equal(Errno.EROFS, SimulationTest.ErrnoOf(() => _disk.MakeDirectory("d")));
        Assert.Equal(Errno.EROFS, SimulationTest.ErrnoOf(() => _disk.Open("b", DiskOpenMode.CreateNew)));
    }
}
