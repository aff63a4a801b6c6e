using System.CommandLine;
using DynamicFs.Admin;
using DynamicFs.Cli.Output;
using DynamicFs.Primitives;

namespace DynamicFs.Cli.Verbs;

/// <summary><c>dynfs health</c>, <c>probe-disks</c> and <c>set-disk-health</c>: what is known of the disks, looking at them now, and saying how they are.</summary>
internal static class HealthVerbs
{
    public static IEnumerable<Command> Build(VerbFrame frame)
    {
        yield return Health(frame);
        yield return Probe(frame);
        yield return Set(frame);
    }

    private static Command Health(VerbFrame frame)
    {
        Argument<string> pool = Arguments.Pool();
        var command = new Command("health", "Health of the pool and of each disk: state, reason, since when, who said so, what happened before") { pool };
        command.SetAction(result =>
        {
            VerbOutput output = frame.OutputFor(result);
            HealthReport report = PoolQuery.Health(result.GetValue(pool)!, frame.Surroundings);
            output.Print(report, ReportJson.Readable.HealthReport, r => HealthText.Print(r, output));
            return report.ExitCode;
        });
        return command;
    }

    private static Command Probe(VerbFrame frame)
    {
        Argument<string> pool = Arguments.Pool();
        var command = new Command("probe-disks", "Look at every disk now (place, identity, a small synced write) and change its state as the findings say") { pool };
        command.SetAction(result =>
        {
            VerbOutput output = frame.OutputFor(result);
            ProbeReport report = PoolTask.Run(
                result.GetValue(pool)!, frame.Surroundings, live => live.Tell(PoolControl.ProbePath, ReportJson.Readable.ProbeReport), open => open.ProbeDisks(), open => open.ProbeDisks());
            output.Print(report, ReportJson.Readable.ProbeReport, r => HealthText.Print(r, output));
            return report.ExitCode;
        });
        return command;
    }

    private static Command Set(VerbFrame frame)
    {
        Argument<string> pool = Arguments.Pool();
        Argument<string> disk = Arguments.Disk();
        var state = new Argument<string>("state") { Description = "HEALTHY, DEGRADED, SUSPECT, DRAINING or FAILED" };
        var reason = new Option<string?>("--reason") { Description = "Why; kept in the disk's history" };
        var force = new Option<bool>("--force") { Description = "Even when data could not be read any more" };
        var command = new Command("set-disk-health", "Say how a disk is; refused when data could not be read any more") { pool, disk, state, reason, force };
        command.SetAction(result =>
        {
            VerbOutput output = frame.OutputFor(result);
            var order = new DiskHealthOrder(
                DiskName(result.GetValue(disk)!), result.GetValue(state)!, result.GetValue(reason), result.GetValue(force), PoolTask.Operator(frame.Surroundings));
            DiskChangeReport report = PoolTask.Run(
                result.GetValue(pool)!, frame.Surroundings,
                live => live.Tell(PoolControl.SetHealthPath, order, ReportJson.Readable.DiskHealthOrder, ReportJson.Readable.DiskChangeReport), open => open.SetDiskHealth(order),
                revive: order.State.Equals("HEALTHY", StringComparison.OrdinalIgnoreCase) ? order.Disk : null);
            output.Print(report, ReportJson.Readable.DiskChangeReport, r => HealthText.Print(r, output));
            return (int)ExitCode.Done;
        });
        return command;
    }

    /// <summary>A path means the same in a daemon that works in '/'.</summary>
    internal static string DiskName(string text) => PoolDisks.IsPath(text) ? PoolName.Absolute(text) : text;
}
