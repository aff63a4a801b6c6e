using DynamicFs.Admin;
using DynamicFs.Interop;

namespace DynamicFs.Cli;

internal static class Program
{
    private static int Main(string[] args)
    {
        NativeProcess.ReturnLargeMemory();
        var surroundings = new Surroundings(Console.Out, Console.Error, StateDirectory.OfThisProcess(), Environment.GetEnvironmentVariable);
        return CommandLine.Run(args, surroundings);
    }
}
