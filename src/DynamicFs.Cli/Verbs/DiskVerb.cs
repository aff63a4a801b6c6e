using System.CommandLine;
using DynamicFs.Admin;
using DynamicFs.Cli.Output;
using DynamicFs.Primitives;

namespace DynamicFs.Cli.Verbs;

/// <summary><c>dynfs disk ...</c>: the members of a pool with their health and space, and how they join, leave, go away and come back.</summary>
internal static class DiskVerb
{
    public static Command Build(VerbFrame frame)
    {
        Argument<string> pool = Arguments.Pool();
        var list = new Command("list", "List the disks of a pool") { pool };
        list.SetAction(result => List(result.GetValue(pool)!, frame.Surroundings, frame.OutputFor(result)));
        return new Command("disk", "Look at the disks of a pool, add, empty, replace and remove them")
        {
            list, Add(frame), Replace(frame), Drain(frame), DiskVerbActions.Remove(frame), DiskVerbActions.Offline(frame), DiskVerbActions.Online(frame),
        };
    }

    private static int List(string pool, Surroundings surroundings, VerbOutput output)
    {
        PoolStatus status = PoolQuery.Status(pool, surroundings);
        var report = new DiskListReport(Schema.Version, status.Name, status.Id, status.Disks);
        output.Print(report, ReportJson.Readable.DiskListReport, r => StatusText.Disks(r.Disks, output));
        return (int)ExitCode.Done;
    }

    private static Command Add(VerbFrame frame)
    {
        Argument<string> pool = Arguments.Pool();
        var path = new Argument<string>("path") { Description = "Empty directory on a filesystem of its own" };
        Option<bool> nonEmpty = NonEmpty(), sameDevice = SameDevice();
        var command = new Command("add", "Add a disk to the pool") { pool, path, nonEmpty, sameDevice };
        command.SetAction(result =>
        {
            var order = new DiskAddOrder(
                Path.GetFullPath(result.GetValue(path)!), null, result.GetValue(nonEmpty), result.GetValue(sameDevice), false, PoolTask.Operator(frame.Surroundings));
            return Print(frame, result, PoolTask.Run(
                result.GetValue(pool)!, frame.Surroundings,
                live => live.Tell(PoolControl.AddPath, order, ReportJson.Readable.DiskAddOrder, ReportJson.Readable.DiskChangeReport), open => open.AddDisk(order)));
        });
        return command;
    }

    private static Command Replace(VerbFrame frame)
    {
        Argument<string> pool = Arguments.Pool();
        Argument<string> disk = Arguments.Disk();
        var path = new Argument<string>("path") { Description = "Empty directory on a filesystem of its own, which takes over" };
        Option<bool> nonEmpty = NonEmpty(), sameDevice = SameDevice();
        var evenIfHealthy = new Option<bool>("--even-if-healthy") { Description = "Replace a disk that nothing is wrong with" };
        var command = new Command("replace", "Add a disk that takes over from another, which leaves the pool when it is empty") { pool, disk, path, nonEmpty, sameDevice, evenIfHealthy };
        command.SetAction(result =>
        {
            var order = new DiskAddOrder(
                Path.GetFullPath(result.GetValue(path)!), HealthVerbs.DiskName(result.GetValue(disk)!), result.GetValue(nonEmpty), result.GetValue(sameDevice),
                result.GetValue(evenIfHealthy), PoolTask.Operator(frame.Surroundings));
            return Print(frame, result, PoolTask.Run(
                result.GetValue(pool)!, frame.Surroundings,
                live => live.Tell(PoolControl.ReplacePath, order, ReportJson.Readable.DiskAddOrder, ReportJson.Readable.DiskChangeReport), open => open.ReplaceDisk(order)));
        });
        return command;
    }

    private static Command Drain(VerbFrame frame)
    {
        Argument<string> pool = Arguments.Pool();
        Argument<string> disk = Arguments.Disk();
        var reason = new Option<string?>("--reason") { Description = "Why; kept in the disk's history" };
        var cancel = new Option<bool>("--cancel") { Description = "Keep the disk after all" };
        var wait = new Option<bool>("--wait") { Description = "Return when the disk is empty, with progress on a terminal" };
        var force = new Option<bool>("--force") { Description = "Even when the pool could not hold all that is on it" };
        var command = new Command("drain", "Empty a disk: what it holds moves to the others") { pool, disk, reason, cancel, wait, force };
        command.SetAction(result =>
        {
            var order = new DiskOrder(
                HealthVerbs.DiskName(result.GetValue(disk)!), result.GetValue(reason), null, result.GetValue(force), result.GetValue(cancel), PoolTask.Operator(frame.Surroundings));
            bool waits = result.GetValue(wait) && !order.Cancel;
            VerbOutput output = frame.OutputFor(result);
            bool isEmpty = true;
            int code = Print(frame, result, PoolTask.Run(
                result.GetValue(pool)!, frame.Surroundings,
                live =>
                {
                    DiskChangeReport report = live.Tell(PoolControl.DrainPath, order, ReportJson.Readable.DiskOrder, ReportJson.Readable.DiskChangeReport);
                    if (waits)
                    {
                        isEmpty = DrainProgress.Follow(
                            () => live.Ask(PoolControl.UsagePath, ReportJson.Readable.DiskUsageReport),
                            () => live.Tell(PoolControl.RebuildPath, new RebuildOrder(false, null), ReportJson.Readable.RebuildOrder, ReportJson.Readable.RebuildReport), report.Disk, output);
                    }

                    return report;
                },
                open =>
                {
                    DiskChangeReport report = open.DrainDisk(order);
                    // Nobody else moves anything while the pool is not mounted.
                    if (!order.Cancel)
                        isEmpty = DrainProgress.Follow(open.DiskUsage, () => open.Rebuild(new RebuildOrder(false, null)), report.Disk, output);
                    return report;
                }));
            return isEmpty ? code : (int)ExitCode.Failed;
        });
        return command;
    }

    internal static int Print(VerbFrame frame, ParseResult result, DiskChangeReport report)
    {
        VerbOutput output = frame.OutputFor(result);
        output.Print(report, ReportJson.Readable.DiskChangeReport, r => HealthText.Print(r, output));
        return (int)ExitCode.Done;
    }

    private static Option<bool> NonEmpty() => new("--allow-nonempty") { Description = "Keep what is in the directory beside the pool's own" };

    private static Option<bool> SameDevice() => new("--allow-same-device") { Description = "Even on a device that another disk of the pool is on" };
}
