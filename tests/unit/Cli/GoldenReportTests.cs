using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using DynamicFs.Admin;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Cli;

/// <summary>
/// The JSON of every verb as scripts see it. A change here is a change for them: adding a field is fine, everything else needs a new schemaVersion.
/// </summary>
public sealed class GoldenReportTests
{
    private static readonly Guid s_pool = Guid.Parse("00000000-0000-0000-0000-0000000000aa");
    private static readonly DateTimeOffset s_time = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private static readonly DiskStatus[] s_disks =
    [
        new()
        {
            Index = 0,
            Id = Guid.Parse("00000000-0000-0000-0000-0000000000d0"),
            Path = "/mnt/d1",
            Present = true,
            State = "HEALTHY",
            Metadata = true,
            TotalBytes = 1000,
            AvailableBytes = 900,
        },
        new()
        {
            Index = 1,
            Id = Guid.Parse("00000000-0000-0000-0000-0000000000d1"),
            Path = "/mnt/d2",
            Present = false,
            State = "HEALTHY",
            Reason = "not found; it was last seen at this path",
            FailedCalls = 3,
        },
    ];

    private static readonly PoolStatus s_status = new()
    {
        Name = "tank",
        Id = s_pool,
        State = "DEGRADED",
        ExitCode = 10,
        Summary = "1 of 2 disks missing: /mnt/d2",
        Impact = "all data is readable; the next disk that fails loses data",
        Action = "bring back /mnt/d2, then unmount and mount again",
        Mounted = true,
        MountPoint = "/data",
        ProcessId = 4711,
        ReadOnly = false,
        Policy = "replica:2",
        Tolerance = 1,
        DisksTotal = 2,
        DisksPresent = 1,
        Generation = 42,
        CommittedAt = s_time,
        Space = new SpaceStatus(1000, 800, 100, 7),
        Redundancy = new RedundancyStatus(5, 0, 0, 5, 0, 0),
        Warnings = ["DYNFS_NO_FSYNC=1: nothing is synced"],
        Disks = s_disks,
    };

    [Fact]
    public void Create() => Check("create", new CreateReport(1, "tank", s_pool, "replica:2", 1, s_disks), ReportJson.Readable.CreateReport);

    [Fact]
    public void Mount() => Check("mount", new MountReport(1, "mount", "tank", s_pool, "/data", false, 42, ["a warning"]), ReportJson.Readable.MountReport);

    [Fact]
    public void Status() => Check("status", new StatusReport(1, "DEGRADED", [s_status]), ReportJson.Readable.StatusReport);

    [Fact]
    public void DiskList() => Check("disk-list", new DiskListReport(1, "tank", s_pool, s_disks), ReportJson.Readable.DiskListReport);

    [Fact]
    public void Roots() => Check("roots", new RootsReport(1, "tank", s_pool, [new RootStatus(42, s_time, "ok", [0, 1], 100, 7)]), ReportJson.Readable.RootsReport);

    [Fact]
    public void Explain() => Check("explain", new ExplainReport(
        1, "tank", "/dir/a <file> & more", 9, "file", 5000, 5000, "replica:2", 1, "survives the loss of any 1 more disk", 0,
        [new ExtentStatus("0000000000000001", "replica:2", 6000, 41, 1, 5000, 1, [new FragmentStatus(0, "replica", 0, "/mnt/d1/.dynfs/fragments/x", "PRESENT"), new FragmentStatus(1, "replica", -1, null, "UNPLACED")])]),
        ReportJson.Readable.ExplainReport);

    [Fact]
    public void Fsck() => Check("fsck", new FsckReport(
        1, "tank", s_pool, "DEGRADED", "everything is readable; 1 bad copies have good twins", "replace the disk", 42,
        new FsckCounts(3, 2, 4, 5, 10, 9, 0, 1, 4, 1, 0, 0, 0), [new FsckProblem("fragment", "extent 0000000000000001 fragment 0", "is corrupt")]),
        ReportJson.Readable.FsckReport);

    [Fact]
    public void Health() => Check("health", new HealthReport(
        1, "tank", s_pool, "DEGRADED", 10, "1 of 2 disks not healthy: /mnt/d2 (SUSPECT)", "all data is readable", "'dynfs health tank'", ["disk 1 (/mnt/d2) is SUSPECT: a write failed"],
        [
            new DiskHealthStatus(
                1, s_disks[1].Id, "/mnt/d2", true, "SUSPECT", "a write failed", s_time, "disk /mnt/d2: write tmp/1.0: EIO", "engine", 3, 1, 2, 0, 0, "nothing wrong",
                [new DiskEventStatus(s_time, "HEALTHY to SUSPECT: a write failed")]),
        ]), ReportJson.Readable.HealthReport);

    [Fact]
    public void ProbeDisks() => Check("probe-disks", new ProbeReport(
        1, "tank", s_pool, "DEGRADED", 10, [new DiskProbeStatus(1, s_disks[1].Id, "/mnt/d2", "IDENTITY_LOST", "find .dynfs: ENOENT", "HEALTHY", "FAILED", "what is at its place is not this disk", true)], []),
        ReportJson.Readable.ProbeReport);

    [Fact]
    public void DiskChange() => Check("disk-change", new DiskChangeReport(
        1, "disk drain", "tank", s_pool, 1, "/mnt/d2", "HEALTHY", "DRAINING", "ordered to be emptied", "'dynfs disk remove tank 1' when it is empty", []), ReportJson.Readable.DiskChangeReport);

    [Fact]
    public void DiskUsage() => Check("disk-usage", new DiskUsageReport(1, "tank", s_pool, [new DiskUsageStatus(1, s_disks[1].Id, "/mnt/d2", "DRAINING", 5, 1000)]), ReportJson.Readable.DiskUsageReport);

    [Fact]
    public void Rebalance() => Check("rebalance", new RebalanceReport(
        1, "tank", "DONE", false, s_time, s_time, 0, 3000, 2000, 2, 1,
        [new RebalanceDisk(0, "/mnt/d1", 61.3, 40.1, 3000, 0), new RebalanceDisk(1, "/mnt/d2", 0.2, 39.8, 0, 3000)],
        [new HealException("0000000000000001", "StillDegraded", "disk /mnt/d2: write tmp/1.0: EIO")]), ReportJson.Readable.RebalanceReport);

    [Fact]
    public void Error() => Check("error", ErrorReport.For(ErrorId.Locking, "pool tank is in use"), ReportJson.Readable.ErrorReport);

    [Fact]
    public void TheRegistrysFileKeepsItsShape() => GoldenText.Check("json/state-pool.json", JsonSerializer.Serialize(
        new RegisteredPool(1, s_pool, "tank", [new RegisteredDisk(s_disks[0].Id, "/mnt/d1")], 42), StateJson.Default.RegisteredPool) + "\n");

    private static void Check<T>(string name, T report, JsonTypeInfo<T> type)
    {
        string text = JsonSerializer.Serialize(report, type) + "\n";
        GoldenText.Check($"json/{name}.json", text);
        using JsonDocument document = JsonDocument.Parse(text);
        Assert.Equal(Schema.Version, document.RootElement.GetProperty("schemaVersion").GetInt32());
    }
}
