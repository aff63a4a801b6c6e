using DynamicFs.Admin;

namespace DynamicFs.Cli.Output;

/// <summary>Reports about the health of disks for a person.</summary>
internal static class HealthText
{
    public static void Print(HealthReport report, VerbOutput output)
    {
        output.Line($"{report.Name}: {report.State} - {report.Summary}");
        output.Line($"  impact: {report.Impact}");
        output.Line($"  action: {report.Action}");
        foreach (string cause in report.Causes)
            output.Line($"  cause:  {cause}");
        foreach (DiskHealthStatus disk in report.Disks)
            Print(disk, output);
    }

    public static void Print(ProbeReport report, VerbOutput output)
    {
        output.Line($"{report.Name}: {report.State}");
        foreach (string warning in report.Warnings)
            output.Line($"  warning: {warning}");
        output.Table(["  DISK", "FOUND", "STATE", "PATH", "EVIDENCE"], report.Disks.Select(disk => new[]
        {
            $"  {disk.Index}", disk.Found, disk.Changed ? $"{disk.StateBefore} -> {disk.State}" : disk.State, disk.Path, disk.Evidence,
        }));
    }

    public static void Print(DiskChangeReport report, VerbOutput output)
    {
        foreach (string warning in report.Warnings)
            output.Line($"warning: {warning}");
        output.Line(report.StateBefore == report.State
            ? $"{report.Name}: disk {report.Disk} ({report.Path}) is {report.State}: {report.Reason}"
            : $"{report.Name}: disk {report.Disk} ({report.Path}) {report.StateBefore} -> {report.State}: {report.Reason}");
        output.Line($"  next: {report.Next}");
    }

    private static void Print(DiskHealthStatus disk, VerbOutput output)
    {
        output.Line();
        output.Line($"disk {disk.Index} {disk.Path}: {(disk.Present ? disk.State : $"MISSING (last known: {disk.State})")}");
        string evidence = disk.Evidence.Length > 0 ? $" ({disk.Evidence})" : "";
        output.Line($"  since {Words.Time(disk.Since)} by {disk.Who}: {disk.Reason}{evidence}");
        output.Line($"  errors: {disk.Errors} in its life; since the mount {disk.FailedReads} reads, {disk.FailedWrites} writes, {disk.BadBytes} bad pieces"
            + (disk.PendingMs > 1000 ? $"; a call has been under way for {disk.PendingMs / 1000} s" : ""));
        foreach (DiskEventStatus entry in disk.History)
            output.Line($"    {Words.Time(entry.Time)}  {entry.Text}");
    }
}
