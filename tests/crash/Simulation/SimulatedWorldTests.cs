using DynamicFs.Disks;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.CrashTests.Simulation;

/// <summary>Order, history and states of a world of several disks.</summary>
public sealed class SimulatedWorldTests
{
    [Fact]
    public void All_calls_have_one_order_and_are_logged()
    {
        var world = new SimulatedWorld(2) { KeepsHistory = true };
        IReadOnlyList<SimulatedDisk> disks = world.OpenAll();
        disks[0].Put("a", "1", sync: true);
        disks[1].MakeDirectory("d");
        long mark = world.Mark("answered");
        disks[0].Rename("a", "b");
        disks[1].SyncDirectory("");
        Assert.Equal(
            [
                "1 d1 Create a 0+0", "2 d1 Write a 0+1", "3 d1 Sync a 0+0", "4 d2 MakeDirectory d 0+0", "5 mark answered", "6 d1 Rename a -> b 0+0",
                "7 d2 SyncDirectory  0+0",
            ],
            world.Log.Select(call => call.ToString()));
        Assert.Equal(5, mark);
        Assert.Equal([false, false, true, false, true, false, true], world.Log.Select(call => call.IsBarrier));
    }

    [Fact]
    public void The_power_may_have_gone_at_any_earlier_moment()
    {
        var world = new SimulatedWorld(2) { KeepsHistory = true };
        IReadOnlyList<SimulatedDisk> disks = world.OpenAll();
        for (int i = 0; i < 9; i++)
        {
            disks[i % 2].Put("a", $"{i}", sync: true);
            disks[i % 2].SyncDirectory("");
        }

        List<string> moments = [];
        for (long sequence = 0; sequence <= world.Sequence; sequence++)
        {
            CrashPoint point = world.CrashPointAt(sequence);
            SimulatedWorld after = point.Build(CrashSelection.None(point));
            moments.Add($"{after.Open(0).Get("a")}{after.Open(1).Get("a")}");
        }

        // Before the first directory sync there is no name; after it the last synced content is there.
        Assert.Equal(["--", "0-", "01", "21", "23", "43", "45", "65", "67", "87"], moments.Distinct());
        CrashPoint apart = world.CrashPointAt([world.Sequence, 0]);
        Assert.Equal("8-", $"{apart.Build(CrashSelection.All(apart)).Open(0).Get("a")}{apart.Build(CrashSelection.All(apart)).Open(1).Get("a")}");
    }

    [Fact]
    public void A_state_is_a_world_of_its_own()
    {
        var world = new SimulatedWorld(1);
        world.Open(0).Put("a", "1");
        SimulatedDisk after = world.AllKept();
        after.Put("a", "2");
        Assert.Equal("1", world.Open(0).Get("a"));
        Assert.Equal("2", after.Get("a"));
        Assert.Equal("1", world.AllKept().Get("a"));
    }

    [Fact]
    public void After_the_cut_nothing_is_pending_and_a_second_cut_takes_only_what_came_later()
    {
        var world = new SimulatedWorld(1);
        world.Open(0).Put("a", "1");
        SimulatedDisk after = world.AllKept();
        Assert.Empty(after.World.CrashPointNow().Pending);
        after.Put("a", "2");
        after.Put("b", "3");
        Assert.Equal("1", after.World.AllLost().Get("a"));
        Assert.Equal("-", after.World.AllLost().Get("b"));
    }

    [Fact]
    public void A_restart_keeps_the_page_cache_and_its_risk()
    {
        var world = new SimulatedWorld(1);
        SimulatedDisk disk = world.Open(0);
        Assert.True(disk.TryLock());
        disk.Put("a", "1");
        SimulatedWorld again = world.Restart();
        Assert.True(again.Open(0).TryLock());
        Assert.Equal("1", again.Open(0).Get("a"));
        Assert.Equal("-", again.AllLost().Get("a"));
    }

    [Fact]
    public void An_old_image_can_come_back_and_open_files_fail()
    {
        var world = new SimulatedWorld(1);
        SimulatedDisk disk = world.Open(0);
        disk.Put("a", "old", sync: true);
        disk.SyncDirectory("");
        DiskImage old = world.Image(0);
        disk.Put("a", "new", sync: true);
        using IDiskFile file = disk.Open("a", DiskOpenMode.ReadWrite);
        world.Replace(0, old);
        Assert.Equal("old", disk.Get("a"));
        Assert.Equal(Errno.EIO, SimulationTest.ErrnoOf(() => file.Write(0, "x"u8)));
        Assert.Equal(Errno.EIO, SimulationTest.ErrnoOf(file.Sync));
        world.Replace(0, DiskImage.Empty);
        Assert.Empty(disk.List(""));
    }

