using DynamicFs.Admin;

namespace DynamicFs.Cli.Output;

/// <summary>Status for a person: verdict, impact, action, then what it rests on.</summary>
internal static class StatusText
{
    public static void Print(StatusReport report, VerbOutput output)
    {
        if (report.Pools.Count == 0)
            output.Line("no pools are known here; 'dynfs create NAME DISK...' makes one, 'dynfs status /path/of/a/disk' looks at one");
        for (int i = 0; i < report.Pools.Count; i++)
        {
            if (i > 0)
                output.Line();
            Print(report.Pools[i], output);
        }
    }

    private static void Print(PoolStatus pool, VerbOutput output)
    {
        output.Line($"{pool.Name}: {pool.State} - {pool.Summary}");
        output.Line($"  impact: {pool.Impact}");
        output.Line($"  action: {pool.Action}");
        foreach (string warning in pool.Warnings)
            output.Line($"  warning: {warning}");
        output.Line(pool.Mounted ? $"  mount:  {pool.MountPoint} ({(pool.ReadOnly ? "read-only" : "read-write")}, process {pool.ProcessId})" : "  mount:  not mounted");
        if (pool.Policy is not null)
            output.Line($"  policy: {pool.Policy} (survives {pool.Tolerance} of {pool.DisksTotal} disks), {pool.DisksPresent} of {pool.DisksTotal} disks present");
        if (pool.CommittedAt is { } time)
            output.Line($"  commit: generation {pool.Generation} at {Words.Time(time)}");
        if (pool.Space is { } space)
            output.Line($"  space:  {Words.Bytes(space.UsedBytes)} used, {Words.Bytes(space.AvailableBytes)} can be written, {Words.Bytes(space.TotalBytes)} in all; {space.Inodes} inodes");
        if (pool.Redundancy is { } extents)
            output.Line($"  extents: {extents.Extents} ({extents.Full} full, {extents.Degraded} degraded, {extents.NoSpare} without spare, {extents.Lost} lost)");
        if (pool.Disks.Count > 0)
            Disks(pool.Disks, output);
    }

    public static void Disks(IReadOnlyList<DiskStatus> disks, VerbOutput output)
        => output.Table(["  DISK", "STATE", "SIZE", "FREE", "META", "ERRORS", "PATH", "ID", "NOTE"], disks.Select(disk => new[]
        {
            $"  {disk.Index}", disk.Present ? disk.State : "MISSING", Words.Bytes(disk.TotalBytes), Words.Bytes(disk.AvailableBytes), disk.Metadata ? "yes" : "-",
            disk.FailedCalls.ToString(), disk.Path, disk.Id.ToString(), disk.Reason ?? "",
        }));
}
