using DynamicFs.CrashTests.Simulation;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Maintenance;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Maintenance;

/// <summary>Scrub finds what is wrong, says where and whose it is, repairs only when told to, and remembers where it was.</summary>
public sealed class ScrubTests
{
    private static readonly RedundancyScheme s_scheme = RedundancyScheme.ReedSolomon(4, 2);

    [Fact]
    public void AHealthyPoolIsHealthy()
    {
        using HealingPool pool = HealingPool.Create(6, s_scheme, 100, 200_000);
        ScrubStatus status = pool.Engine.Scrub(repairs: false);
        Assert.Equal((ScrubPhase.Done, ExitCode.Done, 0L, 0L), (status.Phase, status.ExitCode, status.Degraded, status.FindingCount));
        Assert.Equal(pool.Extents().Count, status.Healthy);
        Assert.True(status.TotalBytes > 300_000 && status.DoneBytes == status.TotalBytes, "every byte that is stored is counted");
        Assert.Empty(status.MetadataProblems);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    public void ABadBlockIsFoundNamedAndRepaired(int fragment)
    {
        using HealingPool pool = HealingPool.Create(6, s_scheme, 100, 200_000);
        ExtentRecord record = Coded(pool);
        long offset = new ExtentLayout(record.Scheme, record.LengthBytes).HeaderBytes + 17_000;
        pool.DiskOf(record, fragment).Corrupt(HealingPool.PathOf(record, fragment), offset);
        pool.Open();

        ScrubStatus looked = pool.Engine.Scrub(repairs: false);
        ScrubFinding finding = Assert.Single(looked.Findings);
        Assert.Equal((FragmentFindingKind.Block, fragment, "DEGRADED", "none"), (finding.Kind, finding.Fragment, finding.Verdict, finding.Action));
        Assert.Equal(["/f1"], finding.Files);
        Assert.InRange(offset - finding.Offset, 0, ExtentLayout.BlockBytes - 1);
        Assert.NotEqual(finding.Expected, finding.Found);
        Assert.Equal(ExitCode.Degraded, looked.ExitCode);
        Assert.Equal(FragmentVerdict.Corrupt, pool.Engine.Extents.Verify(record)[fragment]);

        ScrubStatus dry = pool.Engine.Scrub(new ScrubRequest { Repairs = true, IsDryRun = true });
        Assert.Equal("would be rewritten", Assert.Single(dry.Findings).Action);
        Assert.Equal(FragmentVerdict.Corrupt, pool.Engine.Extents.Verify(record)[fragment]);
        Assert.Empty(pool.DiskOf(record, fragment).List(DiskLayout.Quarantine));

        ScrubStatus repaired = pool.Engine.Scrub(repairs: true);
        Assert.Equal((1L, 0L, ExitCode.Done), (repaired.Repaired, repaired.Degraded, repaired.ExitCode));
        pool.AssertWhole();
        Assert.Single(pool.DiskOf(record, fragment).List(DiskLayout.Quarantine));
        Assert.All(pool.Engine.Audit.Verify(), copy => Assert.True(copy is { Problem: null, ValidLines: 3, IsBehind: false }, $"{copy}"));

        ScrubStatus again = pool.Engine.Scrub(repairs: true);
        Assert.Equal((0L, 0L, ExitCode.Done), (again.Repaired, again.FindingCount, again.ExitCode));
        Assert.All(pool.Engine.Audit.Verify(), copy => Assert.Equal(3, copy.ValidLines));
    }

    [Fact]
    public void WhatCannotBeRepairedIsListedAndEverythingElseIsReadable()
    {
        using HealingPool pool = HealingPool.Create(6, s_scheme, 100_000, 100_001, 100_002);
        ExtentRecord record = Coded(pool);
        for (int i = 0; i < 3; i++)
            pool.DiskOf(record, i).Unlink(HealingPool.PathOf(record, i));
        pool.Open();
        ScrubStatus status = pool.Engine.Scrub(repairs: true);
        Assert.Equal((1L, ExitCode.DataLost), (status.Unrecoverable, status.ExitCode));
        Assert.All(status.Findings, finding => Assert.Equal("UNRECOVERABLE", finding.Verdict));
        Assert.Equal(pool.UnreadableFiles().Select(name => $"/{name}"), status.Findings.SelectMany(finding => finding.Files).Distinct());
        Assert.Single(pool.UnreadableFiles());
        Assert.Equal(record.Id, Assert.Single(pool.Engine.Scrubber.Notes.Poisoned()).Extent);
        pool.Commit();
        pool.Open();
        Assert.Equal(record.Id, Assert.Single(pool.Engine.Scrubber.Notes.Poisoned()).Extent);
    }

    [Fact]
    public void AScrubGoesOnAfterARestartWhereItWas()
    {
        using HealingPool pool = HealingPool.Create(6, s_scheme, [.. Enumerable.Repeat(60_000, 30)]);
        pool.Engine.Scrubber.Request(new ScrubRequest());
        for (int i = 0; i < 3; i++)
            pool.Engine.Scrubber.Step();
        long before = pool.Engine.Scrubber.Status.Extents;
        Assert.InRange(before, 1, pool.Extents().Count - 1);
        pool.Engine.Scrubber.Pause();
        pool.Engine.Scrubber.Save();
        pool.Commit();
        pool.Open();
        Assert.Equal((ScrubPhase.Paused, before), (pool.Engine.Scrubber.Status.Phase, pool.Engine.Scrubber.Status.Extents));
        Assert.Equal(StepOutcome.Idle, pool.Engine.Scrubber.Step());
        pool.Engine.Scrubber.Resume();
        while (pool.Engine.Scrubber.Step() != StepOutcome.Idle)
        {
        }

        Assert.Equal((ScrubPhase.Done, (long)pool.Extents().Count), (pool.Engine.Scrubber.Status.Phase, pool.Engine.Scrubber.Status.Extents));
    }

    [Fact]
    public void EverythingIsVerifiedWithinAMonthWithoutBeingAsked()
    {
        using HealingPool pool = HealingPool.Create(6, s_scheme, 100_000);
        Assert.Equal(StepOutcome.Idle, pool.Engine.Scrubber.Step());
        pool.Clock.Advance(Scrubber.BackgroundAge - TimeSpan.FromHours(2));
        Assert.Equal(StepOutcome.Idle, pool.Engine.Scrubber.Step());
        pool.Clock.Advance(TimeSpan.FromHours(3));
        Assert.Equal(StepOutcome.Busy, pool.Engine.Scrubber.Step());
        while (pool.Engine.Scrubber.Step() != StepOutcome.Idle)
        {
        }

        Assert.Equal((true, (long)pool.Extents().Count), (pool.Engine.Scrubber.Status.Request.IsBackground, pool.Engine.Scrubber.Status.Healthy));
        pool.Clock.Advance(TimeSpan.FromDays(1));
        Assert.Equal(StepOutcome.Idle, pool.Engine.Scrubber.Step());
    }

    [Fact]
    public void ABadPageOfAMirrorIsFoundAndMended()
    {
        using HealingPool pool = HealingPool.Create(6, s_scheme, 100_000);
        pool.Engine.Dispose();
        long used = pool.Disk(1).Open("meta", DiskOpenMode.Read).LengthBytes;
        for (long page = 1; page < Math.Min(60, used / 16384); page++)
            pool.Disk(1).Corrupt("meta", (page * 16384) + 5000);
        pool.Open();
        ScrubStatus status = pool.Engine.Scrub(repairs: true);
        Assert.NotEmpty(status.MetadataProblems);
        pool.Write("later", 100);
        pool.Commit();
        Assert.Empty(pool.Engine.Scrub(repairs: true).MetadataProblems);
    }

    [Fact]
    public void ADamagedRootSlotIsFound()
    {
        using HealingPool pool = HealingPool.Create(6, s_scheme, 100_000);
        int slot = (int)(pool.Engine.Metadata.Root.Generation.Value - 1) % 64;
        pool.Disk(5).Corrupt("roots", (slot * 4096) + 100);
        ScrubStatus status = pool.Engine.Scrub(repairs: false);
        Assert.Contains("root ring", Assert.Single(status.MetadataProblems), StringComparison.Ordinal);
        Assert.Equal(ExitCode.Degraded, status.ExitCode);
    }

    [Fact]
    public void OneDiskOrSomeExtentsOnly()
    {
        using HealingPool pool = HealingPool.Create(8, s_scheme, 100_000, 100_001, 100_002);
        ExtentRecord record = Coded(pool);
        ScrubStatus one = pool.Engine.Scrub(new ScrubRequest { Extents = new HashSet<ExtentId> { record.Id } });
        Assert.Equal(1, one.Extents);
        ScrubStatus disk = pool.Engine.Scrub(new ScrubRequest { Disk = 3 });
        Assert.Equal(pool.Extents().Count(e => e.Fragments.Any(place => place.DiskIndex == 3)), disk.Extents);
        pool.Engine.Scrub(repairs: false);
        Assert.Equal(0, pool.Engine.Scrub(new ScrubRequest { OlderThan = TimeSpan.FromDays(1) }).Extents);
        pool.Clock.Advance(TimeSpan.FromDays(2));
        Assert.Equal(pool.Extents().Count, pool.Engine.Scrub(new ScrubRequest { OlderThan = TimeSpan.FromDays(1) }).Extents);
    }

    [Fact]
    public void TheAuditLogShowsWhatWasChanged()
    {
        using HealingPool pool = HealingPool.Create(6, s_scheme, 100_000);
        pool.Engine.Audit.Append([new AuditEntry("scrub", new ExtentId(1), 0, "d1", "rewrite", "a", "b"), new AuditEntry("scrub", new ExtentId(2), 0, "d1", "rewrite", "a", "b")]);
        Assert.All(pool.Engine.Audit.Verify(), copy => Assert.Equal((2L, null), (copy.ValidLines, copy.Problem)));
        pool.Disk(0).Corrupt(DiskLayout.Audit, 20);
        Assert.Contains(pool.Engine.Audit.Verify(), copy => copy is { ValidLines: 0, Problem: not null });

        pool.Open();
        using (IDiskFile torn = pool.Disk(2).Open(DiskLayout.Audit, DiskOpenMode.ReadWrite))
            torn.SetLength(torn.LengthBytes - 7);
        pool.Engine.Audit.Append([new AuditEntry("scrub", new ExtentId(3), 0, "d1", "rewrite", "a", "b")]);
        Assert.Equal([0, 3, 3], pool.Engine.Audit.Verify().Select(copy => copy.ValidLines).Order());
    }

    internal static ExtentRecord Coded(HealingPool pool) => pool.Extents().Last(extent => !extent.Scheme.IsReplica && extent.LengthBytes > 90_000);
}
