using System.CommandLine;
using DynamicFs.Admin;
using DynamicFs.Cli.Output;
using DynamicFs.Primitives;

namespace DynamicFs.Cli.Verbs;

/// <summary><c>dynfs sync DIR</c>: a full commit; what sync(2) cannot ask of a FUSE filesystem.</summary>
internal static class SyncVerb
{
    public static Command Build(VerbFrame frame)
    {
        var target = new Argument<string>("directory") { Description = "Mount point, a path in it, or name of a mounted pool" };
        var command = new Command("sync", "Make everything written so far durable") { target };
        command.SetAction(result => Run(result.GetValue(target)!, frame.Surroundings, frame.OutputFor(result)));
        return command;
    }

    private static int Run(string target, Surroundings surroundings, VerbOutput output)
    {
        using ControlClient client = LivePool.ByPathOrName(target, surroundings).Connect();
        output.Print(client.Sync(), ReportJson.Readable.MountReport, r => output.Line($"{r.Name} is committed at generation {r.Generation}"));
        return (int)ExitCode.Done;
    }
}
