using DynamicFs.Files;
using DynamicFs.Primitives;
using Xunit;
using static DynamicFs.UnitTests.Files.FilesFixture;

namespace DynamicFs.UnitTests.Files;

/// <summary>Listings, and names whose hashes collide.</summary>
public class ReadDirectoryTests
{
    [Fact]
    public void Dots_come_first_and_cookies_fit_the_kernel()
    {
        using var fs = new FilesFixture();
        InodeNumber directory = fs.Directory(Root, "d").Inode;
        InodeNumber file = fs.File(directory, "f").Inode;
        List<ListedEntry> entries = fs.List(directory).Entries;
        Assert.Equal((".", directory, FileType.Directory, 1UL), (entries[0].Name, entries[0].Inode, entries[0].Type, entries[0].Cookie));
        Assert.Equal(("..", Root, FileType.Directory, 2UL), (entries[1].Name, entries[1].Inode, entries[1].Type, entries[1].Cookie));
        Assert.Equal(("f", file, FileType.Regular), (entries[2].Name, entries[2].Inode, entries[2].Type));
        Assert.InRange(entries[2].Cookie, 256UL, (ulong)long.MaxValue);
        Assert.Empty(fs.List(directory, entries[2].Cookie).Entries);
        Assert.Empty(fs.List(directory, long.MaxValue).Entries);
        Assert.Empty(fs.List(directory, ulong.MaxValue).Entries);
        Assert.Equal(Errno.ENOTDIR, fs.Files.ReadDirectory(file, 0, new Listing()));
        Assert.Equal(Errno.ENOENT, fs.Files.ReadDirectory(new InodeNumber(99), 0, new Listing()));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(1000)]
    public void A_listing_in_pieces_gives_everything_once(int piece)
    {
        using var fs = new FilesFixture();
        for (int i = 0; i < 500; i++)
            fs.File(Root, $"{new string('n', i % 200)}{i}");
        List<string> seen = ListInPieces(fs, Root, piece, _ => { });
        Assert.Equal(502, seen.Count);
        Assert.Equal(502, seen.Distinct().Count());
    }

    [Fact]
    public void What_is_there_all_the_time_is_listed_once_whatever_else_comes_and_goes()
    {
        using var fs = new FilesFixture();
        var random = new Random(5);
        string[] stable = [.. Enumerable.Range(0, 300).Select(i => $"stable{i}")];
        foreach (string name in stable)
            fs.File(Root, name);
        var passing = new List<string>();
        int next = 0;
        List<string> seen = ListInPieces(fs, Root, 5, step =>
        {
            for (int i = 0; i < 10; i++)
            {
                if (passing.Count > 0 && random.Next(2) == 0)
                {
                    int victim = random.Next(passing.Count);
                    Ok(fs.Unlink(Root, passing[victim]));
                    passing.RemoveAt(victim);
                }
                else
                {
                    passing.Add($"passing{next++}");
                    fs.File(Root, passing[^1]);
                }
            }

            // Replaced by rename: the name was there all the time, and stays at its place.
            fs.File(Root, "new");
            Ok(fs.Rename(Root, "new", Root, stable[step % stable.Length]));
        });
        foreach (string name in stable)
            Assert.Equal(1, seen.Count(s => s == name));
        Assert.Equal(seen.Count, seen.Distinct().Count());
        fs.Audit();
    }

    [Fact]
    public void A_sink_may_use_the_filesystem()
    {
        using var fs = new FilesFixture();
        for (int i = 0; i < 50; i++)
            fs.File(Root, $"f{i}");
        var sink = new UnlinkingSink(fs);
        Ok(fs.Files.ReadDirectory(Root, 0, sink));
        Assert.Equal(50, sink.Count);
        Assert.Empty(fs.Names(Root));
    }

