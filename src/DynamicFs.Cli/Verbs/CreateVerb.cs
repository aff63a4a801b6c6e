using System.CommandLine;
using DynamicFs.Cli.Output;

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
        command.SetAction(result => Run(frame.OutputFor(result)));
        return command;
    }

    private static int Run(VerbOutput output) => throw new NotImplementedException(output.ToString());
}
