using System.CommandLine;
using DynamicFs.Admin;
using DynamicFs.Cli.Output;
using DynamicFs.Primitives;

namespace DynamicFs.Cli.Verbs;

/// <summary><c>dynfs create NAME DISK...</c>: makes a pool of directories; refuses anything doubtful before it writes the first byte.</summary>
internal static class CreateVerb
{
    public static Command Build(VerbFrame frame)
    {
        var name = new Argument<string>("name") { Description = "Name of the new pool" };
        var disks = new Argument<string[]>("disk") { Description = "Directories, one per disk", Arity = ArgumentArity.OneOrMore };
        var policy = new Option<string?>("--policy") { Description = "replica:N or rs:K+M; by default 1 disk replica:1, 2 replica:2, 3-5 replica:3, 6 or more rs:4+2" };
        var allowNonEmpty = new Option<bool>("--allow-nonempty") { Description = "Use directories that have files; nothing of them is touched" };
        var allowSameDevice = new Option<bool>("--allow-same-device") { Description = "Allow disks on one device: for demonstrations, one failure takes them all" };
        var command = new Command("create", "Make a pool of directories on mounted filesystems") { name, disks, policy, allowNonEmpty, allowSameDevice };
        command.SetAction(result =>
        {
            PoolName.Check(result.GetValue(name)!);
            var request = new PoolCreationRequest
            {
                Name = result.GetValue(name)!,
                Paths = [.. result.GetValue(disks)!],
                Policy = result.GetValue(policy),
                AllowNonEmpty = result.GetValue(allowNonEmpty),
                AllowSameDevice = result.GetValue(allowSameDevice),
                NoFsync = frame.Surroundings.Variable("DYNFS_NO_FSYNC") == "1",
            };
            return Run(request, frame.Surroundings, frame.OutputFor(result));
        });
        return command;
    }

    private static int Run(PoolCreationRequest request, Surroundings surroundings, VerbOutput output)
    {
        CreateReport report = PoolCreation.Run(request, surroundings.Registry);
        output.Print(report, ReportJson.Readable.CreateReport, r => Print(r, output));
        return (int)ExitCode.Done;
    }

    private static void Print(CreateReport report, VerbOutput output)
    {
        output.Line($"pool {report.Name} is made: {report.Disks.Count} disks, policy {report.Policy}, "
            + (report.Tolerance == 0 ? "no disk may fail" : $"any {report.Tolerance} may fail"));
        StatusText.Disks(report.Disks, output);
        output.Line($"next: dynfs mount {report.Name} DIRECTORY");
    }
}
