using DynamicFs.Fuse;

namespace DynamicFs.Admin;

/// <summary>The mounts that this process sees, from /proc/self/mountinfo (proc(5)); reading it touches none of them.</summary>
internal sealed record MountTable(IReadOnlyList<MountInfo> Entries)
{
    public static MountTable Read() => Parse(File.ReadLines("/proc/self/mountinfo"));

    public static MountTable Parse(IEnumerable<string> lines) => new([.. lines.Select(MountInfo.Parse).OfType<MountInfo>()]);

    /// <summary>The mount that is seen at exactly this path: the one mounted last.</summary>
    public MountInfo? At(string path) => Entries.LastOrDefault(e => e.MountPoint == path);

    /// <summary>The mount that an absolute path without links lies in: the deepest, and of those at one place the last.</summary>
    public MountInfo? Containing(string path)
    {
        MountInfo? deepest = null;
        foreach (MountInfo entry in Entries)
        {
            if (IsWithin(path, entry.MountPoint) && entry.MountPoint.Length >= (deepest?.MountPoint.Length ?? 0))
                deepest = entry;
        }

        return deepest;
    }

    public static bool IsDynamicFs(MountInfo entry) => entry.Type == FuseMount.FileSystemType;

    public static bool IsWithin(string path, string directory)
        => directory == "/" || path == directory || (path.Length > directory.Length && path[directory.Length] == '/' && path.StartsWith(directory, StringComparison.Ordinal));
}
