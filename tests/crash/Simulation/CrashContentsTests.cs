using DynamicFs.Disks;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.CrashTests.Simulation;

/// <summary>What a power cut may do to the bytes and the length of a file.</summary>
public sealed class CrashContentsTests
{
    private readonly SimulatedWorld _world = new(1);
    private readonly SimulatedDisk _disk;

    public CrashContentsTests() => _disk = _world.Open(0);

    [Fact]
    public void Unsynced_sectors_are_old_or_new_each_on_its_own()
    {
        using IDiskFile file = Start(Fill('a', 1_536));
        file.Write(0, Fill('b', 1_536));
        CrashPoint point = _world.CrashPointNow();
        PendingOperation data = Assert.Single(point.Pending);
        Assert.Equal((PendingPart.Data, 3), (data.Part, data.SectorCount));

        Assert.Equal("aaa", Sectors(point, Survival.Lost));
        Assert.Equal("bbb", Sectors(point, Survival.Kept));
        Assert.Equal("baa", Sectors(point, Survival.First(1)));
        Assert.Equal("aab", Sectors(point, new Survival(SurvivalKind.Last, 2)));
        Assert.Equal("aba", Sectors(point, new Survival(SurvivalKind.Only, 1)));
        Assert.Equal("bab", Sectors(point, new Survival(SurvivalKind.AllBut, 1)));
        Assert.Equal(8, Enumerable.Range(0, 100).Select(seed => Sectors(point, Survival.Some(seed))).Distinct().Count());
        file.Sync();
        Assert.Empty(_world.CrashPointNow().Pending);
        Assert.Equal("bbb", Letters(_world.AllLost().Bytes("a")));
    }

    [Fact]
    public void A_torn_sector_is_garbage_or_unreadable()
    {
        using IDiskFile file = Start(Fill('a', 1_536));
        file.Write(0, Fill('b', 1_536));
        CrashPoint point = _world.CrashPointNow();
        Assert.Equal("b??", Sectors(point, Survival.First(1, Tear.Garbage)));

        SimulatedDisk torn = point.Build(CrashSelection.All(point).With(0, Survival.First(1, Tear.Unreadable))).Open(0);
        using IDiskFile after = torn.Open("a", DiskOpenMode.ReadWrite);
        byte[] sector = new byte[512];
        Assert.Equal(Errno.EIO, SimulationTest.ErrnoOf(() => after.Read(0, new byte[1_536])));
        Assert.Equal(Errno.EIO, SimulationTest.ErrnoOf(() => after.Read(1_000, sector)));
        Assert.Equal(512, after.Read(0, sector));
        Assert.Equal("b", Letters(sector));
        Assert.Equal(512, after.Read(1_024, sector));
        Assert.Equal("a", Letters(sector));
        after.Write(512, Fill('c', 512));
        Assert.Equal("bca", Letters(torn.Bytes("a")));
    }

    [Fact]
    public void A_write_that_touches_sectors_in_part_carries_them_whole()
    {
        using IDiskFile file = Start(Fill('a', 1_024));
        file.Write(0, Fill('b', 300));
        file.Write(500, Fill('c', 24));
        CrashPoint point = _world.CrashPointNow();
        byte[] lastOnly = point.Build(CrashSelection.None(point).With(1, Survival.First(1))).Open(0).Bytes("a");
        // The sector that the second write began in was in the cache with the first write's bytes.
        Assert.Equal("b300 a200 c12 a512", Runs(lastOnly));
    }

    [Fact]
    public void Every_content_that_a_sector_had_can_come_out_and_no_other()
    {
        using IDiskFile file = Start(Fill('a', 512));
        foreach (char letter in "bcd")
            file.Write(0, Fill(letter, 512));
        CrashPoint point = _world.CrashPointNow();
        string[] contents = [.. new CrashStates().Enumerate(point).Where(IsWhole).Select(choice => Letters(point.Build(choice).Open(0).Bytes("a")))];
        Assert.Equal(["a", "b", "c", "d"], contents.Distinct().Order());

        bool IsWhole(CrashSelection selection) => point.Pending.All(operation => selection[operation.Index].Tear == Tear.Old);
    }

    [Fact]
    public void Length_and_bytes_of_an_append_are_apart()
    {
        using IDiskFile file = Start("");
        file.Write(0, Fill('b', 512));
        CrashPoint point = _world.CrashPointNow();
        Assert.Equal([PendingPart.Length, PendingPart.Data], point.Pending.Select(operation => operation.Part));
        CrashSelection none = CrashSelection.None(point);
        Assert.Equal("", Runs(point.Build(none).Open(0).Bytes("a")));
        Assert.Equal("", Runs(point.Build(none.With(1, Survival.Kept)).Open(0).Bytes("a")));
        Assert.Equal("\0512", Runs(point.Build(none.With(0, Survival.Kept)).Open(0).Bytes("a")));
        Assert.Equal("b512", Runs(point.Build(CrashSelection.All(point)).Open(0).Bytes("a")));
    }

