using DynamicFs.Disks;
using Xunit;

namespace DynamicFs.CrashTests.Simulation;

/// <summary>What a power cut may do to names.</summary>
public sealed class CrashNamesTests
{
    private readonly SimulatedWorld _world = new(1);
    private readonly SimulatedDisk _disk;

    public CrashNamesTests() => _disk = _world.Open(0);

    [Fact]
    public void A_new_name_lasts_only_when_its_directory_was_synced()
    {
        _disk.Put("a", "1", sync: true);
        Assert.Equal(["-", "1"], _world.States(disk => disk.Get("a")));
        _disk.SyncDirectory("");
        Assert.Equal(["1"], _world.States(disk => disk.Get("a")));
    }

    [Fact]
    public void A_name_may_last_without_the_bytes()
    {
        _disk.Put("a", "1");
        _disk.SyncDirectory("");
        // Length without bytes, bytes without length, neither, or a sector that was torn.
        Assert.Equal(["", "\0", "!", "1"], _world.States(disk => disk.Get("a")));
    }

    [Fact]
    public void A_rename_is_old_or_new_and_never_neither()
    {
        _disk.Put("a", "new", sync: true);
        _disk.Put("b", "old", sync: true);
        _disk.SyncDirectory("");
        _disk.Rename("a", "b");
        Assert.Equal(["- new", "new old"], _world.States(disk => $"{disk.Get("a")} {disk.Get("b")}"));
        _disk.SyncDirectory("");
        Assert.Equal(["- new"], _world.States(disk => $"{disk.Get("a")} {disk.Get("b")}"));
    }

    [Fact]
    public void A_rename_without_sync_of_the_file_may_lead_to_an_empty_one()
    {
        _disk.Put("b", "old", sync: true);
        _disk.SyncDirectory("");
        _disk.Put("a", "new");
        _disk.Rename("a", "b");
        _disk.SyncDirectory("");
        Assert.Contains("", _world.States(disk => disk.Get("b")));
        Assert.DoesNotContain("old", _world.States(disk => disk.Get("b")));
    }

    [Theory]
    [InlineData("from")]
    [InlineData("to")]
    public void A_rename_between_directories_lasts_when_either_was_synced(string synced)
    {
        _disk.MakeDirectory("from");
        _disk.MakeDirectory("to");
        _disk.SyncDirectory("");
        _disk.Put("from/a", "1", sync: true);
        _disk.Rename("from/a", "to/a");
        Assert.Equal(["- -", "- 1", "1 -"], _world.States(disk => $"{disk.Get("from/a")} {disk.Get("to/a")}"));
        _disk.SyncDirectory(synced);
        Assert.Equal(["- 1"], _world.States(disk => $"{disk.Get("from/a")} {disk.Get("to/a")}"));
    }

    [Fact]
    public void Names_in_a_directory_need_the_directory_s_own_name()
    {
        _disk.MakeDirectory("d");
        _disk.Put("d/a", "1", sync: true);
        _disk.SyncDirectory("d");
        Assert.Equal(["-", "1"], _world.States(disk => disk.Get("d/a")));
        _disk.SyncDirectory("");
        Assert.Equal(["1"], _world.States(disk => disk.Get("d/a")));
    }

    [Fact]
    public void Different_names_are_lost_independently_and_one_name_in_order()
    {
        _disk.Put("a", "1", sync: true);
        _disk.Put("b", "2", sync: true);
        _disk.Unlink("a");
        // "a" was made and removed: it may be there, but only after it was made.
        Assert.Equal(["- -", "- 2", "1 -", "1 2"], _world.States(disk => $"{disk.Get("a")} {disk.Get("b")}"));
    }

    [Fact]
    public void An_unlink_may_come_undone_with_its_bytes()
    {
        _disk.Put("a", "1", sync: true);
        _disk.SyncDirectory("");
        _disk.Unlink("a");
        Assert.Equal(["-", "1"], _world.States(disk => disk.Get("a")));
        _disk.SyncDirectory("");
        Assert.Equal(["-"], _world.States(disk => disk.Get("a")));
        Assert.Single(_disk.Image.Inodes);
    }

    [Fact]
    public void A_name_given_again_leads_to_either_file()
    {
        _disk.Put("a", "1", sync: true);
        _disk.SyncDirectory("");
        _disk.Unlink("a");
        _disk.Put("a", "2", sync: true);
        Assert.Equal(["-", "1", "2"], _world.States(disk => disk.Get("a")));
    }

    [Fact]
    public void A_moved_directory_takes_its_names_along()
    {
        _disk.MakeDirectory("d");
        _disk.Put("d/a", "1", sync: true);
        _disk.SyncDirectory("d");
        _disk.SyncDirectory("");
        _disk.Rename("d", "e");
        Assert.Equal(["- 1", "1 -"], _world.States(disk => $"{disk.Get("d/a")} {disk.Get("e/a")}"));
    }

    [Fact]
    public void A_chain_of_renames_lasts_as_a_whole_with_its_end()
    {
        foreach (string directory in new[] { "x", "y", "z" })
            _disk.MakeDirectory(directory);
        _disk.SyncDirectory("");
        _disk.Put("x/a", "1", sync: true);
        _disk.Rename("x/a", "y/a");
        _disk.Rename("y/a", "z/a");
        Assert.Equal(["- - -", "- - 1", "- 1 -", "1 - -"], _world.States(disk => $"{disk.Get("x/a")} {disk.Get("y/a")} {disk.Get("z/a")}"));
        _disk.SyncDirectory("z");
        Assert.Equal(["- - 1"], _world.States(disk => $"{disk.Get("x/a")} {disk.Get("y/a")} {disk.Get("z/a")}"));
    }

    [Fact]
    public void Write_back_makes_everything_durable()
    {
        _disk.MakeDirectory("d");
        _disk.Put("d/a", "1");
        _world.WriteBack();
        Assert.Empty(_world.CrashPointNow().Pending);
        Assert.Equal("1", _world.AllLost().Get("d/a"));
    }

    [Fact]
    public void The_memory_of_dead_files_is_given_back()
    {
        for (int i = 0; i < 10; i++)
        {
            using IDiskFile file = _disk.Open("a", DiskOpenMode.CreateNew);
            _disk.Unlink("a");
            _disk.SyncDirectory("");
            file.Write(0, "still usable"u8);
        }

        Assert.Single(_disk.Image.Inodes);
        Assert.Equal(0, _disk.Image.UsedBytes);
    }
}
