using System.CommandLine;
using DynamicFs.Admin;
using DynamicFs.Cli.Output;
using DynamicFs.Primitives;

namespace DynamicFs.Cli.Verbs;

/// <summary><c>dynfs fsck POOL</c>: verifies every page, reference and fragment of a pool that is not mounted; changes nothing without <c>--rebuild</c>.</summary>
internal static class FsckVerb
{
    public static Command Build(VerbFrame frame)
    {
        Argument<string> pool = Arguments.Pool();
        var metadataOnly = new Option<bool>("--metadata-only") { Description = "Check pages and references, but do not read the fragments' data" };
        var rebuild = new Option<bool>("--rebuild") { Description = "First restore everything that can be derived: missing and bad fragments, bad copies of pages, lost mirrors" };
        var command = new Command("fsck", "Verify everything that is stored (offline)") { pool, metadataOnly, rebuild };
        command.SetAction(result =>
        {
            if (result.GetValue(rebuild))
                Rebuild(result.GetValue(pool)!, frame.Surroundings, frame.OutputFor(result));
            return Run(result.GetValue(pool)!, !result.GetValue(metadataOnly), frame.Surroundings, frame.OutputFor(result));
        });
        return command;
    }

    /// <summary>Every repair that is safe to do; what it could not do, the check that follows says.</summary>
    private static void Rebuild(string pool, Surroundings surroundings, VerbOutput output) => PoolTask.Run(
        pool, surroundings,
        _ => throw new PoolException(ErrorId.Locking, $"pool {pool} is mounted: 'dynfs rebuild {pool}' and 'dynfs scrub {pool} --repair' do the same there. Nothing was changed"),
        open =>
        {
            RebuildVerb.Follow(open.Rebuild, starts: true, limit: null, surroundings, output);
            return ScrubVerb.Follow(open.Scrub, new ScrubOrder("start", Repairs: true), surroundings, output);
        });

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
