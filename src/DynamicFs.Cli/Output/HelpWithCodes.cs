using System.CommandLine;
using System.CommandLine.Invocation;
using DynamicFs.Primitives;

namespace DynamicFs.Cli.Output;

/// <summary>The usual help and, for the whole command, the table of exit codes and error ids.</summary>
internal sealed class HelpWithCodes(SynchronousCommandLineAction usual) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        int code = usual.Invoke(parseResult);
        if (parseResult.CommandResult.Command is RootCommand)
            Write(parseResult.InvocationConfiguration.Output);
        return code;
    }

    internal static void Write(TextWriter output)
    {
        output.WriteLine("Exit codes:");
        foreach (ExitCode code in Enum.GetValues<ExitCode>())
            output.WriteLine($"  {(int)code,-3} {Meaning(code)}");
        output.WriteLine();
        output.WriteLine("Errors (id, exit code, meaning):");
        int width = ErrorId.All.Max(id => id.Name.Length);
        foreach (ErrorId id in ErrorId.All)
            output.WriteLine($"  {id.Name.PadRight(width)}  {(int)id.ExitCode,-2}  {id.Meaning}");
        output.WriteLine();
    }

    internal static string Meaning(ExitCode code) => code switch
    {
        ExitCode.Done => "done; healthy",
        ExitCode.Failed => "failed",
        ExitCode.Usage => "wrong command line",
        ExitCode.Degraded => "degraded: redundancy is reduced",
        ExitCode.NoSpareRedundancy => "somewhere no spare redundancy is left",
        ExitCode.DataLost => "data is lost",
        ExitCode.NotFound => "no such pool, disk, mount or file",
        ExitCode.Refused => "refused; the text says which flag allows it",
        ExitCode.Locked => "another process has the pool open",
        ExitCode.Corrupt => "stored metadata is corrupt",
        ExitCode.WouldRollBack => "would lose newer commits",
        ExitCode.IoError => "a disk failed a call",
        ExitCode.NoSpace => "no space left",
        ExitCode.UnsupportedFormat => "unknown format version or feature",
        _ => code.ToString(),
    };
}
