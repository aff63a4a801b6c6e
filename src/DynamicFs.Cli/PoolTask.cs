using DynamicFs.Admin;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging.Abstractions;

namespace DynamicFs.Cli;

/// <summary>Changes of a pool: done by its daemon when it is mounted, otherwise by opening it here as a mount would.</summary>
internal static class PoolTask
{
    /// <param name="whenShort">What to do when more disks are missing than the policy survives, with the pool open read-only; null refuses then.</param>
    /// <param name="revive">A disk that is about to be called healthy.</param>
    public static T Run<T>(string source, Surroundings surroundings, Func<ControlClient, T> live, Func<Pool, T> offline, Func<Pool, T>? whenShort = null, string? revive = null)
    {
        source = PoolName.Absolute(source);
        if (PoolQuery.Mounted(source, surroundings) is { } mounted)
        {
            using ControlClient client = mounted.Connect();
            return live(client);
        }

        var opening = new PoolOpening { Source = source, Administer = true, Revive = revive, NoFsync = surroundings.Variable("DYNFS_NO_FSYNC") == "1" };
        try
        {
            return Run(opening, surroundings, offline);
        }
        catch (PoolException e) when (e.Id == ErrorId.MissingDisks && whenShort is not null)
        {
            return Run(opening with { ReadOnly = true, Degraded = true }, surroundings, whenShort);
        }
    }

    /// <summary>Who is asking, for the history of a disk.</summary>
    public static string Operator(Surroundings surroundings)
    {
        string user = surroundings.Variable("SUDO_USER") is { Length: > 0 } sudo ? sudo : Environment.UserName;
        return $"operator {user}";
    }

    private static T Run<T>(PoolOpening opening, Surroundings surroundings, Func<Pool, T> work)
    {
        using Pool pool = Pool.Open(opening, surroundings.Registry, NullLoggerFactory.Instance);
        T result = work(pool);
        pool.Close();
        return result;
    }
}