    [Fact]
    public void Equal_states_have_equal_hashes_whatever_their_history()
    {
        var one = new SimulatedWorld(2);
        one.Open(0).MakeDirectory("d");
        one.Open(0).Put("d/a", "1");
        var two = new SimulatedWorld(2);
        two.Open(0).Put("x", "1");
        two.Open(0).MakeDirectory("e");
        two.Open(0).Rename("e", "d");
        Assert.NotEqual(one.Hash(), two.Hash());
        two.Open(0).Rename("x", "d/a");
        Assert.Equal(one.Hash(), two.Hash());
        two.Open(1).MakeDirectory("d");
        Assert.NotEqual(one.Hash(), two.Hash());
    }

    [Fact]
    public void The_same_seed_gives_the_same_run_and_the_same_states()
    {
        Assert.Equal(Run(3), Run(3));
        Assert.NotEqual(Run(3), Run(4));

        static ulong[] Run(int seed)
        {
            var world = new SimulatedWorld(2, seed);
            world.Inject(new Fault(FaultKind.LostSync, DiskCalls.Sync) { Times = long.MaxValue });
            foreach (SimulatedDisk disk in world.OpenAll())
            {
                using IDiskFile file = disk.Open("a", DiskOpenMode.CreateNew);
                disk.SyncDirectory("");
                file.Write(0, Enumerable.Range(0, 20_000).Select(i => (byte)(i * 7)).ToArray());
                Assert.Throws<DiskException>(file.Sync);
                file.Write(9_000, new byte[50_000]);
            }

            return [.. world.CrashPointNow().States([]).Select(state => state.World.Hash())];
        }
    }

    [Fact]
    public void The_chosen_states_cover_all_combinations_of_few_operations()
    {
        var world = new SimulatedWorld(2);
        foreach (SimulatedDisk disk in world.OpenAll())
        {
            disk.Put("a", "1", sync: true);
            disk.Put("b", "2", sync: true);
        }

        CrashPoint point = world.CrashPointNow();
        Assert.Equal(4, point.Pending.Count);
        Assert.Equal(16, point.States([]).Count());
        HashSet<ulong> seen = [];
        Assert.Equal(16, point.States(seen).Count());
        Assert.Empty(point.States(seen));
        Assert.Equal("kept 0-3", CrashSelection.All(point).ToString());
        Assert.Equal("kept 0-1 lost 2 kept 3", CrashSelection.All(point).With(2, Survival.Lost).ToString());
        Assert.Equal("#3 d2@10 create b", point.Pending[3].ToString());
    }

    [Fact]
    public void Many_operations_are_sampled()
    {
        var world = new SimulatedWorld(1);
        for (int i = 0; i < 40; i++)
            world.Open(0).Put($"f{i}", new string('x', 5_000));
        CrashPoint point = world.CrashPointNow();
        Assert.Equal(120, point.Pending.Count);
        int count = point.States([]).Count();
        Assert.InRange(count, 250, 1_000);
        Assert.True(point.States([], new CrashStates(SampleCount: 200)).Count() > count);
    }

    [Fact]
    public void Keeping_one_operation_keeps_what_it_needs()
    {
        var world = new SimulatedWorld(1);
        SimulatedDisk disk = world.Open(0);
        disk.Put("a", "1", sync: true);
        disk.Put("x", "2", sync: true);
        disk.Rename("a", "b");
        CrashPoint point = world.CrashPointNow();
        SimulatedDisk after = point.Build(CrashSelection.None(point).Keeping(point, point.Pending[^1])).Open(0);
        Assert.Equal("- 1 -", $"{after.Get("a")} {after.Get("b")} {after.Get("x")}");
    }

    [Fact]
    public void A_disposed_opener_is_of_no_use_and_several_threads_do_no_harm()
    {
        var world = new SimulatedWorld(1);
        SimulatedDisk disk = world.Open(0);
        Parallel.For(0, 8, i =>
        {
            for (int k = 0; k < 50; k++)
                disk.Put($"f{i}", $"{k}", sync: true);
        });
        Assert.Equal(8, disk.List("").Count);
        Assert.Equal(8 * 50 * 3, world.Sequence - 1);
        disk.Dispose();
        Assert.Throws<ObjectDisposedException>(() => disk.List(""));
    }
}
