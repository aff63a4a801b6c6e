using DynamicFs.Primitives;

namespace DynamicFs.Admin;

/// <summary>
/// What is mounted on this host by daemons of this state directory: one file and one control socket per pool in the run directory. An entry whose
/// process is gone counts as absent.
/// </summary>
public sealed class LiveMounts(StateDirectory state)
{
    public string SocketPathOf(PoolId id) => Path.Combine(state.RunPath, $"{id}.sock");

    public IReadOnlyList<LiveMount> List()
    {
        if (!Directory.Exists(state.RunPath))
            return [];
        var mounts = new List<LiveMount>();
        foreach (string path in Directory.EnumerateFiles(state.RunPath, "*.json"))
        {
            if (JsonFile.Read(path, StateJson.Default.LiveMount) is { Name.Length: > 0, MountPoint.Length: > 0 } mount && mount.IsAlive)
                mounts.Add(mount);
        }

        return mounts;
    }

    public LiveMount? Find(PoolId id) => List().FirstOrDefault(m => m.PoolId == id.Value);

    public LiveMount? FindByMountPoint(string path) => List().FirstOrDefault(m => m.MountPoint == path);

    public void Save(LiveMount mount)
    {
        state.EnsureRun();
        JsonFile.Replace(PathOf(mount.PoolId), mount, StateJson.Default.LiveMount, durable: false);
    }

    /// <summary>How the last mount of a pool ended: null when all of it is durable. Valid after its process has ended; asking forgets it.</summary>
    public string? TakeEndFailure(LiveMount mount)
    {
        if (JsonFile.Read(PathOf(mount.PoolId), StateJson.Default.LiveMount) is not { } left || left.ProcessId != mount.ProcessId || left.ProcessStart != mount.ProcessStart)
            return null;
        File.Delete(PathOf(mount.PoolId));
        return left.EndFailure ?? "the daemon ended without a word; its last seconds of changes may be lost";
    }

    /// <summary>Forgets a mount of <paramref name="processId"/>; an entry of another process stays.</summary>
    public void Remove(PoolId id, int processId)
    {
        if (JsonFile.Read(PathOf(id.Value), StateJson.Default.LiveMount) is { } mount && mount.ProcessId != processId)
            return;
        File.Delete(PathOf(id.Value));
        File.Delete(SocketPathOf(id));
    }

    private string PathOf(Guid id) => Path.Combine(state.RunPath, $"{id:D}.json");
}

/// <summary>One mount and the daemon behind it. A daemon that ends well takes its entry away; one whose last commit failed leaves it with the reason.</summary>
/// <param name="ProcessStart">The daemon's start time from /proc (clock ticks after boot), so that a reused process id is not taken for it.</param>
public sealed record LiveMount(int SchemaVersion, Guid PoolId, string Name, string MountPoint, int ProcessId, long ProcessStart, bool ReadOnly, string? EndFailure = null)
{
    internal bool IsAlive => ProcessStartOf(ProcessId) == ProcessStart;

    /// <summary>Field 22 of /proc/PID/stat; 0 when there is no such process.</summary>
    public static long ProcessStartOf(int processId)
    {
        try
        {
            string stat = File.ReadAllText($"/proc/{processId}/stat");
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            // Fields after the name start with the third; a zombie has ended for everyone who waits for it.
            return fields[0] is "Z" or "X" ? 0 : long.Parse(fields[19]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }
}
