using System.CommandLine;
using DynamicFs.Admin;
using DynamicFs.Cli.Output;
using DynamicFs.Primitives;

namespace DynamicFs.Cli.Verbs;

/// <summary><c>dynfs roots POOL</c>: the generations that are kept, when they were committed, whether they verify, and which disks hold them.</summary>
internal static class RootsVerb
{
    public static Command Build(VerbFrame frame)
    {
        Argument<string> pool = Arguments.Pool();
        var command = new Command("roots", "List the kept metadata roots, newest first") { pool };
        command.SetAction(result => Run(result.GetValue(pool)!, frame.Surroundings, frame.OutputFor(result)));
        return command;
    }

    private static int Run(string pool, Surroundings surroundings, VerbOutput output)
    {
        RootsReport report = PoolQuery.Roots(pool, surroundings);
        output.Print(report, ReportJson.Readable.RootsReport, r => output.Table(["GENERATION", "TIME", "VERDICT", "DISKS", "USED", "INODES"], r.Roots.Select(root => new[]
        {
            root.Generation.ToString(), Words.Time(root.Time), root.Verdict, string.Join(' ', root.Disks), Words.Bytes(root.UsedBytes), root.Inodes.ToString(),
        })));
        return (int)ExitCode.Done;
    }
}
