using DynamicFs.Admin;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging.Abstractions;

namespace DynamicFs.Cli;

/// <summary>
/// Questions about a pool: asked of its daemon when it is mounted, of the disks otherwise. Nothing here changes a pool.
/// </summary>
internal static class PoolQuery
{
    public static PoolStatus Status(string pool, Surroundings surroundings)
    {
        PoolIdentity identity = Identify(pool, surroundings);
        return Ask(identity.Id, pool, surroundings, live => live.Status(), open => open.Status(null));
    }

    /// <summary>The same for a known pool; a pool that cannot be looked at is UNAVAILABLE with the reason.</summary>
    public static PoolStatus Status(PoolId id, string name, Surroundings surroundings)
    {
        try
        {
            return Ask(id, surroundings.Registry.Find(id)?.Disks.Select(d => d.Path).FirstOrDefault(Directory.Exists) ?? name, surroundings,
                live => live.Status(), open => open.Status(null));
        }
        catch (Exception e) when (e is PoolException or CorruptionException or DiskException or IOException or UnauthorizedAccessException)
        {
            return Unavailable(id, name, e);
        }
    }

    public static RootsReport Roots(string pool, Surroundings surroundings)
        => Ask(Identify(pool, surroundings).Id, pool, surroundings, live => live.Roots(), open => open.Roots());

    public static ExplainReport Explain(string path, Surroundings surroundings) => throw new NotImplementedException();

    public static (FsckReport Report, ExitCode Code) Fsck(string pool, bool fragments, Surroundings surroundings) => throw new NotImplementedException();

    private static PoolStatus Unavailable(PoolId id, string name, Exception failure)
    {
        (ErrorId error, string message) = Output.ErrorOutput.Classify(failure);
        return new PoolStatus
        {
            Name = name,
            Id = id.Value,
            State = Verdict.NameOf(PoolState.Unavailable),
            ExitCode = (int)error.ExitCode,
            Summary = message,
            Impact = "nothing of the pool can be reached",
            Action = "see the reason above",
            Mounted = false,
            ReadOnly = false,
        };
    }

    private static PoolIdentity Identify(string pool, Surroundings surroundings) => throw new NotImplementedException();

    private static T Ask<T>(PoolId id, string source, Surroundings surroundings, Func<ControlClient, T> live, Func<Pool, T> offline)
    {
        if (LivePool.ById(id, surroundings) is { } mounted)
        {
            using ControlClient client = mounted.Connect();
            return live(client);
        }

        using Pool pool = Pool.Open(new PoolOpening { Source = PoolName.Absolute(source), ReadOnly = true, Degraded = true }, surroundings.Registry, NullLoggerFactory.Instance);
        return offline(pool);
    }
}

internal sealed record PoolIdentity(PoolId Id, string Name);
