using DynamicFs.Disks;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Disks;

/// <summary>From an operator's path to a disk, and everything that is refused on the way: with the right id, and nothing changed.</summary>
public sealed class LinuxDiskFormatTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_new_disk_has_its_layout_and_its_modes()
    {
        string path = _directory.Sub("d");
        using (LinuxDisk disk = LinuxDisk.Format(path))
            Assert.Equal(path, disk.Name);
        const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        foreach (string directory in new[] { ".dynfs", ".dynfs/fragments", ".dynfs/tmp", ".dynfs/quarantine" })
            Assert.Equal(Private, File.GetUnixFileMode(Path.Combine(path, directory)));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(path, ".dynfs/lock")));
        Assert.Equal([".dynfs"], Names(path));
    }

    [Fact]
    public void A_formatted_disk_can_be_attached()
    {
        string path = _directory.Sub("d");
        using (LinuxDisk disk = LinuxDisk.Format(path))
            disk.Open("a", DiskOpenMode.CreateNew).Dispose();
        using LinuxDisk again = LinuxDisk.Attach(path + "/");
        again.Open("a", DiskOpenMode.Read).Dispose();
    }

    [Theory]
    [InlineData("missing", "E_DISK_PATH")]
    [InlineData("missing/below", "E_DISK_PATH")]
    [InlineData("file", "E_DISK_PATH")]
    [InlineData("file/below", "E_DISK_PATH")]
    [InlineData("fifo", "E_DISK_PATH")]
    [InlineData("link", "E_DISK_SYMLINK")]
    [InlineData("link/", "E_DISK_SYMLINK")]
    [InlineData("dangling", "E_DISK_SYMLINK")]
    [InlineData("loop/below", "E_DISK_PATH")]
    public void A_path_that_is_no_directory_is_refused(string path, string id)
    {
        File.WriteAllText(Path.Combine(_directory.Path, "file"), "");
        Shell.Run("mkfifo", Path.Combine(_directory.Path, "fifo"));
        _directory.Sub("target");
        File.CreateSymbolicLink(Path.Combine(_directory.Path, "link"), "target");
        File.CreateSymbolicLink(Path.Combine(_directory.Path, "dangling"), "nowhere");
        File.CreateSymbolicLink(Path.Combine(_directory.Path, "loop"), "loop");
        string before = Tree(_directory.Path);

        string full = $"{_directory.Path}/{path}";
        foreach (Func<string, LinuxDisk> open in new[] { LinuxDisk.Attach, p => LinuxDisk.Format(p) })
        {
            PoolException refusal = Assert.Throws<PoolException>(() => open(full));
            Assert.Equal(id, refusal.Id.Name);
            Assert.Contains(full, refusal.Message);
        }

        Assert.Equal(before, Tree(_directory.Path));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a\0b")]
    public void A_path_that_is_no_path_is_refused(string path) =>
        Assert.Equal(ErrorId.DiskPathInvalid, Assert.Throws<PoolException>(() => LinuxDisk.Format(path)).Id);

    [Fact]
    public void A_directory_with_something_in_it_needs_consent_and_keeps_what_is_there()
    {
        string path = _directory.Sub("d");
        File.WriteAllText(Path.Combine(path, "precious"), "x");
        PoolException refusal = Assert.Throws<PoolException>(() => LinuxDisk.Format(path));
        Assert.Equal(ErrorId.DiskNotEmpty, refusal.Id);
        Assert.Contains("precious", refusal.Message);
        Assert.Equal(["precious"], Names(path));

        LinuxDisk.Format(path, allowNonEmpty: true).Dispose();
        Assert.Equal([".dynfs", "precious"], Names(path));
        Assert.Equal("x", File.ReadAllText(Path.Combine(path, "precious")));
    }

    [Fact]
    public void A_fresh_filesystem_counts_as_empty()
    {
        string path = _directory.Sub("d");
        Directory.CreateDirectory(Path.Combine(path, "lost+found"));
        LinuxDisk.Format(path).Dispose();
        Assert.Equal([".dynfs", "lost+found"], Names(path));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_may_be_a_disk_already_is_never_touched(bool isLabelled)
    {
        string path = _directory.Sub("d");
        LinuxDisk.Format(path, prepare: disk =>
        {
            if (isLabelled)
                DiskLabelFile.Write(disk, DiskLabelTests.Sample);
        }).Dispose();
        string before = Tree(path);
        PoolException refusal = Assert.Throws<PoolException>(() => LinuxDisk.Format(path, allowNonEmpty: true));
        Assert.Equal(ErrorId.DiskInUse, refusal.Id);
        Assert.Contains(isLabelled ? "belongs to a pool" : "without a label", refusal.Message);
        Assert.Equal(before, Tree(path));
    }

    [Theory]
    [InlineData("link", "E_DISK_SYMLINK")]
    [InlineData("file", "E_CORRUPT")]
    [InlineData("missing", "E_NOT_FOUND")]
    public void A_directory_of_ours_that_is_something_else_is_refused(string what, string id)
    {
        string path = _directory.Sub("d");
        string inside = Path.Combine(path, ".dynfs");
        if (what == "link")
            File.CreateSymbolicLink(inside, _directory.Sub("elsewhere"));
        else if (what == "file")
            File.WriteAllText(inside, "");
        string before = Tree(_directory.Path);
        Assert.Equal(id, Assert.Throws<PoolException>(() => LinuxDisk.Attach(path)).Id.Name);
        if (what != "missing")
            Assert.Equal(ErrorId.DiskInUse, Assert.Throws<PoolException>(() => LinuxDisk.Format(path)).Id);
        Assert.Equal(before, Tree(_directory.Path));
    }

    [Fact]
    public void A_format_that_fails_halfway_leaves_nothing()
    {
        string path = _directory.Sub("d");
        File.WriteAllText(Path.Combine(path, "precious"), "x");
        PoolException failure = Assert.Throws<PoolException>(() => LinuxDisk.Format(path, allowNonEmpty: true, disk =>
        {
            disk.MakeDirectory("fragments/00");
            disk.Open("fragments/00/1.0", DiskOpenMode.CreateNew).Dispose();
            throw new DiskException(disk.Name, "write disk.json.new", Errno.ENOSPC);
        }));
        Assert.Equal(ErrorId.NoSpace, failure.Id);
        Assert.Equal(["precious"], Names(path));
        Assert.Throws<InvalidOperationException>(() => LinuxDisk.Format(path, allowNonEmpty: true, _ => throw new InvalidOperationException()));
        Assert.Equal(["precious"], Names(path));
    }

    [Fact]
    public void A_new_disk_can_be_taken_back_but_an_attached_one_never()
    {
        string path = _directory.Sub("d");
        using (LinuxDisk disk = LinuxDisk.Format(path))
        {
            DiskLabelFile.Write(disk, DiskLabelTests.Sample);
            disk.RemoveFormat();
        }

        Assert.Empty(Names(path));
        LinuxDisk.Format(path).Dispose();
        using LinuxDisk attached = LinuxDisk.Attach(path);
        Assert.Throws<InvariantException>(attached.RemoveFormat);
        Assert.Equal([".dynfs"], Names(path));
    }

    [Fact]
    public void A_disk_whose_directory_is_replaced_stays_on_the_old_one()
    {
        string path = _directory.Sub("d");
        using LinuxDisk disk = LinuxDisk.Format(path);
        string old = Path.Combine(path, "moved");
        Directory.Move(Path.Combine(path, ".dynfs"), old);
        LinuxDisk.Format(path, allowNonEmpty: true).Dispose();
        string impostor = Tree(Path.Combine(path, ".dynfs"));

        disk.Open("fragments/a", DiskOpenMode.CreateNew).Dispose();
        disk.MakeDirectory("fragments/b");
        disk.Rename("fragments/a", "fragments/b/a");
        disk.SyncDirectory("fragments");
        Assert.True(disk.TryLock());
        Assert.True(File.Exists(Path.Combine(old, "fragments/b/a")));
        Assert.Equal(impostor, Tree(Path.Combine(path, ".dynfs")));
    }

    [Fact]
    public void A_disk_whose_directory_is_gone_fails_and_makes_nothing()
    {
        string path = _directory.Sub("d");
        using LinuxDisk disk = LinuxDisk.Format(path);
        Directory.Delete(Path.Combine(path, ".dynfs"), recursive: true);
        Assert.Equal(Errno.ENOENT, Assert.Throws<DiskException>(() => disk.Open("a", DiskOpenMode.OpenOrCreate)).Errno);
        Assert.Equal(Errno.ENOENT, Assert.Throws<DiskException>(() => disk.MakeDirectory("a")).Errno);
        Assert.Empty(Names(path));
    }

    [Fact]
    public void A_lock_on_an_unlinked_file_does_not_count()
    {
        string path = _directory.Sub("d");
        using LinuxDisk first = LinuxDisk.Format(path);
        using LinuxDisk second = LinuxDisk.Attach(path);
        Assert.True(first.TryLock());
        File.Delete(Path.Combine(path, ".dynfs/lock"));
        Assert.True(second.TryLock());
        using LinuxDisk third = LinuxDisk.Attach(path);
        Assert.False(third.TryLock());
    }

    private static string[] Names(string path) => [.. Directory.EnumerateFileSystemEntries(path).Select(p => Path.GetFileName(p)!).Order(StringComparer.Ordinal)];

    private static string Tree(string path) =>
        string.Join('\n', new DirectoryInfo(path).EnumerateFileSystemInfos("*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0 })
            .Select(i => $"{i.FullName} {i.Attributes} {i.LastWriteTimeUtc:O} {i.LinkTarget}").Order(StringComparer.Ordinal));
}
