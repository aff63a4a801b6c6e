using System.Text;
using DynamicFs.Maintenance;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Maintenance;

/// <summary>What maintenance keeps on disks, byte for byte.</summary>
public sealed class MaintenanceFormatTests
{
    private static readonly DateTimeOffset s_time = DateTimeOffset.FromUnixTimeSeconds(1_775_000_000);

    [Fact]
    public void ScrubRun()
    {
        using HealingPool pool = HealingPool.Create(3, RedundancyScheme.Replica(3), 100);
        var notes = new ScrubNotes(pool.Engine.Files.Notes);
        var written = new ScrubStatus
        {
            Phase = ScrubPhase.Paused,
            Request = new ScrubRequest { Repairs = true, IsBackground = true, Disk = 4, OlderThan = TimeSpan.FromDays(10) },
            StartedAt = s_time,
            EndedAt = s_time.AddSeconds(9),
            TotalBytes = 0x0102030405060708,
            DoneBytes = 12,
            Extents = 13,
            Healthy = 14,
            Degraded = 15,
            Repaired = 16,
            Unrecoverable = 17,
        };
        notes.WriteRun(written, new ExtentId(0x1112131415161718));
        GoldenBytes.Check("scrub-run.bin", pool.Engine.Files.Notes.Find([4, (byte)'s']));
        pool.Engine.Files.Notes.Put([4, (byte)'s'], File.ReadAllBytes(GoldenBytes.PathOf("scrub-run.bin")));
        (ScrubStatus status, ExtentId cursor) = notes.ReadRun()!.Value;
        Assert.Equal(new ExtentId(0x1112131415161718), cursor);
        Assert.Equal(written with { MetadataProblems = status.MetadataProblems, Findings = status.Findings }, status);
    }

    [Fact]
    public void ScrubNotesOfGroupsAndPoisonedExtents()
    {
        using HealingPool pool = HealingPool.Create(3, RedundancyScheme.Replica(3), 100);
        var notes = new ScrubNotes(pool.Engine.Files.Notes);
        notes.SetVerified(0x2122232425262728, s_time, isScrubbed: true);
        notes.Poison(new ExtentId(0x3132333435363738), s_time);
        byte[] found = [.. pool.Engine.Files.Notes.Find([5, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28])!, .. pool.Engine.Files.Notes.Find([6, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38])!];
        GoldenBytes.Check("scrub-notes.bin", found);
        Assert.Equal((s_time, true), notes.Verified(0x2122232425262728));
        Assert.Equal((new ExtentId(0x3132333435363738), s_time), Assert.Single(notes.Poisoned()));
    }

    [Fact]
    public void AuditLines()
    {
        (byte[] first, string hash) = AuditFormat.Write(1, s_time.AddMilliseconds(7), new AuditEntry("scrub", new ExtentId(0x1112131415161718), 3, "/mnt/d\u00e9", "rewrite", "Block at 4096: expected \"a\", found <b>", "decided"), AuditFormat.FirstPrevious);
        (byte[] second, _) = AuditFormat.Write(2, s_time.AddSeconds(1), new AuditEntry("cleanup", new ExtentId(5), -1, "(pool)", "unlink", "why", "quarantine/x"), hash);
        GoldenBytes.Check("audit-log.jsonl", [.. first, .. second]);
        string previous = AuditFormat.FirstPrevious;
        string[] lines = File.ReadAllText(GoldenBytes.PathOf("audit-log.jsonl")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        for (int i = 0; i < lines.Length; i++)
            Assert.Null(AuditFormat.Problem(Encoding.UTF8.GetBytes(lines[i]), i + 1, previous, out previous));
        Assert.Equal(2, lines.Length);
    }
}
