using DynamicFs.Admin;
using DynamicFs.Disks;
using DynamicFs.Primitives;
using DynamicFs.UnitTests.Cli;
using Xunit;

namespace DynamicFs.UnitTests.Pools;

/// <summary>Making, finding, locking, opening and closing pools on real directories.</summary>
public sealed class PoolTests
{
    private const int Small = 5_000;
    private const int Large = 9_000_001;

    [Fact]
    public void WhatWasWrittenIsThereAfterReopening()
    {
        using var disks = new PoolOnDisk(6);
        disks.Write("small", Small);
        disks.Write("large", Large);
        using Pool pool = disks.Open();
        Assert.Equal(Errno.None, PoolOnDisk.Read(pool, "small", Small));
        Assert.Equal(Errno.None, PoolOnDisk.Read(pool, "large", Large));
        Assert.Equal("OK", pool.Status(null).State);
    }

    [Fact]
    public void ASecondOpenerGetsLockingAndChangesNothing()
    {
        using var disks = new PoolOnDisk(3);
        using Pool pool = disks.Open();
        PoolException refused = Assert.Throws<PoolException>(() => disks.Open(readOnly: true));
        Assert.Equal(ErrorId.Locking, refused.Id);
        Assert.Equal(30, (int)refused.Id.ExitCode);
        Assert.Equal(ErrorId.Locking, Assert.Throws<PoolException>(() => disks.Fsck()).Id);
        PoolOnDisk.WriteTo(pool, "file", Small);
        pool.Close();
        using Pool again = disks.Open();
        Assert.Equal(Errno.None, PoolOnDisk.Read(again, "file", Small));
    }

    [Fact]
    public void AnyDisksPathNamesThePoolWithoutARegistry()
    {
        using var disks = new PoolOnDisk(6);
        disks.Write("file", Small);
        Directory.Delete(disks.State.Path, recursive: true);
        Assert.Equal(ErrorId.NotFound, Assert.Throws<PoolException>(() => disks.Open()).Id);
        using (Pool pool = disks.Open(disks.Disks[3]))
        {
            Assert.Equal(Errno.None, PoolOnDisk.Read(pool, "file", Small));
            Assert.Equal(6, pool.Status(null).DisksPresent);
        }

        using Pool byName = disks.Open();
        Assert.Equal("tank", byName.Name);
    }

    [Fact]
    public void DisksElsewhereAreFoundWhenTheirPathsAreNamed()
    {
        using var disks = new PoolOnDisk(3);
        string[] moved = [.. disks.Disks.Select((path, i) => Path.Combine(Directory.CreateDirectory(Path.Combine(disks.ScratchPath, $"m{i}")).FullName, "disk"))];
        for (int i = 0; i < 3; i++)
            Directory.Move(disks.Disks[i], moved[i]);
        Assert.Equal(ErrorId.MissingDisks, Assert.Throws<PoolException>(() => disks.Open()).Id);
        using (Pool pool = disks.Open(string.Join(':', moved)))
            Assert.Equal(3, pool.Status(null).DisksPresent);
        using Pool known = disks.Open();
        Assert.Equal(3, known.Status(null).DisksPresent);
    }

    [Fact]
    public void ADiskThatATwoWayMirrorGoesOnWithoutIsNotMountedAlone()
    {
        using var disks = new PoolOnDisk(2);
        disks.Write("before", Small);
        using (Pool pool = disks.Open())
        {
            Generation both = pool.Generation;
            pool.TakeDiskOffline(new DiskOrder("1", null, null, Force: false, Cancel: false, "test"));
            // The registry knows before the first commit without it counts, not when somebody looks next.
            Assert.True(disks.Registry.NewestSeen(pool.Id) > both, "nobody but the first disk knows of the commit");
            Assert.Contains(pool.HealthReport().Causes, cause => cause.Contains("without disk 1", StringComparison.Ordinal));
            PoolOnDisk.WriteTo(pool, "after", Small);
            pool.Close();
        }

        disks.Pull(0);
        Assert.Equal(ErrorId.RollBack, Assert.Throws<PoolException>(() => disks.Open()).Id);
        disks.PutBack(0);
        using (Pool pool = disks.Open())
        {
            pool.SetDiskHealth(new DiskHealthOrder("1", "HEALTHY", null, Force: false, "test"));
            Assert.DoesNotContain(pool.HealthReport().Causes, cause => cause.Contains("without disk 1", StringComparison.Ordinal));
            Assert.Equal(Errno.None, PoolOnDisk.Read(pool, "after", Small));
            pool.Close();
        }
    }

