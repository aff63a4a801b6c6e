using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using DynamicFs.Cli.Output;
using DynamicFs.Cli.Verbs;
using DynamicFs.Primitives;

namespace DynamicFs.Cli;

/// <summary>
/// The command line: every verb, and the one place where a failure becomes a message and an exit code. Expected failures print their id and text; a
/// defect prints its trace too.
/// </summary>
internal static class CommandLine
{
    public static int Run(string[] args, Surroundings surroundings)
    {
        bool json = args.Contains("--json");
        var errors = new ErrorOutput(surroundings.Out, surroundings.Error, json);
        try
        {
            RootCommand root = Build(surroundings);
            string[] translated = MountHelperArguments.Translate(args, [.. root.Subcommands.Select(verb => verb.Name)]);
            ParseResult result = root.Parse(translated, new ParserConfiguration { ResponseFileTokenReplacer = null });
            if (result.Action is ParseErrorAction)
                return errors.Report(ErrorId.Usage, string.Join("; ", result.Errors.Select(e => e.Message)) + ": see 'dynfs --help'");
            var invocation = new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                Output = surroundings.Out,
                Error = surroundings.Error,
                ProcessTerminationTimeout = null,
            };
            return result.Invoke(invocation);
        }
        catch (Exception e)
        {
            return errors.Report(e);
        }
    }

    public static RootCommand Build(Surroundings surroundings)
    {
        var root = new RootCommand("DynamicFS: pools directories on mounted filesystems into one filesystem that survives lost disks and bad bytes.");
        var json = new Option<bool>("--json") { Description = "Print one JSON document (schemaVersion 1) instead of text", Recursive = true };
        root.Options.Add(json);
        var frame = new VerbFrame(surroundings, json);
        root.Subcommands.Add(CreateVerb.Build(frame));
        root.Subcommands.Add(MountVerb.Build(frame));
        root.Subcommands.Add(UmountVerb.Build(frame));
        root.Subcommands.Add(StatusVerb.Build(frame));
        root.Subcommands.Add(DiskVerb.Build(frame));
        foreach (Command verb in HealthVerbs.Build(frame))
            root.Subcommands.Add(verb);
        root.Subcommands.Add(ScrubVerb.Build(frame));
        root.Subcommands.Add(RebuildVerb.Build(frame));
        root.Subcommands.Add(RebalanceVerb.Build(frame));
        root.Subcommands.Add(WaitVerb.Build(frame));
        foreach (Command verb in CareVerbs.Build(frame))
            root.Subcommands.Add(verb);
        root.Subcommands.Add(SyncVerb.Build(frame));
        root.Subcommands.Add(FsckVerb.Build(frame));
        root.Subcommands.Add(RootsVerb.Build(frame));
        root.Subcommands.Add(ExplainVerb.Build(frame));
        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithCodes((SynchronousCommandLineAction)help.Action!);
        return root;
    }
}

/// <summary>What each verb is built with.</summary>
internal sealed record VerbFrame(Surroundings Surroundings, Option<bool> Json)
{
    public VerbOutput OutputFor(ParseResult result) => new(Surroundings.Out, result.GetValue(Json));
}