    [Fact]
    public void Growth_may_stop_at_any_block()
    {
        using IDiskFile file = Start(Fill('a', 100));
        file.Write(100, Fill('b', 13_000));
        long[] lengths = [.. _world.CrashPointNow().States([]).Select(state => Length(state.World)).Distinct().Order()];
        Assert.Equal([100, 4_096, 8_192, 12_288, 13_100], lengths);

        static long Length(SimulatedWorld world)
        {
            using IDiskFile after = world.Open(0).Open("a", DiskOpenMode.Read);
            return after.LengthBytes;
        }
    }

    [Fact]
    public void Lengths_are_lost_from_the_end_only()
    {
        using IDiskFile file = Start(Fill('a', 1_000));
        file.SetLength(200);
        file.SetLength(600);
        Assert.Equal(["a1000", "a200", "a200 \0400"], _world.States(disk => Runs(disk.Bytes("a"))));
        CrashPoint point = _world.CrashPointNow();
        Assert.Equal("a1000", Runs(point.Build(CrashSelection.All(point).With(0, Survival.Lost)).Open(0).Bytes("a")));
    }

    [Fact]
    public void A_cut_file_that_grows_again_shows_nothing_old()
    {
        using IDiskFile file = Start(Fill('a', 1_024));
        file.SetLength(0);
        file.SetLength(1_024);
        file.Sync();
        Assert.Equal("\01024", Runs(_world.AllLost().Bytes("a")));
    }

    [Fact]
    public void A_sync_covers_its_file_only()
    {
        using IDiskFile first = Start("1");
        _disk.Put("b", "1", sync: true);
        _disk.SyncDirectory("");
        first.Write(0, "2"u8);
        _disk.Put("b", "2");
        first.Sync();
        Assert.Equal("2 1", $"{_world.AllLost().Get("a")} {_world.AllLost().Get("b")}");
    }

    [Fact]
    public void A_sync_through_any_handle_covers_writes_through_all()
    {
        using IDiskFile file = Start("1");
        file.Write(0, "2"u8);
        using (IDiskFile other = _disk.Open("a", DiskOpenMode.Read))
            other.Sync();
        Assert.Equal("2", _world.AllLost().Get("a"));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void No_state_has_a_sector_that_never_was_and_every_sector_takes_all_its_contents(int seed)
    {
        const int SectorCount = 24;
        var random = new Random(seed);
        var possible = new HashSet<char>[SectorCount];
        byte[] live = Fill('.', SectorCount * 512);
        using IDiskFile file = Start(live);
        Forget();
        for (int step = 0; step < 60; step++)
        {
            if (random.Next(8) == 0)
            {
                file.Sync();
                Forget();
                continue;
            }

            int first = random.Next(SectorCount), count = random.Next(1, SectorCount - first + 1);
            char letter = (char)('A' + (step % 58));
            live.AsSpan(first * 512, count * 512).Fill((byte)letter);
            file.Write(first * 512, live.AsSpan(first * 512, count * 512));
            for (int i = first; i < first + count; i++)
                possible[i].Add(letter);
        }

        CrashPoint point = _world.CrashPointNow();
        var found = possible.Select(_ => new HashSet<char>()).ToArray();
        for (int i = 0; i < 600; i++)
        {
            CrashSelection selection = CrashSelection.Of(point, _ => random.Next(3) == 0 ? Survival.Some(random.Next()) : Pick(random));
            string letters = Letters(point.Build(selection).Open(0).Bytes("a"));
            for (int sector = 0; sector < SectorCount; sector++)
            {
                Assert.Contains(letters[sector], possible[sector]);
                found[sector].Add(letters[sector]);
            }
        }

        // Contents that many later writes cover need luck to show; the last ones and the durable one must be among those found.
        Assert.All(found.Zip(possible), pair => Assert.True(pair.First.Count >= Math.Min(pair.Second.Count, 4), $"{pair.First.Count} of {pair.Second.Count}"));

        void Forget()
        {
            for (int i = 0; i < SectorCount; i++)
                possible[i] = [(char)live[i * 512]];
        }
    }

    private static Survival Pick(Random random) => random.Next(4) == 0 ? Survival.Kept : Survival.Lost;

    private static byte[] Fill(char letter, int count) => [.. Enumerable.Repeat((byte)letter, count)];

    private IDiskFile Start(ReadOnlySpan<byte> content)
    {
        IDiskFile file = _disk.Open("a", DiskOpenMode.CreateNew);
        file.Write(0, content);
        file.Sync();
        _disk.SyncDirectory("");
        return file;
    }

    private IDiskFile Start(string content) => Start(System.Text.Encoding.ASCII.GetBytes(content));

    private static string Sectors(CrashPoint point, Survival fate) => Letters(point.Build(CrashSelection.All(point).With(0, fate)).Open(0).Bytes("a"));

    /// <summary>One letter per sector; '?' for a mixture.</summary>
    private static string Letters(byte[] content) =>
        string.Concat(content.Chunk(512).Select(sector => sector.AsSpan().ContainsAnyExcept(sector[0]) ? '?' : (char)sector[0]));

    private static string Runs(byte[] content)
    {
        List<string> runs = [];
        for (int i = 0, end; i < content.Length; i = end)
        {
            for (end = i + 1; end < content.Length && content[end] == content[i];)
                end++;
            runs.Add($"{(char)content[i]}{end - i}");
        }

        return string.Join(' ', runs);
    }
}
