using System.CommandLine;
using DynamicFs.Admin;
using DynamicFs.Cli.Output;
using DynamicFs.Primitives;

namespace DynamicFs.Cli.Verbs;

/// <summary>
/// <c>dynfs explain PATH</c>: where the bytes of a file are and how many more disks they survive. For a pool that is not mounted: <c>POOL:/path</c>.
/// </summary>
internal static class ExplainVerb
{
    public static Command Build(VerbFrame frame)
    {
        var path = new Argument<string>("path") { Description = "A path in a mounted pool, or POOL:/path of one that is not mounted" };
        var command = new Command("explain", "Where a file's bytes are, and how many more disks they survive") { path };
        command.SetAction(result => Run(result.GetValue(path)!, frame.Surroundings, frame.OutputFor(result)));
        return command;
    }

    private static int Run(string path, Surroundings surroundings, VerbOutput output)
    {
        ExplainReport report = PoolQuery.Explain(path, surroundings);
        output.Print(report, ReportJson.Readable.ExplainReport, r => Print(r, output));
        return (int)(report.SurvivesDisks < 0 ? ExitCode.DataLost : ExitCode.Done);
    }

    private static void Print(ExplainReport report, VerbOutput output)
    {
        output.Line($"{report.Path}: {report.Summary}");
        output.Line($"  {report.Kind}, inode {report.Inode}, {report.SizeBytes} bytes, {Words.Bytes(report.AllocatedBytes)} stored, pool {report.Pool}, policy {report.Policy}");
        if (report.UncommittedBytes > 0)
            output.Line($"  {Words.Bytes(report.UncommittedBytes)} not committed yet");
        foreach (ExtentStatus extent in report.Extents)
        {
            output.Line($"  extent {extent.Id}: {extent.Scheme}, {Words.Bytes(extent.LengthBytes)}, {extent.Slices} slices with {Words.Bytes(extent.FileBytes)} of this file, "
                + $"survives {extent.SurvivesDisks} more, written in generation {extent.Birth}");
            foreach (FragmentStatus fragment in extent.Fragments)
                output.Line($"    {fragment.Index,2} {fragment.Kind,-7} {fragment.State,-12} {(fragment.Disk < 0 ? "-" : $"disk {fragment.Disk}")} {fragment.Path}");
        }
    }
}