    [Fact]
    public void Names_of_equal_hash_live_side_by_side()
    {
        using var fs = new FilesFixture(parts => parts with { NameHash = _ => 5 });
        var inodes = new Dictionary<string, InodeNumber>();
        for (int i = 0; i < 256; i++)
            inodes[$"n{i}"] = fs.File(Root, $"n{i}").Inode;
        Assert.Equal(Errno.ENOSPC, fs.Files.MakeNode(User, Root, "one more"u8, FileType.Regular, 0, out _));
        Assert.Equal(Errno.ENOSPC, fs.Rename(Root, "n0", Root, "one more"));
        Assert.Equal(Errno.ENOSPC, fs.Link(inodes["n0"], Root, "one more"));
        Ok(fs.Unlink(Root, "n0"));
        Ok(fs.Unlink(Root, "n100"));
        inodes.Remove("n0");
        inodes.Remove("n100");
        AssertAll();
        Ok(fs.Rename(Root, "n255", Root, "renamed"));
        inodes["renamed"] = inodes["n255"];
        inodes.Remove("n255");
        AssertAll();
        inodes["again"] = fs.File(Root, "again").Inode;
        inodes["and again"] = fs.File(Root, "and again").Inode;
        AssertAll();
        Assert.Equal(Errno.ENOENT, fs.Lookup(Root, "n0"));
        Assert.Equal(Errno.ENOSPC, fs.Files.MakeDirectory(User, Root, "one more"u8, 0, out _));
        fs.Audit();

        void AssertAll()
        {
            foreach ((string name, InodeNumber inode) in inodes)
            {
                Ok(fs.Lookup(Root, name, out Attributes found));
                Assert.Equal(inode, found.Inode);
            }

            Assert.Equal(inodes.Keys.Order(StringComparer.Ordinal), fs.Names(Root));
        }
    }

    [Fact]
    public void Hashes_at_the_ends_of_their_range_work()
    {
        foreach (ulong hash in (ulong[])[1, NamespaceFormat.MaxNameHash])
        {
            using var fs = new FilesFixture(parts => parts with { NameHash = _ => hash });
            for (int i = 0; i < 256; i++)
                fs.File(Root, $"n{i}");
            Assert.Equal(258, fs.List(Root).Entries.Count);
            Assert.All(fs.List(Root).Entries, e => Assert.InRange(e.Cookie, 1UL, (ulong)long.MaxValue));
            Assert.Equal(258, ListInPieces(fs, Root, 3, _ => { }).Count);
        }
    }

    [Fact]
    public void A_damaged_entry_is_EIO_not_a_short_listing()
    {
        using var fs = new FilesFixture();
        for (int i = 0; i < 20; i++)
            fs.File(Root, $"f{i}");
        ulong cookie = fs.List(Root).Entries[12].Cookie;
        byte[] key = new byte[NamespaceFormat.EntryKeyBytes];
        NamespaceFormat.WriteEntryKey(key, Root, cookie);
        fs.Reopen(damage: tree => tree.Put(key, [1, 2, 3]));
        Assert.Equal(Errno.EIO, fs.Files.ReadDirectory(Root, 0, new Listing()));
    }

    private static List<string> ListInPieces(FilesFixture fs, InodeNumber directory, int piece, Action<int> between)
    {
        var seen = new List<string>();
        ulong cookie = 0;
        for (int step = 0; ; step++)
        {
            List<ListedEntry> entries = fs.List(directory, cookie, piece).Entries;
            if (entries.Count == 0)
                return seen;
            seen.AddRange(entries.Select(e => e.Name));
            Assert.True(entries[^1].Cookie > cookie);
            cookie = entries[^1].Cookie;
            between(step);
        }
    }

    private sealed class UnlinkingSink(FilesFixture fs) : IDirectorySink
    {
        public int Count { get; private set; }

        public bool Add(ReadOnlySpan<byte> name, InodeNumber inode, uint type, ulong cookie)
        {
            if (type == FileType.Directory)
                return true;
            Ok(fs.Files.Unlink(User, Root, name));
            Count++;
            return true;
        }
    }
}
