using System.CommandLine;
using System.Diagnostics;
using DynamicFs.Admin;
using DynamicFs.Cli.Output;
using DynamicFs.Primitives;

namespace DynamicFs.Cli.Verbs;

/// <summary><c>dynfs wait POOL scrub,rebuild,drain,rebalance [--timeout 10m]</c>: returns when work of these kinds is over on a live mount, with the verdict as its exit code.</summary>
internal static class WaitVerb
{
    private static readonly string[] s_kinds = ["scrub", "rebuild", "drain", "rebalance"];

    public static Command Build(VerbFrame frame)
    {
        Argument<string> pool = Arguments.Pool();
        var kinds = new Argument<string>("work") { Description = "scrub, rebuild, drain, rebalance, or several with ',' between them" };
        var timeout = new Option<string?>("--timeout") { Description = "Give up after this time, such as 10m, with exit code 1" };
        var command = new Command("wait", "Wait until background work of a mounted pool is over") { pool, kinds, timeout };
        command.SetAction(result =>
        {
            string[] work = result.GetValue(kinds)!.Split(',');
            if (work.Except(s_kinds).FirstOrDefault() is { } unknown)
                throw new PoolException(ErrorId.Usage, $"'{unknown}' is nothing to wait for: {string.Join(", ", s_kinds)}");
            return Run(result.GetValue(pool)!, work, Amounts.Time(result.GetValue(timeout)), frame.Surroundings, frame.OutputFor(result));
        });
        return command;
    }

    private static int Run(string pool, string[] work, TimeSpan? timeout, Surroundings surroundings, VerbOutput output)
    {
        LivePool mounted = PoolQuery.Mounted(PoolName.Absolute(pool), surroundings)
            ?? throw new PoolException(ErrorId.NotMounted, $"pool {pool} is not mounted: nothing is under way. Nothing was changed");
        using ControlClient client = mounted.Connect();
        var clock = Stopwatch.StartNew();
        while (true)
        {
            RebuildReport rebuild = client.Tell(PoolControl.RebuildPath, new RebuildOrder(false, null), ReportJson.Readable.RebuildOrder, ReportJson.Readable.RebuildReport);
            ScrubReport scrub = client.Tell(PoolControl.ScrubPath, new ScrubOrder("status"), ReportJson.Readable.ScrubOrder, ReportJson.Readable.ScrubReport);
            RebalanceReport rebalance = client.Tell(PoolControl.RebalancePath, new RebalanceOrder("status"), ReportJson.Readable.RebalanceOrder, ReportJson.Readable.RebalanceReport);
            bool isBusy = (work.Contains("rebalance") && rebalance.IsActive) || (work.Contains("rebuild") && rebuild.IsActive) || (work.Contains("scrub") && scrub.IsActive) || (work.Contains("drain") && rebuild.LeavingFragments > 0);
            if (!isBusy)
                return End(work, rebuild, scrub, rebalance, output);
            if (timeout is { } limit && clock.Elapsed > limit)
                throw new PoolException(ErrorId.TimedOut, $"{string.Join(" and ", work)} of pool {rebuild.Name} did not end within {limit.TotalSeconds:0} s; it goes on");
            Thread.Sleep(RebuildVerb.Poll);
        }
    }

    private static int End(string[] work, RebuildReport rebuild, ScrubReport scrub, RebalanceReport rebalance, VerbOutput output)
    {
        var report = new WaitReport(Schema.Version, rebuild.Name, work.Contains("scrub") ? scrub : null, work.Contains("rebuild") || work.Contains("drain") ? rebuild : null,
            work.Contains("rebalance") ? rebalance : null);
        output.Print(report, ReportJson.Readable.WaitReport, r =>
        {
            if (r.Rebuild is { } done)
                output.Line($"{r.Name}: rebuild: {done.Repaired} extents repaired, {done.StillDegraded} still degraded, {done.Lost} lost");
            if (r.Rebalance is { } moved)
                output.Line($"{r.Name}: rebalance {moved.Phase.ToLowerInvariant()}: {moved.MovedFragments} fragments, {Words.Bytes(moved.MovedBytes)} moved");
            if (r.Scrub is { } verified)
                output.Line($"{r.Name}: scrub: {verified.Summary}");
        });
        int code = report.Rebuild is null ? 0 : (int)RebuildVerb.CodeOf(rebuild);
        code = report.Rebalance is null ? code : Math.Max(code, (int)RebalanceVerb.CodeOf(rebalance));
        return report.Scrub is null ? code : Math.Max(code, scrub.ExitCode);
    }
}