    [Fact]
    public void WithinTheToleranceAPoolIsDegradedAndWritable()
    {
        using var disks = new PoolOnDisk(6);
        disks.Write("file", Large);
        disks.Pull(1);
        disks.Pull(4);
        using Pool pool = disks.Open();
        PoolStatus status = pool.Status(null);
        Assert.Equal(("DEGRADED", 4, (int)ExitCode.NoSpareRedundancy), (status.State, status.DisksPresent, status.ExitCode));
        Assert.Contains(disks.Disks[1], status.Summary);
        Assert.Equal(Errno.None, PoolOnDisk.Read(pool, "file", Large));
        PoolOnDisk.WriteTo(pool, "new", Small);
        pool.Commit();
        pool.Close();
    }

    [Fact]
    public void StatusTellsWhatTheLastCommitHasAndSoDoTheRoots()
    {
        using var disks = new PoolOnDisk(6);
        using (Pool pool = disks.Open())
        {
            Assert.Equal((0L, 0L), (pool.Status(null).Space!.UsedBytes, pool.Status(null).Redundancy!.Extents));
            for (int i = 1; i <= 3; i++)
            {
                PoolOnDisk.WriteTo(pool, $"file{i}", Large);
                pool.Commit();
                PoolStatus status = pool.Status(null);
                Assert.Equal(i * (long)Large, status.Space!.UsedBytes);
                Assert.InRange(status.Redundancy!.Extents, i, i * Large);
                Assert.Equal(i * (long)Large, pool.Roots().Roots[0].UsedBytes);
            }

            Assert.Equal(Errno.None, pool.Files.Unlink(default, InodeNumber.Root, "file2"u8));
            pool.Commit();
            Assert.Equal(2L * Large, pool.Status(null).Space!.UsedBytes);
            pool.Close();
        }

        using Pool again = disks.Open();
        Assert.Equal(2L * Large, again.Status(null).Space!.UsedBytes);
    }

    [Fact]
    public void BeyondTheToleranceItIsRefusedUnlessDegradedIsGiven()
    {
        using var disks = new PoolOnDisk(6);
        disks.Write("file", Large);
        foreach (int disk in (int[])[3, 4, 5])
            disks.Pull(disk);
        PoolException refused = Assert.Throws<PoolException>(() => disks.Open());
        Assert.Equal(ErrorId.MissingDisks, refused.Id);
        Assert.Contains(disks.Disks[4], refused.Message);
        Assert.Contains("--degraded", refused.Message);
        using Pool pool = disks.Open(degraded: true);
        Assert.True(pool.Files.IsReadOnly);
        Assert.Equal(Errno.EIO, PoolOnDisk.Read(pool, "file", Large));
        Assert.Equal("DATA_LOSS", pool.Status(null).State);
    }

    [Fact]
    public void AnOlderSetOfDisksIsNotMountedSilently()
    {
        using var disks = new PoolOnDisk(2);
        disks.Write("one", Small);
        disks.Pull(1);
        disks.Write("two", Small);
        disks.PutBack(1);
        disks.Pull(0);
        Assert.Equal(ErrorId.RollBack, Assert.Throws<PoolException>(() => disks.Open()).Id);
        disks.PutBack(0);
        using Pool pool = disks.Open();
        Assert.Equal(Errno.None, PoolOnDisk.Read(pool, "two", Small));
    }

    [Fact]
    public void AnOlderSetOfDisksIsMountedWhenAskedForByName()
    {
        using var disks = new PoolOnDisk(2);
        disks.Write("one", Small);
        disks.Pull(1);
        disks.Write("two", Small);
        disks.PutBack(1);
        disks.Pull(0);
        using (Pool pool = disks.Open(acceptRollBack: true))
        {
            Assert.Equal(Errno.None, PoolOnDisk.Read(pool, "one", Small));
            Assert.Equal(Errno.ENOENT, PoolOnDisk.Read(pool, "two", Small));
        }

        disks.Open().Dispose();
    }

