using DynamicFs.Disks;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Disks;

public sealed class DiskLabelFileTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly LinuxDisk _disk;

    public DiskLabelFileTests() => _disk = LinuxDisk.Format(_directory.Path);

    private string LabelPath => Path.Combine(_directory.Path, ".dynfs", "disk.json");

    public void Dispose()
    {
        _disk.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void A_written_label_reads_back_and_replaces_the_old_one()
    {
        DiskLabelFile.Write(_disk, DiskLabelTests.Sample);
        Assert.Equal("tank", DiskLabelFile.Read(_disk).PoolName);
        DiskLabelFile.Write(_disk, DiskLabelTests.Sample with { Health = DiskLabelTests.Sample.Health with { State = DiskState.Failed } });
        Assert.Equal(DiskState.Failed, DiskLabelFile.Read(_disk).Health.State);
        Assert.DoesNotContain(_disk.List(""), entry => entry.Name == DiskLayout.LabelTemporary);
    }

    [Fact]
    public void What_a_crash_left_of_an_earlier_write_is_replaced()
    {
        File.WriteAllText(LabelPath + ".new", "half");
        DiskLabelFile.Write(_disk, DiskLabelTests.Sample);
        Assert.Equal(1, DiskLabelFile.Read(_disk).Index);
    }

    [Theory]
    [InlineData("missing", "no file")]
    [InlineData("fifo", "a fifo")]
    [InlineData("link", "a symbolic link")]
    [InlineData("directory", "a directory")]
    [InlineData("huge", "larger")]
    public void What_is_no_regular_file_of_a_sane_size_is_corruption(string what, string found)
    {
        switch (what)
        {
            case "fifo":
                Shell.Run("mkfifo", LabelPath);
                break;
            case "link":
                File.CreateSymbolicLink(LabelPath, "/etc/hostname");
                break;
            case "directory":
                Directory.CreateDirectory(LabelPath);
                break;
            case "huge":
                using (FileStream file = File.Create(LabelPath))
                    file.SetLength(1L << 40);
                break;
        }

        CorruptionException corruption = Assert.Throws<CorruptionException>(() => DiskLabelFile.Read(_disk));
        Assert.Contains(found, corruption.Message);
        Assert.Contains(_directory.Path, corruption.Message);
    }

    [Fact]
    public void A_write_that_fails_leaves_the_old_label()
    {
        DiskLabelFile.Write(_disk, DiskLabelTests.Sample);
        Directory.CreateDirectory(LabelPath + ".new");
        Assert.Equal(Errno.EISDIR, Assert.Throws<DiskException>(() => DiskLabelFile.Write(_disk, DiskLabelTests.Sample with { Name = "other" })).Errno);
        Assert.Equal(DiskLabelTests.Sample.Name, DiskLabelFile.Read(_disk).Name);
    }
}
