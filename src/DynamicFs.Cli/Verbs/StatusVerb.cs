using System.CommandLine;
using DynamicFs.Admin;
using DynamicFs.Cli.Output;
using DynamicFs.Primitives;

namespace DynamicFs.Cli.Verbs;

/// <summary><c>dynfs status [POOL]</c>: the verdict, the impact, the action; for one pool or all that this host knows. Exits with the verdict.</summary>
internal static class StatusVerb
{
    public static Command Build(VerbFrame frame)
    {
        var pool = new Argument<string?>("pool") { Description = "Name of the pool or path of a member disk; all known pools without it", Arity = ArgumentArity.ZeroOrOne };
        var command = new Command("status", "Is the data safe? What is wrong, what does it mean, what to do") { pool };
        command.SetAction(result => Run(result.GetValue(pool), frame.Surroundings, frame.OutputFor(result)));
        return command;
    }

    private static int Run(string? pool, Surroundings surroundings, VerbOutput output)
    {
        IReadOnlyList<PoolStatus> pools = pool is not null ? [PoolQuery.Status(pool, surroundings)] : All(surroundings);
        var report = new StatusReport(Schema.Version, WorstState(pools), pools);
        output.Print(report, ReportJson.Readable.StatusReport, r => StatusText.Print(r, output));
        return pools.Count == 0 ? 0 : pools.OrderBy(SeverityOf).Last().ExitCode;
    }

    private static List<PoolStatus> All(Surroundings surroundings)
    {
        var statuses = new List<PoolStatus>();
        IReadOnlyList<RegisteredPool> registered = surroundings.Registry.List();
        foreach (RegisteredPool pool in registered)
            statuses.Add(PoolQuery.Status(new PoolId(pool.Id), pool.Name, surroundings));
        foreach (LiveMount mount in surroundings.LiveMounts.List().Where(m => registered.All(p => p.Id != m.PoolId)))
            statuses.Add(PoolQuery.Status(new PoolId(mount.PoolId), mount.Name, surroundings));
        return statuses;
    }

    private static string WorstState(IReadOnlyList<PoolStatus> pools)
        => pools.Count == 0 ? Verdict.NameOf(PoolState.Ok) : pools.OrderBy(SeverityOf).Last().State;

    private static int SeverityOf(PoolStatus pool) => (int)Verdict.StateOf(pool.State);
}
