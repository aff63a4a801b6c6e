using DynamicFs.Admin;
using DynamicFs.Cli;

namespace DynamicFs.UnitTests.Cli;

/// <summary>Runs the command line in process with a state directory of its own.</summary>
internal sealed record CliRun(int ExitCode, string Out, string Error)
{
    public static CliRun Of(StateDirectory state, params string[] args)
    {
        var output = new StringWriter();
        var error = new StringWriter();
        int code = CommandLine.Run(args, new Surroundings(output, error, state, _ => null));
        return new CliRun(code, output.ToString(), error.ToString());
    }

    public static CliRun Of(params string[] args) => Of(new StateDirectory("/nonexistent/dynfs-unit", "/nonexistent/dynfs-unit/run"), args);
}