    [Fact]
    public void ACopyInAnotherDisksPlaceIsLeftAlone()
    {
        using var disks = new PoolOnDisk(6);
        disks.Write("file", Large);
        Directory.Delete(Path.Combine(disks.Disks[0], ".dynfs"), recursive: true);
        CopyTree(disks.Disks[5], disks.Disks[0]);
        using Pool pool = disks.Open();
        Assert.Equal(Errno.None, PoolOnDisk.Read(pool, "file", Large));
        PoolStatus status = pool.Status(null);
        Assert.Equal(5, status.DisksPresent);
        Assert.Contains(status.Warnings, w => w.Contains("copy") && w.Contains(disks.Disks[0]));
    }

    [Fact]
    public void ACopyThatNobodyCanTellFromItsOriginalIsRefused()
    {
        using var disks = new PoolOnDisk(3);
        CopyTree(disks.Disks[1], Path.Combine(disks.ScratchPath, "copy"));
        Directory.Delete(disks.State.Path, recursive: true);
        Assert.Equal(ErrorId.DiskDuplicate, Assert.Throws<PoolException>(() => disks.Open(disks.Disks[0])).Id);
    }

    [Fact]
    public void AnUnreadableLabelIsAMissingDisk()
    {
        using var disks = new PoolOnDisk(3);
        string label = Path.Combine(disks.Disks[0], ".dynfs", DiskLayout.Label);
        PoolOnDisk.Flip(label, 100);
        using (Pool pool = disks.Open())
        {
            PoolStatus status = pool.Status(null);
            Assert.Equal(("DEGRADED", 2), (status.State, status.DisksPresent));
            Assert.Contains(status.Warnings, w => w.Contains(disks.Disks[0]) && w.Contains("corrupt"));
        }

        PoolOnDisk.Flip(Path.Combine(disks.Disks[1], ".dynfs", DiskLayout.Label), 100);
        PoolOnDisk.Flip(Path.Combine(disks.Disks[2], ".dynfs", DiskLayout.Label), 100);
        Assert.Equal(ErrorId.Corrupt, Assert.Throws<PoolException>(() => disks.Open()).Id);
    }

    [Theory]
    [InlineData("\"formatVersion\": 1", "\"formatVersion\": 9")]
    [InlineData("\"incompat\": []", "\"incompat\": [\"x\"]")]
    public void ANewerFormatIsRefusedHoweverThePoolIsNamed(string from, string to)
    {
        using var disks = new PoolOnDisk(3);
        string path = Path.Combine(disks.Disks[1], ".dynfs", DiskLayout.Label);
        string text = File.ReadAllText(path).Replace(from, to);
        int digits = text.IndexOf("\"checksum\": \"", StringComparison.Ordinal) + "\"checksum\": \"".Length;
        string zeroed = text[..digits] + new string('0', 64) + text[(digits + 64)..];
        string checksum = DynamicFs.Interop.Blake3.Hash(System.Text.Encoding.UTF8.GetBytes(zeroed)).ToString();
        File.WriteAllText(path, zeroed[..digits] + checksum + zeroed[(digits + 64)..]);
        string before = string.Join(' ', Directory.GetFiles(disks.ScratchPath, "*", SearchOption.AllDirectories).Select(f => $"{f} {File.GetLastWriteTimeUtc(f).Ticks}").Order());
        foreach (string source in (string[])["tank", disks.Disks[0], disks.Disks[1]])
        {
            PoolException refused = Assert.Throws<PoolException>(() => disks.Open(source));
            Assert.Equal((ErrorId.Format, 40), (refused.Id, (int)refused.Id.ExitCode));
            Assert.Contains(disks.Disks[1], refused.Message);
        }

        Assert.Equal(before, string.Join(' ', Directory.GetFiles(disks.ScratchPath, "*", SearchOption.AllDirectories).Select(f => $"{f} {File.GetLastWriteTimeUtc(f).Ticks}").Order()));
    }

