using DynamicFs.Files;
using DynamicFs.Primitives;
using Xunit;
using static DynamicFs.UnitTests.Files.FilesFixture;

namespace DynamicFs.UnitTests.Files;

/// <summary>The cache of inodes, seen through a filesystem with a tiny one.</summary>
public class InodeTableTests
{
    private const int Capacity = 16;

    [Fact]
    public void The_cache_is_bounded_and_nothing_is_lost()
    {
        using FilesFixture fs = Tiny();
        Attributes[] files = [.. Enumerable.Range(0, 500).Select(i => fs.File(Root, $"f{i}"))];
        Ok(fs.Files.SyncAll());
        for (int round = 0; round < 3; round++)
        {
            foreach (Attributes file in files)
            {
                Assert.Equal(file, fs.Stat(file.Inode));
                Assert.InRange(fs.Files.Inodes.CachedCount, 1, Capacity + Capacity / 8 + 2);
            }
        }
    }

    [Fact]
    public void Open_and_dirty_inodes_stay()
    {
        using FilesFixture fs = Tiny();
        InodeNumber[] open = [.. Enumerable.Range(0, 40).Select(i => fs.Open(Root, $"o{i}").Inode)];
        Attributes[] others = [.. Enumerable.Range(0, 100).Select(i => fs.File(Root, $"f{i}"))];
        Assert.InRange(fs.Files.Inodes.CachedCount, 140, 200);
        Ok(fs.Files.SyncAll());
        foreach (Attributes file in others)
            fs.Stat(file.Inode);
        Assert.InRange(fs.Files.Inodes.CachedCount, 40, 70);
        foreach (InodeNumber inode in open)
        {
            Assert.NotNull(fs.Files.Inodes.FindCached(inode));
            fs.Files.Release(inode);
        }

        Ok(fs.Chmod(open[0], "600"));
        Ok(fs.Files.SyncAll());
        foreach (Attributes file in others)
            fs.Stat(file.Inode);
        Assert.InRange(fs.Files.Inodes.CachedCount, 1, 40);
    }

    [Fact]
    public void A_new_access_time_outlives_eviction()
    {
        using FilesFixture fs = Tiny();
        InodeNumber link = fs.Symlink(Root, "l", "t").Inode;
        Attributes[] files = [.. Enumerable.Range(0, 100).Select(i => fs.File(Root, $"f{i}"))];
        Ok(fs.Files.SyncAll());
        fs.Time.Advance(10);
        FileTime read = fs.Time.Now;
        Ok(fs.Files.ReadSymbolicLink(link, new byte[10], out _));
        for (int round = 0; round < 4; round++)
        {
            foreach (Attributes file in files)
                fs.Stat(file.Inode);
            Ok(fs.Files.SyncAll());
        }

        Assert.Null(fs.Files.Inodes.FindCached(link));
        Assert.Equal(read, fs.Stat(link).AccessTime);
    }

    [Fact]
    public void Numbers_are_never_given_twice()
    {
        using var fs = new FilesFixture();
        var seen = new HashSet<InodeNumber> { Root };
        for (int round = 0; round < 4; round++)
        {
            for (int i = 0; i < 10; i++)
            {
                Assert.True(seen.Add(fs.File(Root, "f").Inode));
                Ok(fs.Unlink(Root, "f"));
            }

            fs.Reopen();
        }
    }

    [Fact]
    public void A_change_outside_the_gate_is_refused()
    {
        using var fs = new FilesFixture();
        Inode root = fs.Files.Inodes.Find(Root)!;
        Assert.Throws<InvariantException>(() => fs.Files.Inodes.MarkDirty(root));
        Assert.Throws<InvariantException>(() => fs.Files.Inodes.Trim());
        Assert.Throws<InvariantException>(() => fs.Files.Inodes.Remove(root));
    }

    [Fact]
    public void Reading_allocates_nothing()
    {
        using var fs = new FilesFixture();
        InodeNumber directory = fs.Directory(Root, "d").Inode;
        for (int i = 0; i < 300; i++)
            fs.File(directory, $"file{i}");
        Ok(fs.SetXattr(directory, "user.a", new byte[5000]));
        InodeNumber link = fs.Symlink(Root, "l", "target").Inode;
        byte[] buffer = new byte[8192];
        var listing = new CountingSink();
        long allocated = long.MaxValue;
        int rounds = 0;

        // The first rounds compile and warm up, longer on a busy machine; what counts is that there comes one that allocates nothing.
        for (; rounds < 50 && allocated > 1000; rounds++)
        {
            allocated = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 100; i++)
            {
                fs.Files.Lookup(directory, "file7"u8, out _);
                fs.Files.Lookup(directory, "none"u8, out _);
                fs.Files.GetAttributes(directory, out _);
                fs.Files.ReadDirectory(directory, 0, listing);
                fs.Files.ReadSymbolicLink(link, buffer, out _);
                fs.Files.GetXattr(directory, "user.a"u8, buffer, out _);
                fs.Files.GetXattr(directory, "security.capability"u8, buffer, out _);
                fs.Files.ListXattr(directory, buffer, out _);
                fs.Files.Open(link, write: false, truncate: false, killPrivileges: false);
                fs.Files.Release(link);
            }

            allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        }

        Assert.Equal(rounds * 100 * 302, listing.Count);
        Assert.InRange(allocated, 0, 1000);
    }

    [Fact]
    public void Writing_ahead_leaves_nothing_behind()
    {
        using var fs = new FilesFixture();
        InodeNumber file = fs.File(Root, "f").Inode;
        using (fs.Files.Gate.EnterShared())
            fs.Files.Inodes.WriteDirtyAhead();
        Assert.Equal(0, fs.Files.Inodes.DirtyCount);
        Ok(fs.Chmod(file, "600"));
        Assert.Equal(1, fs.Files.Inodes.DirtyCount);
        Assert.Equal(2, fs.Audit().InodeCount);
    }

    private static FilesFixture Tiny() => new(parts => parts with { Limits = parts.Limits with { CachedInodes = Capacity } });

    private sealed class CountingSink : IDirectorySink
    {
        public int Count { get; private set; }

        public bool Add(ReadOnlySpan<byte> name, InodeNumber inode, uint type, ulong cookie)
        {
            Count++;
            return true;
        }
    }
}
