using System.CommandLine;
using DynamicFs.Admin;
using DynamicFs.Cli.Output;
using DynamicFs.Primitives;

namespace DynamicFs.Cli.Verbs;

/// <summary>The verbs of <c>dynfs disk</c> that name one disk of the pool and do one thing with it.</summary>
internal static class DiskVerbActions
{
    public static Command Remove(VerbFrame frame) => Build(
        frame, "remove", "Take a disk that holds nothing any more out of the pool", PoolControl.RemovePath, (open, order) => open.RemoveDisk(order), hasForce: true, hasPath: false);

    public static Command Offline(VerbFrame frame) => Build(
        frame, "offline", "Let go of a disk, so that it can be unmounted; the pool goes on without it", PoolControl.OfflinePath, (open, order) => open.TakeDiskOffline(order), hasForce: true,
        hasPath: false);

    public static Command Online(VerbFrame frame) => Build(
        frame, "online", "Take a disk back that was away or given up", PoolControl.OnlinePath, (open, order) => open.TakeDiskOnline(order), hasForce: false, hasPath: true);

    private static Command Build(
        VerbFrame frame, string name, string description, string address, Func<Pool, DiskOrder, DiskChangeReport> offline, bool hasForce, bool hasPath)
    {
        Argument<string> pool = Arguments.Pool();
        Argument<string> disk = Arguments.Disk();
        var reason = new Option<string?>("--reason") { Description = "Why; kept in the disk's history" };
        var force = new Option<bool>("--force") { Description = "Even when data could not be read any more" };
        var path = new Option<string?>("--path") { Description = "Where the disk is now" };
        var command = new Command(name, description) { pool, disk, reason };
        if (hasForce)
            command.Options.Add(force);
        if (hasPath)
            command.Options.Add(path);
        command.SetAction(result =>
        {
            var order = new DiskOrder(
                HealthVerbs.DiskName(result.GetValue(disk)!), result.GetValue(reason), hasPath && result.GetValue(path) is { } at ? Path.GetFullPath(at) : null,
                hasForce && result.GetValue(force), Cancel: false, PoolTask.Operator(frame.Surroundings));
            return DiskVerb.Print(frame, result, PoolTask.Run(
                result.GetValue(pool)!, frame.Surroundings,
                live => live.Tell(address, order, ReportJson.Readable.DiskOrder, ReportJson.Readable.DiskChangeReport), open => offline(open, order),
                revive: name == "online" ? order.Disk : null));
        });
        return command;
    }
}
