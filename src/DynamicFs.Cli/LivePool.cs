using DynamicFs.Admin;
using DynamicFs.Fuse;
using DynamicFs.Primitives;

namespace DynamicFs.Cli;

/// <summary>Finds the live mount that an operator means by a pool's name, a mount point, or any path inside a mount.</summary>
internal sealed record LivePool(LiveMount Mount, string SocketPath, string PathInMount)
{
    public ControlClient Connect() => new(SocketPath);

    /// <summary>By mount point or a path inside the mount; the mount itself is only looked up in the mount table, never touched.</summary>
    public static LivePool ByPath(string path, Surroundings surroundings)
    {
        // A mount that hangs would hold up realpath, so a mount point itself is taken as it is written.
        MountTable mounts = MountTable.Read();
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (mounts.At(full) is null)
            full = MountPoint.FullPath(path);
        MountInfo? entry = mounts.Containing(full);
        if (entry is null || !MountTable.IsDynamicFs(entry))
            throw new PoolException(ErrorId.NotMounted, $"{full} is not in a mounted pool; 'dynfs status' lists what is mounted");
        LiveMount mount = surroundings.LiveMounts.FindByMountPoint(entry.MountPoint)
            ?? throw new PoolException(ErrorId.NotMounted,
                $"{entry.MountPoint} ({entry.Source}) is not served by a daemon of this state directory ({surroundings.State.Path}): "
                + "use the DYNFS_STATE_DIR or the user it was mounted with, or if its daemon is gone, 'fusermount3 -u -z' it");
        string rest = full[entry.MountPoint.Length..];
        return Of(mount, surroundings, rest.Length == 0 ? "/" : rest);
    }

    /// <summary>The live mount of a pool, by its identity; null when it is not mounted.</summary>
    public static LivePool? ById(PoolId id, Surroundings surroundings)
        => surroundings.LiveMounts.Find(id) is { } mount ? Of(mount, surroundings, "/") : null;

    /// <summary>By a mount point, any path in a mount, or a pool's name.</summary>
    public static LivePool ByPathOrName(string text, Surroundings surroundings)
    {
        IReadOnlyList<LiveMount> named = text.Contains('/') ? [] : [.. surroundings.LiveMounts.List().Where(m => m.Name == text)];
        return named.Count == 1 ? Of(named[0], surroundings, "/") : ByPath(text, surroundings);
    }

    private static LivePool Of(LiveMount mount, Surroundings surroundings, string pathInMount)
        => new(mount, surroundings.LiveMounts.SocketPathOf(new PoolId(mount.PoolId)), pathInMount);
}
