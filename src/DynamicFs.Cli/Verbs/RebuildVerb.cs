using System.CommandLine;
using DynamicFs.Admin;
using DynamicFs.Cli.Output;
using DynamicFs.Primitives;

namespace DynamicFs.Cli.Verbs;

/// <summary><c>dynfs rebuild POOL [status]</c>: gives extents back the fragments that they lack, now; on a live mount and on a pool that is not mounted.</summary>
internal static class RebuildVerb
{
    public static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(300);

    public static Command Build(VerbFrame frame)
    {
        Argument<string> pool = Arguments.Pool();
        var action = new Argument<string?>("action") { Description = "'status' to look only", Arity = ArgumentArity.ZeroOrOne };
        var limit = new Option<string?>("--limit") { Description = "Most bytes per second, such as 50M; 0 takes a limit away" };
        var command = new Command("rebuild", "Restore missing fragments now, without waiting for missing disks; waits for the end") { pool, action, limit };
        command.SetAction(result =>
        {
            if (result.GetValue(action) is not (null or "status"))
                throw new PoolException(ErrorId.Usage, $"'{result.GetValue(action)}': only 'status' may stand behind the pool");
            return Run(result.GetValue(pool)!, result.GetValue(action) is null, Amounts.Bytes(result.GetValue(limit)), frame.Surroundings, frame.OutputFor(result));
        });
        return command;
    }

    private static int Run(string pool, bool starts, long? limit, Surroundings surroundings, VerbOutput output)
    {
        RebuildReport report = PoolTask.Run(
            pool, surroundings,
            live => Follow(order => live.Tell(PoolControl.RebuildPath, order, ReportJson.Readable.RebuildOrder, ReportJson.Readable.RebuildReport), starts, limit, surroundings, output),
            open => Follow(open.Rebuild, starts, limit, surroundings, output));
        output.Print(report, ReportJson.Readable.RebuildReport, r => Print(r, output));
        return (int)CodeOf(report);
    }

    public static ExitCode CodeOf(RebuildReport report) =>
        report.Lost > 0 ? ExitCode.DataLost : report.StillDegraded + report.WaitingExtents > 0 ? ExitCode.Degraded : ExitCode.Done;

    public static RebuildReport Follow(Func<RebuildOrder, RebuildReport> ask, bool starts, long? limit, Surroundings surroundings, VerbOutput output)
    {
        RebuildReport report = ask(new RebuildOrder(starts, limit));
        var progress = ProgressLine.For("rebuild", surroundings, output);
        while (starts && report.IsActive)
        {
            progress.Show(report.Phase, report.DoneBytes, report.QueuedBytes);
            Thread.Sleep(Poll);
            report = ask(new RebuildOrder(Starts: false, LimitBytesPerSecond: null));
        }

        progress.Clear();
        return report;
    }

    private static void Print(RebuildReport report, VerbOutput output)
    {
        output.Line($"{report.Name}: rebuild {report.Phase.ToLowerInvariant()}: {report.Repaired} extents repaired, {report.StillDegraded} still degraded, {report.Lost} lost; "
            + $"{Words.Bytes(report.DoneBytes)} of {Words.Bytes(report.QueuedBytes)} written, {report.ScannedExtents} extents looked at");
        if (report.WaitingExtents > 0)
            output.Line($"  {report.WaitingExtents} extents wait for missing disks to come back (10 minutes after the mount); 'dynfs rebuild {report.Name}' does not wait");
        if (report.BlockedExtents > 0)
            output.Line($"  {report.BlockedExtents} extents have fragments on disks that are to be left, and no other HEALTHY disk can take them: add a disk");
        if (report.LeavingFragments > 0)
            output.Line($"  {report.LeavingFragments} fragments are still on DRAINING disks");
        foreach (HealException exception in report.Exceptions)
            output.Line($"  extent {exception.Extent} {exception.Outcome}: {exception.Problem}");
    }
}
