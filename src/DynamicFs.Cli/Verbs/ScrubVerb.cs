using System.CommandLine;
using DynamicFs.Admin;
using DynamicFs.Cli.Output;
using DynamicFs.Primitives;

namespace DynamicFs.Cli.Verbs;

/// <summary>
/// <c>dynfs scrub POOL [status|pause|resume|cancel]</c>: reads and verifies everything that is stored, on a live mount and on a pool that is not mounted. Ends with
/// the verdict as its exit code; who interrupts it leaves the scrub of a live mount running.
/// </summary>
internal static class ScrubVerb
{
    private static readonly string[] s_actions = ["status", "pause", "resume", "cancel"];

    public static Command Build(VerbFrame frame)
    {
        Argument<string> pool = Arguments.Pool();
        var action = new Argument<string?>("action") { Description = "status, pause, resume or cancel", Arity = ArgumentArity.ZeroOrOne };
        var repair = new Option<bool>("--repair") { Description = "Write bad and missing fragments anew; the bad ones go to the quarantine" };
        var dryRun = new Option<bool>("--dry-run") { Description = "With --repair: say what would be done, and do nothing" };
        var limit = new Option<string?>("--limit") { Description = "Most bytes per second, such as 50M; 0 takes a limit away" };
        var path = new Option<string?>("--path") { Description = "Only a file, or what is below a directory, from the root of the pool: /photos" };
        var disk = new Option<string?>("--disk") { Description = "Only extents with a fragment on this disk: its number, path or id" };
        var olderThan = new Option<string?>("--older-than") { Description = "Only what was not verified for so long, such as 10d" };
        var command = new Command("scrub", "Verify everything that is stored, and repair it") { pool, action, repair, dryRun, limit, path, disk, olderThan };
        command.SetAction(result =>
        {
            string? what = result.GetValue(action);
            if (what is not null && !s_actions.Contains(what))
                throw new PoolException(ErrorId.Usage, $"'{what}': {string.Join(", ", s_actions)} or nothing may stand behind the pool");
            bool isLimited = result.GetValue(path) is not null || result.GetValue(disk) is not null || result.GetValue(olderThan) is not null;
            if (what is not null && (isLimited || result.GetValue(repair)))
                throw new PoolException(ErrorId.Usage, $"--repair, --path, --disk and --older-than belong to the start of a scrub, not to '{what}'");
            if (result.GetValue(dryRun) && !result.GetValue(repair))
                throw new PoolException(ErrorId.Usage, "--dry-run says what --repair would do: give both");
            var order = new ScrubOrder(
                what ?? "start", result.GetValue(repair), result.GetValue(dryRun), Amounts.Bytes(result.GetValue(limit)), result.GetValue(path),
                result.GetValue(disk) is { } name ? HealthVerbs.DiskName(name) : null, Amounts.Time(result.GetValue(olderThan))?.TotalSeconds ?? 0);
            return Run(result.GetValue(pool)!, order, frame.Surroundings, frame.OutputFor(result));
        });
        return command;
    }

    private static int Run(string pool, ScrubOrder order, Surroundings surroundings, VerbOutput output)
    {
        ScrubReport OfOpen(Pool open) => Follow(open.Scrub, order, surroundings, output);
        bool changes = order is { Repairs: true, IsDryRun: false };
        ScrubReport report = PoolTask.Run(
            pool, surroundings,
            live => Follow(o => live.Tell(PoolControl.ScrubPath, o, ReportJson.Readable.ScrubOrder, ReportJson.Readable.ScrubReport), order, surroundings, output),
            OfOpen, changes ? null : OfOpen);
        output.Print(report, ReportJson.Readable.ScrubReport, r => Print(r, output));
        return report.Phase == "CANCELLED" && order.Action != "cancel" ? (int)ExitCode.Failed : report.ExitCode;
    }

    public static ScrubReport Follow(Func<ScrubOrder, ScrubReport> ask, ScrubOrder order, Surroundings surroundings, VerbOutput output)
    {
        ScrubReport report = ask(order);
        var progress = ProgressLine.For("scrub", surroundings, output);
        while (order.Action == "start" && report.IsActive)
        {
            progress.Show(report.Phase, report.DoneBytes, report.TotalBytes);
            Thread.Sleep(RebuildVerb.Poll);
            report = ask(new ScrubOrder("status"));
        }

        progress.Clear();
        return report;
    }

    private static void Print(ScrubReport report, VerbOutput output)
    {
        output.Line($"{report.Name}: scrub {report.Phase.ToLowerInvariant()}: {report.Summary}");
        if (report.Phase != "IDLE")
            output.Line($"  {Words.Bytes(report.DoneBytes)} of {Words.Bytes(report.TotalBytes)} verified");
        if (report.Action != "none")
            output.Line($"  action: {report.Action}");
        foreach (string problem in report.MetadataProblems)
            output.Line($"  metadata: {problem}");
        foreach (ScrubFindingReport f in report.Findings)
        {
            output.Line($"  {f.Verdict}: extent {f.Extent} fragment {f.Fragment}, {f.Kind} at byte {f.Offset} of {f.Disk}/.dynfs/{f.File}: expected {f.Expected}, found {f.Found}; {f.Action}");
            foreach (string file in f.Files)
                output.Line($"    {file}");
        }

        if (report.FindingCount > report.Findings.Count)
            output.Line($"  {report.FindingCount - report.Findings.Count} more findings are in the log");
        foreach (PoisonedExtent poisoned in report.Poisoned)
            output.Line($"  lost since {Words.Time(poisoned.Since)}: extent {poisoned.Extent}: {string.Join(", ", poisoned.Files)}");
    }
}
