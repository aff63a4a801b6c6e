using DynamicFs.Admin;

namespace DynamicFs.Cli;

/// <summary>Everything a verb takes from outside, so that a test can run it in process.</summary>
internal sealed record Surroundings(TextWriter Out, TextWriter Error, StateDirectory State, Func<string, string?> Variable)
{
    public PoolRegistry Registry => new(State);

    public LiveMounts LiveMounts => new(State);
}
