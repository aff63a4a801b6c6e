using System.CommandLine;
using DynamicFs.Admin;
using DynamicFs.Cli.Output;
using DynamicFs.Primitives;

namespace DynamicFs.Cli.Verbs;

/// <summary><c>dynfs audit verify</c>, <c>detect-orphans</c>, <c>cleanup-orphans</c>, <c>orphan-stats</c> and <c>what-if</c>.</summary>
internal static class CareVerbs
{
    public static IEnumerable<Command> Build(VerbFrame frame)
    {
        yield return Audit(frame);
        yield return Orphans(frame, "detect-orphans", "List fragment files that nothing needs, and why", "detect");
        yield return Orphans(frame, "cleanup-orphans", "Move orphans to the quarantine, and unlink what was there long enough", "cleanup");
        yield return Orphans(frame, "orphan-stats", "Count orphans and files in the quarantine", "stats");
        yield return WhatIf(frame);
    }

    private static Command Audit(VerbFrame frame)
    {
        Argument<string> pool = Arguments.Pool();
        var verify = new Command("verify", "Check every copy of the audit log: hashes, order, nothing missing") { pool };
        verify.SetAction(result =>
        {
            VerbOutput output = frame.OutputFor(result);
            AuditReport report = PoolTask.Run(
                result.GetValue(pool)!, frame.Surroundings, live => live.Tell(PoolControl.AuditPath, ReportJson.Readable.AuditReport), open => open.VerifyAudit(), open => open.VerifyAudit());
            output.Print(report, ReportJson.Readable.AuditReport, r =>
            {
                output.Line($"{r.Name}: the audit log has {r.Lines} lines; {(r.IsIntact ? "every copy is right" : "not every copy is right")}");
                foreach (AuditCopyReport copy in r.Copies)
                    output.Line($"  {copy.Disk}: {copy.ValidLines} lines{(copy.Problem is null ? "" : $"; {copy.Problem}")}{(copy.IsBehind ? "; other disks have more" : "")}");
            });
            return (int)(report.IsIntact ? ExitCode.Done : ExitCode.Degraded);
        });
        return new Command("audit", "The log of what maintenance did to stored data") { verify };
    }

    private static Command Orphans(VerbFrame frame, string name, string description, string action)
    {
        Argument<string> pool = Arguments.Pool();
        var olderThan = new Option<string?>("--older-than") { Description = "Unlink what is in the quarantine for so long (24h)" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Say what would be done, and do nothing" };
        var command = new Command(name, description) { pool };
        if (action == "cleanup")
        {
            command.Options.Add(olderThan);
            command.Options.Add(dryRun);
        }

        command.SetAction(result =>
        {
            VerbOutput output = frame.OutputFor(result);
            bool isCleanup = action == "cleanup";
            TimeSpan age = isCleanup ? Amounts.Time(result.GetValue(olderThan)) ?? TimeSpan.FromHours(24) : TimeSpan.Zero;
            var order = new OrphanOrder(action, age.TotalSeconds, isCleanup && result.GetValue(dryRun));
            OrphanReport report = PoolTask.Run(
                result.GetValue(pool)!, frame.Surroundings, live => live.Tell(PoolControl.OrphansPath, order, ReportJson.Readable.OrphanOrder, ReportJson.Readable.OrphanReport), open => open.Orphans(order));
            output.Print(report, ReportJson.Readable.OrphanReport, r => Print(r, isCleanup, output));
            return (int)ExitCode.Done;
        });
        return command;
    }

    private static void Print(OrphanReport report, bool isCleanup, VerbOutput output)
    {
        output.Line($"{report.Name}: {report.Count} orphans with {Words.Bytes(report.Bytes)}; {report.InQuarantine} files in the quarantine");
        if (isCleanup)
            output.Line(report.IsDryRun ? "  nothing was changed (--dry-run)" : $"  {report.Quarantined} moved to the quarantine, {report.Unlinked} unlinked from it");
        foreach (OrphanStatus orphan in report.Orphans)
            output.Line($"  {orphan.Disk}/{orphan.File} ({Words.Bytes(orphan.Bytes)}): {orphan.Why}");
    }

    private static Command WhatIf(VerbFrame frame)
    {
        Argument<string> pool = Arguments.Pool();
        var fail = new Option<string>("--fail") { Description = "Disks that fail, with ',' between them: number, path or id", Required = true };
        var command = new Command("what-if", "What would be lost if disks failed now; changes nothing") { pool, fail };
        command.SetAction(result =>
        {
            VerbOutput output = frame.OutputFor(result);
            var order = new WhatIfOrder([.. result.GetValue(fail)!.Split(',').Select(HealthVerbs.DiskName)]);
            WhatIfReport report = PoolTask.Run(
                result.GetValue(pool)!, frame.Surroundings, live => live.Tell(PoolControl.WhatIfPath, order, ReportJson.Readable.WhatIfOrder, ReportJson.Readable.WhatIfReport), open => open.WhatIf(order), open => open.WhatIf(order));
            output.Print(report, ReportJson.Readable.WhatIfReport, r => Print(r, output));
            return report.ExitCode;
        });
        return command;
    }

    private static void Print(WhatIfReport report, VerbOutput output)
    {
        output.Line($"{report.Name} without {string.Join(", ", report.Disks)}: {report.Lost} of {report.Extents} extents lost, {report.NoSpare} without spare, {report.Degraded} degraded");
        if (!report.MetadataSurvives)
            output.Line("  no disk with the metadata would be left: the whole pool would be lost");
        output.Line(report.Mountable ? "  the pool could be mounted" : "  the pool could only be mounted with --degraded, read-only");
        output.Line($"  {Words.Bytes(report.BytesToProtect)} would have to be written to have full redundancy again");
        output.Line($"  {report.LostFileCount} files would be lost or lose a part");
        foreach (string file in report.LostFiles)
            output.Line($"    {file}");
    }
}
