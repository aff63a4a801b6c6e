using DynamicFs.Disks;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Disks;

/// <summary>What <see cref="IDisk"/> promises, the same tests for every implementation of the seam.</summary>
public abstract class DiskContract
{
    protected abstract IDisk Disk { get; }

    /// <summary>Puts a fifo at the path, as an operator or an attacker might.</summary>
    protected abstract void PlantFifo(string path);

    /// <summary>Puts a symbolic link at the path that points to <paramref name="target"/> (relative to it).</summary>
    protected abstract void PlantLink(string path, string target);

    /// <summary>A second opener of the same disk, as another process would be.</summary>
    protected abstract IDisk OpenAgain();

    protected static Errno ErrnoOf(Action action) => Assert.Throws<DiskException>(action).Errno;

    protected static byte[] Pattern(int lengthBytes, int seed = 1)
    {
        byte[] bytes = new byte[lengthBytes];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    protected void WriteFile(string path, ReadOnlySpan<byte> content)
    {
        using IDiskFile file = Disk.Open(path, DiskOpenMode.OpenOrCreate);
        file.Write(0, content);
    }

    protected byte[] ReadFile(string path)
    {
        using IDiskFile file = Disk.Open(path, DiskOpenMode.Read);
        byte[] content = new byte[file.LengthBytes];
        Assert.Equal(content.Length, file.Read(0, content));
        return content;
    }

    [Fact]
    public void What_is_written_reads_back_at_every_offset()
    {
        byte[] content = Pattern(100_000);
        using IDiskFile file = Disk.Open("a", DiskOpenMode.CreateNew);
        file.Write(0, content.AsSpan(0, 50_001));
        file.Write(50_001, content.AsSpan(50_001));
        file.Write(4_000, content.AsSpan(4_000, 9_000));
        Assert.Equal(content.Length, file.LengthBytes);

        byte[] read = new byte[4_321];
        foreach (int offset in new[] { 0, 1, 511, 4_095, 4_096, 50_000, 95_679 })
        {
            Assert.Equal(read.Length, file.Read(offset, read));
            Assert.Equal(content.AsSpan(offset, read.Length), read.AsSpan());
        }
    }

    [Fact]
    public void A_read_is_short_only_at_the_end()
    {
        WriteFile("a", Pattern(5_000));
        using IDiskFile file = Disk.Open("a", DiskOpenMode.Read);
        byte[] read = new byte[1_000];
        Assert.Equal(1_000, file.Read(4_000, read));
        Assert.Equal(1, file.Read(4_999, read));
        Assert.Equal(0, file.Read(5_000, read));
        Assert.Equal(0, file.Read(50_000, read));
        Assert.Equal(0, file.Read(0, Span<byte>.Empty));
    }

    [Fact]
    public void A_gap_reads_as_zeros()
    {
        using IDiskFile file = Disk.Open("a", DiskOpenMode.CreateNew);
        file.Write(10_000, "x"u8);
        byte[] read = new byte[10_001];
        read.AsSpan().Fill(0xff);
        Assert.Equal(read.Length, file.Read(0, read));
        Assert.Equal(new byte[10_000], read[..10_000]);
        Assert.Equal((byte)'x', read[10_000]);
    }

    [Fact]
    public unsafe void Vectored_transfers_equal_plain_ones()
    {
        // More pieces than one call of the kernel takes, among them empty ones.
        const int PieceCount = 2_500;
        byte[] content = Pattern(PieceCount * 7);
        fixed (byte* pointer = content)
        {
            List<IoVector> pieces = [];
            for (int i = 0, at = 0; i < PieceCount; i++)
            {
                int length = i % 15;
                pieces.Add(new IoVector(pointer + at, length));
                at += length;
            }

            int total = pieces.Sum(p => p.LengthBytes);
            using (IDiskFile file = Disk.Open("a", DiskOpenMode.CreateNew))
                file.Write(33, pieces.ToArray());
            Assert.Equal(content.AsSpan(0, total), ReadFile("a").AsSpan(33));

            byte[] expected = content[..total];
            using (IDiskFile file = Disk.Open("a", DiskOpenMode.Read))
            {
                content.AsSpan().Clear();
                Assert.Equal(total, file.Read(33, pieces.ToArray()));
                Assert.Equal(expected, content.AsSpan(0, total));
                Assert.Equal(total - 100, file.Read(133, pieces.ToArray()));
                Assert.Equal(expected.AsSpan(100), content.AsSpan(0, total - 100));
                Assert.Equal(0, file.Read(33 + total, pieces.ToArray()));
            }
        }
    }

    [Fact]
    public void Set_length_cuts_and_grows_with_zeros()
    {
        byte[] content = Pattern(10_000);
        WriteFile("a", content);
        using IDiskFile file = Disk.Open("a", DiskOpenMode.ReadWrite);
        file.SetLength(4_500);
        Assert.Equal(4_500, file.LengthBytes);
        file.SetLength(9_000);
        byte[] read = ReadFile("a");
        Assert.Equal(content[..4_500], read[..4_500]);
        Assert.Equal(new byte[4_500], read[4_500..]);
    }

    [Fact]
    public void Allocate_grows_with_zeros_and_never_shrinks()
    {
        WriteFile("a", "abc"u8);
        using IDiskFile file = Disk.Open("a", DiskOpenMode.ReadWrite);
        file.Allocate(0, 100_000);
        Assert.Equal(100_000, file.LengthBytes);
        file.Allocate(0, 10);
        Assert.Equal(100_000, file.LengthBytes);
        byte[] read = ReadFile("a");
        Assert.Equal("abc"u8, read.AsSpan(0, 3));
        Assert.Equal(new byte[99_997], read[3..]);
        file.Sync();
        file.Advise(0, 100_000, DiskAdvice.WillNeed);
        file.Advise(0, 0, DiskAdvice.DoNotNeed);
        Assert.Equal(read, ReadFile("a"));
    }

    [Fact]
    public void Open_modes_do_what_they_say()
    {
        Assert.Equal(Errno.ENOENT, ErrnoOf(() => Disk.Open("a", DiskOpenMode.Read)));
        Assert.Equal(Errno.ENOENT, ErrnoOf(() => Disk.Open("a", DiskOpenMode.ReadWrite)));
        Assert.Equal(Errno.ENOENT, ErrnoOf(() => Disk.Open("a", DiskOpenMode.ReadDirect)));
        Assert.Equal(Errno.ENOENT, ErrnoOf(() => Disk.Open("no/a", DiskOpenMode.CreateNew)));
        Disk.Open("a", DiskOpenMode.CreateNew).Dispose();
        Assert.Equal(Errno.EEXIST, ErrnoOf(() => Disk.Open("a", DiskOpenMode.CreateNew)));
        Assert.Equal(Errno.ENOTDIR, ErrnoOf(() => Disk.Open("a/b", DiskOpenMode.Read)));
        using (IDiskFile file = Disk.Open("a", DiskOpenMode.Read))
            Assert.Equal(Errno.EBADF, ErrnoOf(() => file.Write(0, "x"u8)));
        using (IDiskFile file = Disk.Open("a", DiskOpenMode.OpenOrCreate))
            file.Write(0, "x"u8);
        using (IDiskFile file = Disk.Open("b", DiskOpenMode.OpenOrCreate))
            Assert.Equal(0, file.LengthBytes);
        Assert.Equal("x"u8, ReadFile("a"));
    }

    [Fact]
    public void A_failure_names_disk_operation_path_and_errno()
    {
        DiskException failure = Assert.Throws<DiskException>(() => Disk.Open("fragments/none", DiskOpenMode.Read));
        Assert.Equal(Disk.Name, failure.Disk);
        Assert.Contains("open fragments/none", failure.Operation);
        Assert.Contains("ENOENT", failure.Message);
    }

    [Theory]
    [InlineData(DiskOpenMode.Read)]
    [InlineData(DiskOpenMode.ReadWrite)]
    [InlineData(DiskOpenMode.OpenOrCreate)]
    public void What_is_no_regular_file_is_refused_without_waiting(DiskOpenMode mode)
    {
        PlantFifo("fifo");
        PlantLink("link", "tmp");
        PlantLink("dangling", "nowhere");
        Assert.Equal(Errno.EINVAL, ErrnoOf(() => Disk.Open("fifo", mode)));
        Assert.Equal(Errno.ELOOP, ErrnoOf(() => Disk.Open("link", mode)));
        Assert.Equal(Errno.ELOOP, ErrnoOf(() => Disk.Open("dangling", mode)));
        Assert.Equal(Errno.EISDIR, ErrnoOf(() => Disk.Open("tmp", mode)));
        Assert.DoesNotContain(Disk.List(""), e => e.Name == "nowhere");
    }

    [Fact]
    public void No_call_goes_through_a_link()
    {
        WriteFile("tmp/a", "a"u8);
        PlantLink("link", "tmp");
        Assert.Equal(Errno.ELOOP, ErrnoOf(() => Disk.Open("link/a", DiskOpenMode.Read)));
        Assert.Equal(Errno.ELOOP, ErrnoOf(() => Disk.Open("link/b", DiskOpenMode.CreateNew)));
        Assert.Equal(Errno.ELOOP, ErrnoOf(() => Disk.Unlink("link/a")));
        Assert.Equal(Errno.ELOOP, ErrnoOf(() => Disk.Rename("link/a", "b")));
        Assert.Equal(Errno.ELOOP, ErrnoOf(() => Disk.Rename("tmp/a", "link/b")));
        Assert.Equal(Errno.ELOOP, ErrnoOf(() => Disk.MakeDirectory("link/d")));
        Assert.Equal(Errno.ELOOP, ErrnoOf(() => Disk.RemoveDirectory("link/d")));
        Assert.Equal(Errno.ELOOP, ErrnoOf(() => Disk.List("link")));
        Assert.Equal(Errno.ELOOP, ErrnoOf(() => Disk.SyncDirectory("link")));
        Assert.Equal("a"u8, ReadFile("tmp/a"));
        Assert.Equal([new DiskEntry("a", DiskEntryKind.File)], Disk.List("tmp"));
        Disk.Unlink("link");
        Assert.Equal("a"u8, ReadFile("tmp/a"));
    }

    [Fact]
    public void Rename_replaces_the_target_and_keeps_the_open_file()
    {
        WriteFile("tmp/a", "new"u8);
        WriteFile("b", "old"u8);
        using IDiskFile old = Disk.Open("b", DiskOpenMode.Read);
        Disk.Rename("tmp/a", "b");
        Assert.Equal("new"u8, ReadFile("b"));
        Assert.Equal(Errno.ENOENT, ErrnoOf(() => Disk.Open("tmp/a", DiskOpenMode.Read)));
        byte[] read = new byte[3];
        Assert.Equal(3, old.Read(0, read));
        Assert.Equal("old"u8, read);
        Assert.Equal(Errno.ENOENT, ErrnoOf(() => Disk.Rename("tmp/a", "b")));
        Assert.Equal(Errno.EISDIR, ErrnoOf(() => Disk.Rename("b", "tmp")));
        Assert.Equal(Errno.ENOTDIR, ErrnoOf(() => Disk.Rename("tmp", "b")));
        Disk.Rename("b", "b");
        Assert.Equal("new"u8, ReadFile("b"));
    }

    [Fact]
    public void A_directory_moves_with_its_content()
    {
        Disk.MakeDirectory("tmp/d");
        WriteFile("tmp/d/a", "a"u8);
        Disk.Rename("tmp/d", "quarantine/e");
        Assert.Equal("a"u8, ReadFile("quarantine/e/a"));
        Assert.Equal(Errno.EINVAL, ErrnoOf(() => Disk.Rename("quarantine/e", "quarantine/e/f")));
        Disk.MakeDirectory("tmp/d");
        Assert.Equal(Errno.ENOTEMPTY, ErrnoOf(() => Disk.Rename("tmp/d", "quarantine/e")));
        Disk.Unlink("quarantine/e/a");
        Disk.Rename("tmp/d", "quarantine/e");
        Assert.Empty(Disk.List("quarantine/e"));
    }

    [Fact]
    public void An_unlinked_file_stays_readable_while_open()
    {
        WriteFile("a", "abc"u8);
        using IDiskFile file = Disk.Open("a", DiskOpenMode.ReadWrite);
        Disk.Unlink("a");
        Assert.Equal(Errno.ENOENT, ErrnoOf(() => Disk.Unlink("a")));
        file.Write(3, "def"u8);
        file.Sync();
        byte[] read = new byte[6];
        Assert.Equal(6, file.Read(0, read));
        Assert.Equal("abcdef"u8, read);
        Assert.Equal(Errno.EISDIR, ErrnoOf(() => Disk.Unlink("tmp")));
    }

    [Fact]
    public void Directories_are_made_listed_and_removed()
    {
        Disk.MakeDirectory("fragments/0a");
        Assert.Equal(Errno.EEXIST, ErrnoOf(() => Disk.MakeDirectory("fragments/0a")));
        Assert.Equal(Errno.ENOENT, ErrnoOf(() => Disk.MakeDirectory("fragments/no/a")));
        WriteFile("fragments/0a/1.0", "x"u8);
        PlantFifo("fragments/fifo");
        Assert.Equal(
            [new DiskEntry("0a", DiskEntryKind.Directory), new DiskEntry("fifo", DiskEntryKind.Other)],
            Disk.List("fragments").OrderBy(e => e.Name, StringComparer.Ordinal));
        Assert.Equal([new DiskEntry("1.0", DiskEntryKind.File)], Disk.List("fragments/0a"));
        Disk.SyncDirectory("fragments/0a");
        Disk.SyncDirectory("");
        Assert.Equal(Errno.ENOTEMPTY, ErrnoOf(() => Disk.RemoveDirectory("fragments/0a")));
        Assert.Equal(Errno.ENOTDIR, ErrnoOf(() => Disk.RemoveDirectory("fragments/0a/1.0")));
        Assert.Equal(Errno.ENOTDIR, ErrnoOf(() => Disk.List("fragments/0a/1.0")));
        Assert.Equal(Errno.ENOENT, ErrnoOf(() => Disk.List("none")));
        Assert.Equal(Errno.ENOENT, ErrnoOf(() => Disk.SyncDirectory("none")));
        Disk.Unlink("fragments/0a/1.0");
        Disk.RemoveDirectory("fragments/0a");
        Assert.Equal(Errno.ENOENT, ErrnoOf(() => Disk.RemoveDirectory("fragments/0a")));
    }

    [Fact]
    public void A_long_listing_is_complete()
    {
        string[] names = [.. Enumerable.Range(0, 2_000).Select(i => $"{i:x16}.{i % 7}-of-a-long-name")];
        Disk.MakeDirectory("fragments/many");
        foreach (string name in names)
            Disk.Open($"fragments/many/{name}", DiskOpenMode.CreateNew).Dispose();
        Assert.Equal(names.Order(StringComparer.Ordinal), Disk.List("fragments/many").Select(e => e.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public unsafe void A_direct_read_sees_what_was_written_and_needs_alignment()
    {
        byte[] content = Pattern(9_000);
        WriteFile("a", content);
        using IDiskFile file = Disk.Open("a", DiskOpenMode.ReadDirect);
        using var buffer = new NativeBuffer(16_384);
        Assert.Equal(9_000, file.Read(0, buffer.Span));
        Assert.Equal(content, buffer.Span[..9_000]);
        IoVector[] pieces = [new(buffer.Pointer, 4_096), new(buffer.Pointer + 4_096, 8_192)];
        buffer.Span.Clear();
        Assert.Equal(4_904, file.Read(4_096, pieces));
        Assert.Equal(content.AsSpan(4_096), buffer.Span[..4_904]);
        Assert.Equal(Errno.EINVAL, ErrnoOf(() => file.Read(100, buffer.Span)));
        Assert.Equal(Errno.EINVAL, ErrnoOf(() => file.Read(0, buffer.Span[1..4_097])));
    }

    [Fact]
    public void Space_is_plausible()
    {
        DiskSpace space = Disk.Space();
        Assert.InRange(space.AvailableBytes, 1, space.TotalBytes);
        Assert.InRange(space.FreeInodes, 0, space.TotalInodes);
        Assert.False(space.IsReadOnly);
    }

    [Fact]
    public void The_lock_excludes_every_other_opener_until_dispose()
    {
        using IDisk second = OpenAgain();
        Assert.True(Disk.TryLock());
        Assert.True(Disk.TryLock());
        Assert.False(second.TryLock());
        Disk.Dispose();
        Assert.True(second.TryLock());
    }

    [Theory]
    [InlineData("..")]
    [InlineData("tmp/../../x")]
    [InlineData("./a")]
    [InlineData("/etc/passwd")]
    [InlineData("a//b")]
    [InlineData("a/")]
    [InlineData("a\0b")]
    public void A_path_that_could_leave_the_disk_is_a_programming_error(string path)
    {
        Assert.Throws<InvariantException>(() => Disk.Open(path, DiskOpenMode.OpenOrCreate));
        Assert.Throws<InvariantException>(() => Disk.List(path));
        Assert.Throws<InvariantException>(() => Disk.Unlink(path));
        Assert.Throws<InvariantException>(() => Disk.Rename("tmp", path));
        Assert.Throws<InvariantException>(() => Disk.MakeDirectory(path));
    }
}
