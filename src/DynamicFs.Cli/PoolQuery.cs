using DynamicFs.Admin;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging.Abstractions;

namespace DynamicFs.Cli;

/// <summary>
/// Questions about a pool: asked of its daemon when it is mounted, of the disks otherwise. Nothing here changes a pool.
/// </summary>
internal static class PoolQuery
{
    public static PoolStatus Status(string source, Surroundings surroundings)
        => Ask(source, surroundings, live => live.Status(), open => open.Status(null));

    /// <summary>The same for all known pools: one that cannot be looked at is UNAVAILABLE with the reason.</summary>
    public static PoolStatus Status(PoolId id, string name, Surroundings surroundings)
    {
        try
        {
            if (LivePool.ById(id, surroundings) is { } live)
                return Ask(live, c => c.Status());
            return Status(surroundings.Registry.Find(id)?.Disks.Select(d => d.Path).FirstOrDefault(p => Directory.Exists(Path.Combine(p, ".dynfs"))) ?? name, surroundings);
        }
        catch (Exception e) when (e is PoolException or CorruptionException or DiskException or IOException or UnauthorizedAccessException)
        {
            return Unavailable(id, name, e);
        }
    }

    public static HealthReport Health(string source, Surroundings surroundings)
        => Ask(source, surroundings, live => live.Ask(PoolControl.HealthPath, ReportJson.Readable.HealthReport), open => open.HealthReport());

    public static RootsReport Roots(string source, Surroundings surroundings)
        => Ask(source, surroundings, live => live.Roots(), open => open.Roots());

    /// <param name="path">A path in a mount, or SOURCE:/path for a pool that is not mounted.</param>
    public static ExplainReport Explain(string path, Surroundings surroundings)
    {
        // The source may be a path itself, so the last ':/' parts the two; a pool's name has neither.
        int colon = PoolDisks.IsPath(path.Split(":/")[0]) ? path.LastIndexOf(":/", StringComparison.Ordinal) : path.IndexOf(":/", StringComparison.Ordinal);
        if (colon > 0 && !File.Exists(path) && !Directory.Exists(path))
            return Ask(path[..colon], surroundings, live => live.Explain(path[(colon + 1)..]), open => open.Explain(path[(colon + 1)..]), inspectOnly: false);

        LivePool mounted = LivePool.ByPath(path, surroundings);
        return Ask(mounted, c => c.Explain(mounted.PathInMount));
    }

    public static (FsckReport Report, ExitCode Code) Fsck(string source, bool fragments, Surroundings surroundings)
        => PoolFsck.Run(new PoolOpening { Source = PoolName.Absolute(source) }, surroundings.Registry, fragments);

    private static T Ask<T>(string source, Surroundings surroundings, Func<ControlClient, T> live, Func<Pool, T> offline, bool inspectOnly = true)
    {
        source = PoolName.Absolute(source);
        if (Mounted(source, surroundings) is { } mounted)
            return Ask(mounted, live);
        var opening = new PoolOpening { Source = source, ReadOnly = true, Degraded = true, InspectOnly = inspectOnly };
        using Pool pool = Pool.Open(opening, surroundings.Registry, NullLoggerFactory.Instance);
        return offline(pool);
    }

    private static T Ask<T>(LivePool pool, Func<ControlClient, T> question)
    {
        using ControlClient client = pool.Connect();
        return question(client);
    }

    /// <summary>The live mount of the pool, found by its name, or by the label of the disk that was named.</summary>
    internal static LivePool? Mounted(string source, Surroundings surroundings)
    {
        LiveMount[] mounts = [.. surroundings.LiveMounts.List()];
        if (mounts.Length == 0)
            return null;
        if (!PoolDisks.IsPath(source) && mounts.Count(m => m.Name == source) == 1)
            return LivePool.ById(new PoolId(mounts.Single(m => m.Name == source).PoolId), surroundings);
        using PoolDisks disks = PoolDisks.Find(source, surroundings.Registry);
        return LivePool.ById(disks.Pool, surroundings);
    }

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
}
