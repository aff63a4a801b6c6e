using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Maintenance;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Maintenance;

/// <summary>A rebuild that a crash cut off goes on where it was; what the notes say is a help, and never needed.</summary>
public sealed class RebuildResumeTests
{
    private static readonly RedundancyScheme s_scheme = RedundancyScheme.ReedSolomon(4, 2);

    [Fact]
    public void ARebuildThatWasCutOffGoesOnWithItsCounts()
    {
        using HealingPool pool = CutOff(out RebuildStatus before);
        pool.Clock.Advance(TimeSpan.FromSeconds(5));
        pool.Open(1);
        Assert.Equal(StepOutcome.Busy, pool.Engine.Rebuilder.Step());
        RebuildStatus resumed = pool.Engine.Rebuilder.Status;
        Assert.Equal((before.StartedAt, before.RepairedExtents, before.DoneBytes), (resumed.StartedAt, resumed.RepairedExtents, resumed.DoneBytes));

        // Nobody asked again, and the grace begins anew with the mount: it had waited long enough before.
        pool.Engine.Rebuild();
        Assert.True(pool.Engine.Rebuilder.Status.RepairedExtents > before.RepairedExtents + 10, $"{pool.Engine.Rebuilder.Status}");
        Assert.Equal(0, pool.Engine.Rebuilder.Status.WaitingExtents);
        pool.AssertWhole();
        pool.AssertReads();
    }

    [Fact]
    public void OnlyUnfinishedGroupsAreLookedAtBeforeAnythingIsRestored()
    {
        using HealingPool pool = CutOff(out _);
        pool.Open(1);
        var notes = new RebuildNotes(pool.Engine.Files.Notes);
        int unfinished = notes.Marked().Count, groups = pool.Extents().Select(e => FragmentName.GroupOf(e.Id)).Distinct().Count();
        Assert.InRange(unfinished, 1, groups - 1);
        int steps = 0;
        for (; pool.Engine.Rebuilder.Status.Phase != RebuildPhase.Restoring; steps++)
            pool.Engine.Rebuilder.Step();

        // The one that begins, one for each of these groups, and the one that finds the end.
        Assert.Equal(unfinished + 2, steps);
    }

    [Fact]
    public void WhatTheNotesDoNotKnowIsFoundAllTheSame()
    {
        using HealingPool pool = CutOff(out _);
        pool.Open(1);
        var notes = new RebuildNotes(pool.Engine.Files.Notes);
        notes.Marked().ForEach(notes.Unmark);
        pool.Commit();
        pool.Engine.Files.Commits.Commit(force: true);
        pool.Open(1);
        Assert.Empty(new RebuildNotes(pool.Engine.Files.Notes).Marked());
        pool.Engine.Rebuild();
        pool.AssertWhole();
    }

    [Fact]
    public void NotesForOtherDisksAreNotUsed()
    {
        using HealingPool pool = CutOff(out RebuildStatus before);
        pool.Clock.Advance(TimeSpan.FromMinutes(1));
        pool.Open();
        pool.Engine.Rebuilder.Step();
        Assert.NotEqual(before.StartedAt, pool.Engine.Rebuilder.Status.StartedAt);
        Assert.Equal(0, pool.Engine.Rebuilder.Status.RepairedExtents);
        pool.Engine.Rebuild();
        pool.AssertWhole();
    }

    [Fact]
    public void APassThatEndsLeavesNoNotes()
    {
        using HealingPool pool = CutOff(out _);
        pool.Open(1);
        pool.Engine.Rebuild();
        pool.Engine.Files.Commits.Commit(force: true);
        pool.Open(1);
        var notes = new RebuildNotes(pool.Engine.Files.Notes);
        Assert.Null(notes.ReadRun());
        Assert.Empty(notes.Marked());
    }

    [Fact]
    public void APassThatFindsNothingWritesNothing()
    {
        using HealingPool pool = HealingPool.Create(6, s_scheme, 100_000);
        pool.Open();
        pool.Engine.Rebuild();
        Assert.False(pool.Engine.Files.Notes.HasPending);
    }

    [Fact]
    public void GoldenRun()
    {
        using HealingPool pool = HealingPool.Create(3, RedundancyScheme.Replica(3), 100);
        var written = new RebuildRun(
            new RebuildStatus
            {
                Phase = RebuildPhase.Restoring,
                StartedAt = DateTimeOffset.FromUnixTimeSeconds(1_775_000_000),
                ScannedExtents = 0x0102030405060708,
                QueuedExtents = 11,
                QueuedBytes = 12,
                DoneExtents = 13,
                DoneBytes = 14,
                RepairedExtents = 15,
                DegradedExtents = 16,
                LostExtents = 17,
            },
            new ExtentId(0x1112131415161718),
            IgnoresGrace: true,
            RebuildNotes.Of("Healthy Healthy -"));
        var notes = new RebuildNotes(pool.Engine.Files.Notes);
        notes.WriteRun(written);
        notes.Mark(0x2122232425262728, 5);
        GoldenBytes.Check("rebuild-run.bin", pool.Engine.Files.Notes.Find([4, (byte)'r']));
        Assert.Equal([5, 0, 0, 0], pool.Engine.Files.Notes.Find([7, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28]));
        pool.Engine.Files.Notes.Put([4, (byte)'r'], File.ReadAllBytes(GoldenBytes.PathOf("rebuild-run.bin")));
        RebuildRun read = notes.ReadRun()!;
        Assert.Equal(written with { Status = written.Status with { Exceptions = read.Status.Exceptions } }, read);
    }

    [Theory]
    [InlineData(0, 2)]
    [InlineData(1, 9)]
    public void ARunOfANewerVersionIsNotUsed(int at, byte value)
    {
        using HealingPool pool = HealingPool.Create(3, RedundancyScheme.Replica(3), 100);
        byte[] run = File.ReadAllBytes(GoldenBytes.PathOf("rebuild-run.bin"));
        run[at] = value;
        pool.Engine.Files.Notes.Put([4, (byte)'r'], run);
        Assert.Null(new RebuildNotes(pool.Engine.Files.Notes).ReadRun());
    }

    /// <summary>Disk 1 is away, a rebuild is under way, and the process died behind a commit.</summary>
    private static HealingPool CutOff(out RebuildStatus status)
    {
        HealingPool pool = HealingPool.Create(8, s_scheme, [.. Enumerable.Repeat(60_000, 600)]);
        pool.Open(1);
        pool.Engine.Rebuilder.Request();
        int groups = pool.Extents().Select(e => FragmentName.GroupOf(e.Id)).Distinct().Count();
        Assert.True(groups > 2, $"{groups} groups");
        var notes = new RebuildNotes(pool.Engine.Files.Notes);
        while (pool.Engine.Rebuilder.Step() == StepOutcome.Busy && (pool.Engine.Rebuilder.Status.RepairedExtents < 20 || notes.Marked().Count == groups))
        {
        }

        Assert.Equal(RebuildPhase.Restoring, pool.Engine.Rebuilder.Status.Phase);
        status = pool.Engine.Rebuilder.Status;
        Assert.Equal(Errno.None, pool.Engine.Files.SyncAll());
        pool.Engine.Files.Commits.Commit(force: true);
        return pool;
    }
}
