using System.Text;
using DynamicFs.CrashTests.Simulation;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Maintenance;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Maintenance;

/// <summary>Extents of which a part is lost leave a disk that is emptied: what could be read can be read, the same range is an error, and it stays listed.</summary>
public sealed class CarryTests
{
    private static readonly RedundancyScheme s_scheme = RedundancyScheme.ReedSolomon(4, 2);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void WhatCanBeReadMovesAndTheRestStaysAnError(bool isUnreadable)
    {
        using HealingPool pool = HealingPool.Create(7, s_scheme, 120_000, 100_001, 100);
        ExtentRecord record = Damage(pool, isUnreadable);
        List<bool> before = Readable(pool, "f0");
        Assert.Contains(false, before);
        Assert.Contains(true, before);
        pool.Engine.Scrub(repairs: true);
        Assert.Equal(record.Id, Assert.Single(pool.Engine.Scrubber.Notes.Poisoned()).Extent);

        int left = record.Fragments[1].DiskIndex;
        pool.Engine.Members[left].SetState(DiskState.Draining);
        pool.Engine.Rebuild();
        Assert.All(pool.Extents(), extent => Assert.DoesNotContain(extent.Fragments, place => place.DiskIndex == left));
        Assert.Equal(record.Id, Assert.Single(pool.Engine.Rebuilder.Status.Exceptions).Extent);
        Assert.Equal(1, pool.Engine.Rebuilder.Status.LostExtents);

        pool.Commit();
        pool.Open(left);
        Assert.Equal(before, Readable(pool, "f0"));
        Assert.Equal(record.Id, Assert.Single(pool.Engine.Scrubber.Notes.Poisoned()).Extent);
        Assert.Equal(1, pool.Engine.Scrub(repairs: false).Unrecoverable);
        Assert.Equal(["f0"], pool.UnreadableFiles());
    }

    [Fact]
    public void AFileThatIsGoneKeepsNoDiskBack()
    {
        using HealingPool pool = HealingPool.Create(7, s_scheme, 120_000, 100_001);
        ExtentRecord record = pool.Extents().First(e => !e.Scheme.IsReplica);
        for (int i = 0; i < 3; i++)
            pool.DiskOf(record, i).Unlink(HealingPool.PathOf(record, i));
        pool.Open();
        int left = record.Fragments[0].DiskIndex;
        pool.Engine.Members[left].SetState(DiskState.Draining);
        pool.Engine.Rebuild();
        Assert.All(pool.Extents(), extent => Assert.DoesNotContain(extent.Fragments, place => place.DiskIndex == left));
        Assert.Single(pool.UnreadableFiles());
    }

    [Fact]
    public void WithoutADiskToGoToItStaysAndSaysWhy()
    {
        using HealingPool pool = HealingPool.Create(6, s_scheme, 120_000);
        ExtentRecord record = Damage(pool, isUnreadable: false);
        pool.Engine.Members[record.Fragments[1].DiskIndex].SetState(DiskState.Draining);
        pool.Engine.Rebuild();
        Assert.Equal(record.Fragments, pool.Extents().Single(e => e.Id == record.Id).Fragments);
        Assert.Equal(pool.Extents().Count(e => Array.Exists(e.Fragments, place => place.DiskIndex == record.Fragments[1].DiskIndex)), pool.Engine.Rebuilder.Status.BlockedExtents);
    }

    /// <summary>The second block of three fragments of the first file is bad, so that nothing can compute it.</summary>
    private static ExtentRecord Damage(HealingPool pool, bool isUnreadable)
    {
        ExtentRecord record = pool.Extents().First(e => !e.Scheme.IsReplica);
        long offset = new ExtentLayout(record.Scheme, record.LengthBytes).HeaderBytes + ExtentLayout.BlockBytes;
        for (int i = 0; i < 3; i++)
        {
            if (isUnreadable && i == 1)
                pool.DiskOf(record, i).MakeUnreadable(HealingPool.PathOf(record, i), offset, 4096);
            else
                pool.DiskOf(record, i).Corrupt(HealingPool.PathOf(record, i), offset + 100);
        }

        pool.Open();
        return record;
    }

    /// <summary>Whether each piece of 4096 bytes can be read.</summary>
    private static List<bool> Readable(HealingPool pool, string name)
    {
        var pieces = new List<bool>();
        Assert.Equal(Errno.None, pool.Engine.Files.Lookup(InodeNumber.Root, Encoding.UTF8.GetBytes(name), out Attributes found));
        byte[] piece = new byte[4096];
        for (long at = 0; at < found.SizeBytes; at += piece.Length)
            pieces.Add(pool.Engine.Files.Read(found.Inode, at, piece, out _) == Errno.None);
        return pieces;
    }
}