    [Fact]
    public void WhenTheLastStepOfCreationFailsNothingIsLeft()
    {
        using var scratch = new ScratchDirectory();
        string[] paths = [scratch.Make("d1"), scratch.Make("d2")];
        File.WriteAllText(Path.Combine(paths[0], "kept"), "x");
        File.WriteAllText(scratch.Sub("state"), "a file where the state directory should be");
        var registry = new PoolRegistry(new StateDirectory(scratch.Sub("state"), scratch.Sub("run")));
        Assert.ThrowsAny<IOException>(() => PoolCreation.Run(
            new PoolCreationRequest { Name = "tank", Paths = paths, AllowSameDevice = true, AllowNonEmpty = true }, registry));
        Assert.Equal(["kept"], Directory.GetFileSystemEntries(paths[0]).Select(Path.GetFileName));
        Assert.Empty(Directory.GetFileSystemEntries(paths[1]));
    }

    [Fact]
    public void ATakenNameIsRefusedAndAFreedOneIsNot()
    {
        using var disks = new PoolOnDisk(1);
        string other = Directory.CreateDirectory(Path.Combine(disks.ScratchPath, "other")).FullName;
        var request = new PoolCreationRequest { Name = "tank", Paths = [other], AllowSameDevice = true };
        PoolException refused = Assert.Throws<PoolException>(() => PoolCreation.Run(request, disks.Registry));
        Assert.Equal(ErrorId.NameTaken, refused.Id);
        Assert.Contains(disks.Disks[0], refused.Message);
        Directory.Delete(Path.Combine(disks.Disks[0], ".dynfs"), recursive: true);
        PoolCreation.Run(request, disks.Registry);
        Assert.Equal(other, Assert.Single(Assert.Single(disks.Registry.FindByName("tank")).Disks).Path);
    }

    [Fact]
    public void ExplainSaysWhereAFileIs()
    {
        using var disks = new PoolOnDisk(6);
        disks.Write("large", Large);
        using Pool pool = disks.Open(readOnly: true);
        ExplainReport report = pool.Explain("/large");
        Assert.Equal(("file", (long)Large, 2, 0L), (report.Kind, report.SizeBytes, report.SurvivesDisks, report.UncommittedBytes));
        Assert.Equal(Large, report.Extents.Sum(e => e.FileBytes));
        FragmentStatus fragment = report.Extents[0].Fragments[0];
        Assert.True(File.Exists(fragment.Path), fragment.Path);
        Assert.Equal("directory", pool.Explain("/").Kind);
        Assert.Equal(ErrorId.NotFound, Assert.Throws<PoolException>(() => pool.Explain("/large/x")).Id);
        Assert.Equal(ErrorId.NotFound, Assert.Throws<PoolException>(() => pool.Explain("/none")).Id);
    }

    [Fact]
    public void VerbsLookAtAPoolThatIsNotMounted()
    {
        using var disks = new PoolOnDisk(6);
        disks.Write("file", Small);
        Assert.Equal(0, disks.Cli("status", "tank").ExitCode);
        Assert.Equal(0, disks.Cli("status").ExitCode);
        Assert.Contains(disks.Disks[5], disks.Cli("disk", "list", disks.Disks[2]).Out);
        Assert.Contains("ok", disks.Cli("roots", "tank").Out);
        Assert.Contains("survives the loss of any 2 more disks", disks.Cli("explain", "tank:/file").Out);
        Assert.Equal(0, disks.Cli("fsck", "tank").ExitCode);
        disks.Pull(0);
        Assert.Equal((int)ExitCode.Degraded, disks.Cli("status", "tank").ExitCode);
        disks.Pull(1);
        disks.Pull(2);
        CliRun unavailable = disks.Cli("status");
        Assert.Contains("UNAVAILABLE", unavailable.Out);
        Assert.NotEqual(0, unavailable.ExitCode);
    }

    private static void CopyTree(string from, string to)
    {
        foreach (string directory in Directory.GetDirectories(from, "*", SearchOption.AllDirectories).Prepend(from))
            Directory.CreateDirectory(to + directory[from.Length..]);
        foreach (string file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
            File.Copy(file, to + file[from.Length..]);
    }
}
