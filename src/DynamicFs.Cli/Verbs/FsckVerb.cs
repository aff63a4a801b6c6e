using System.CommandLine;
using DynamicFs.Admin;
using DynamicFs.Cli.Output;
using DynamicFs.Primitives;

namespace DynamicFs.Cli.Verbs;

/// <summary><c>dynfs fsck POOL</c>: verifies every page, reference and fragment of a pool that is not mounted; changes nothing.</summary>
internal static class FsckVerb
{
    public static Command Build(VerbFrame frame)
    {
        var pool = new Argument<string>("pool") { Description = "Name of the pool, or the path of any member disk" };
        var metadataOnly = new Option<bool>("--metadata-only") { Description = "Check pages and references, but do not read the fragments' data" };
        var command = new Command("fsck", "Verify everything that is stored (offline)") { pool, metadataOnly };
        command.SetAction(result => Run(result.GetValue(pool)!, !result.GetValue(metadataOnly), frame.Surroundings, frame.OutputFor(result)));
        return command;
    }

    private static int Run(string pool, bool fragments, Surroundings surroundings, VerbOutput output)
    {
        (FsckReport report, ExitCode code) = PoolQuery.Fsck(pool, fragments, surroundings);
        output.Print(report, ReportJson.Readable.FsckReport, r => Print(r, output));
        return (int)code;
    }

    private static void Print(FsckReport report, VerbOutput output)
    {
        output.Line($"{report.Name}: {report.State} - {report.Summary}");
        output.Line($"  action: {report.Action}");
        FsckCounts c = report.Counts;
        output.Line($"  checked generation {report.Generation}: {c.Inodes} inodes, {c.DirectoryEntries} names, {c.Slices} slices, {c.Extents} extents, {c.Orphans} orphans");
        output.Line($"  fragments: {c.Fragments} ({c.FragmentsGood} good, {c.FragmentsMissing} missing, {c.FragmentsCorrupt} corrupt)");
        output.Line($"  extents:   {c.ExtentsFull} full, {c.ExtentsDegraded} degraded, {c.ExtentsNoSpare} without spare, {c.ExtentsLost} lost");
        foreach (FsckProblem problem in report.Problems)
            output.Line($"  {problem.Kind}: {problem.Target}: {problem.Message}");
    }
}
