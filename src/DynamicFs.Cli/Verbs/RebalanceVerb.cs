using System.CommandLine;
using System.Globalization;
using DynamicFs.Admin;
using DynamicFs.Cli.Output;
using DynamicFs.Primitives;

namespace DynamicFs.Cli.Verbs;

/// <summary>
/// <c>dynfs rebalance POOL [status|pause|resume|cancel] [--plan]</c>: moves fragments from fuller to emptier disks, after the plan was shown; on a live mount and on a pool that is not mounted.
/// Who interrupts it leaves the work on a live mount running.
/// </summary>
internal static class RebalanceVerb
{
    private static readonly string[] s_actions = ["status", "pause", "resume", "cancel"];

    public static Command Build(VerbFrame frame)
    {
        Argument<string> pool = Arguments.Pool();
        var action = new Argument<string?>("action") { Description = "status, pause, resume or cancel", Arity = ArgumentArity.ZeroOrOne };
        var plan = new Option<bool>("--plan") { Description = "Say what would be moved, and move nothing" };
        var limit = new Option<string?>("--limit") { Description = "Most bytes per second, such as 50M; 0 takes a limit away" };
        var command = new Command("rebalance", "Move data from fuller to emptier disks until they are equally full, to within 3 %") { pool, action, plan, limit };
        command.SetAction(result =>
        {
            string? what = result.GetValue(action);
            if (what is not null && !s_actions.Contains(what))
                throw new PoolException(ErrorId.Usage, $"'{what}': {string.Join(", ", s_actions)} or nothing may stand behind the pool");
            if (what is not null && result.GetValue(plan))
                throw new PoolException(ErrorId.Usage, $"--plan belongs to the start of a rebalance, not to '{what}'");
            var order = new RebalanceOrder(result.GetValue(plan) ? "plan" : what ?? "start", Amounts.Bytes(result.GetValue(limit)));
            return Run(result.GetValue(pool)!, order, frame.Surroundings, frame.OutputFor(result));
        });
        return command;
    }

    private static int Run(string pool, RebalanceOrder order, Surroundings surroundings, VerbOutput output)
    {
        RebalanceReport report = PoolTask.Run(
            pool, surroundings,
            live => Follow(o => live.Tell(PoolControl.RebalancePath, o, ReportJson.Readable.RebalanceOrder, ReportJson.Readable.RebalanceReport), order, surroundings, output),
            open => Follow(open.Rebalance, order, surroundings, output));
        output.Print(report, ReportJson.Readable.RebalanceReport, r => Print(r, output));
        return (int)CodeOf(report, order.Action);
    }

    public static ExitCode CodeOf(RebalanceReport report, string action = "status") =>
        report.FailedExtents > 0 || (report.Phase == "CANCELLED" && action == "start") ? ExitCode.Failed : ExitCode.Done;

    /// <summary>The plan is on the screen before anything is changed.</summary>
    private static RebalanceReport Follow(Func<RebalanceOrder, RebalanceReport> ask, RebalanceOrder order, Surroundings surroundings, VerbOutput output)
    {
        if (order.Action != "start")
            return ask(order);
        RebalanceReport plan = ask(order with { Action = "plan" });
        if (!output.IsJson)
            Print(plan, output);
        if (plan.PlannedBytes == 0)
            return plan;
        RebalanceReport report = ask(order);
        var progress = ProgressLine.For("rebalance", surroundings, output);
        while (report.IsActive)
        {
            progress.Show(report.Phase, report.MovedBytes, report.PlannedBytes);
            Thread.Sleep(RebuildVerb.Poll);
            report = ask(new RebalanceOrder("status"));
        }

        progress.Clear();
        return report;
    }

    private static void Print(RebalanceReport report, VerbOutput output)
    {
        bool isPlan = report.Phase == "PLANNED";
        output.Line(isPlan && report.PlannedBytes == 0 ? $"{report.Name}: nothing to move: the disks are equally full, as far as fragments can be on distinct disks"
            : isPlan ? $"{report.Name}: {Words.Bytes(report.PlannedBytes)} to move"
            : $"{report.Name}: rebalance {report.Phase.ToLowerInvariant()}: {report.MovedFragments} fragments, {Words.Bytes(report.MovedBytes)} of {Words.Bytes(report.PlannedBytes)} moved");
        if (isPlan && report.PlannedBytes > 0)
        {
            output.Table(["  DISK", "FULL", "THEN", "LEAVES", "COMES", "PATH"], report.Disks.Select(disk => new[]
            {
                $"  {disk.Index}", Percent(disk.FillBefore), Percent(disk.FillAfter), Words.Bytes(disk.LeavingBytes), Words.Bytes(disk.ArrivingBytes), disk.Path,
            }));
        }

        if (report.Phase == "DONE")
            output.Line("  what was left is free when the kept commits do not need it any more, after about sixteen more");
        if (report.FailedExtents > 0)
            output.Line($"  {report.FailedExtents} extents stay where they are:");
        foreach (HealException failure in report.Failures)
            output.Line($"  extent {failure.Extent}: {failure.Problem}");
    }

    private static string Percent(double value) => value.ToString("0.0", CultureInfo.InvariantCulture) + " %";
}
