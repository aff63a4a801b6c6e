using DynamicFs.Admin;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Pools;

/// <summary>fsck finds what is wrong, names it, and exits with how bad it is.</summary>
public sealed class PoolFsckTests
{
    private const int Small = 5_000;
    private const int Large = 9_000_001;

    [Fact]
    public void AGoodPoolIsGood()
    {
        using PoolOnDisk disks = Written(6);
        (FsckReport report, ExitCode code) = disks.Fsck();
        Assert.Equal((ExitCode.Done, "OK"), (code, report.State));
        Assert.Empty(report.Problems);
        Assert.Equal((3, 2), (report.Counts.Inodes, report.Counts.DirectoryEntries));
        Assert.Equal(report.Counts.Fragments, report.Counts.FragmentsGood);
        Assert.True(report.Counts.Extents >= 2);
    }

    [Fact]
    public void AMissingFragmentIsDegradedAndNamed()
    {
        using PoolOnDisk disks = Written(6);
        string gone = disks.Fragments(0)[0];
        File.Delete(gone);
        (FsckReport report, ExitCode code) = disks.Fsck();
        Assert.Equal((ExitCode.Degraded, 1), (code, report.Counts.FragmentsMissing));
        Assert.Contains(Path.GetFileName(gone), Assert.Single(report.Problems).Message);
    }

    [Fact]
    public void AFlippedBitIsFoundAndNamed()
    {
        using PoolOnDisk disks = Written(6);
        string bad = disks.Fragments(1)[0];
        PoolOnDisk.Flip(bad, new FileInfo(bad).Length - 10);
        (FsckReport report, ExitCode code) = disks.Fsck();
        Assert.Equal((ExitCode.Degraded, 1), (code, report.Counts.FragmentsCorrupt));
        Assert.Contains(Path.GetFileName(bad), Assert.Single(report.Problems).Message);
    }

    [Fact]
    public void NoSpareLeftAndDataLostHaveTheirCodes()
    {
        using PoolOnDisk disks = Written(3);
        foreach (string fragment in disks.Fragments(0).Concat(disks.Fragments(1)))
            File.Delete(fragment);
        (FsckReport report, ExitCode code) = disks.Fsck();
        Assert.Equal((ExitCode.NoSpareRedundancy, "AT_RISK"), (code, report.State));
        File.Delete(disks.Fragments(2)[0]);
        (report, code) = disks.Fsck();
        Assert.Equal((ExitCode.DataLost, "DATA_LOSS", 1), (code, report.State, report.Counts.ExtentsLost));
        Assert.Contains(report.Problems, p => p.Kind == "extent" && p.Message.Contains("are lost"));
    }

    [Fact]
    public void ABadPageOnOneMirrorIsDegraded()
    {
        using PoolOnDisk disks = Written(6);
        Zero(disks, 0);
        (FsckReport report, ExitCode code) = disks.Fsck();
        Assert.Equal(ExitCode.Degraded, code);
        Assert.Contains(report.Problems, p => p.Kind == "metadata" && p.Message.Contains(disks.Disks[0]));
    }

    [Fact]
    public void NoGoodPageLeftIsCorrupt()
    {
        using PoolOnDisk disks = Written(6);
        for (int disk = 0; disk < 3; disk++)
            Zero(disks, disk);
        PoolException corrupt = Assert.Throws<PoolException>(() => disks.Fsck());
        Assert.Equal(ExitCode.Corrupt, corrupt.Id.ExitCode);
    }

    [Fact]
    public void TheVerbPrintsProblemsAndExitsWithTheCode()
    {
        using PoolOnDisk disks = Written(6);
        File.Delete(disks.Fragments(0)[0]);
        Cli.CliRun run = disks.Cli("fsck", "tank");
        Assert.Equal(10, run.ExitCode);
        Assert.Contains("is gone from its disk", run.Out);
        Assert.Equal(0, disks.Cli("fsck", "tank", "--metadata-only").ExitCode);
    }

    private static PoolOnDisk Written(int diskCount)
    {
        var disks = new PoolOnDisk(diskCount);
        disks.Write("small", Small);
        disks.Write("large", Large);
        return disks;
    }

    private static void Zero(PoolOnDisk disks, int disk)
    {
        string path = Path.Combine(disks.Disks[disk], ".dynfs", "meta");
        File.WriteAllBytes(path, new byte[new FileInfo(path).Length]);
    }
}
