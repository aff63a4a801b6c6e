using System.CommandLine;
using DynamicFs.Admin;
using DynamicFs.Cli.Output;
using DynamicFs.Primitives;

namespace DynamicFs.Cli.Verbs;

/// <summary><c>dynfs disk list POOL</c>: the members of a pool with their health and space.</summary>
internal static class DiskVerb
{
    public static Command Build(VerbFrame frame)
    {
        var pool = new Argument<string>("pool") { Description = "Name of the pool, or the path of any member disk" };
        var list = new Command("list", "List the disks of a pool") { pool };
        list.SetAction(result => List(result.GetValue(pool)!, frame.Surroundings, frame.OutputFor(result)));
        return new Command("disk", "Look at the disks of a pool") { list };
    }

    private static int List(string pool, Surroundings surroundings, VerbOutput output)
    {
        PoolStatus status = PoolQuery.Status(pool, surroundings);
        var report = new DiskListReport(Schema.Version, status.Name, status.Id, status.Disks);
        output.Print(report, ReportJson.Readable.DiskListReport, r => StatusText.Disks(r.Disks, output));
        return (int)ExitCode.Done;
    }
}
