namespace DynamicFs.Admin;

/// <summary>
/// Where dynfs keeps what it may lose: the registry of disk paths, logs, and the run directory with what is mounted now. Nothing in it is needed to
/// mount a pool. Usual places: DYNFS_STATE_DIR, else /var/lib/dynfs and /run/dynfs for root, else the user's XDG directories.
/// </summary>
public sealed record StateDirectory(string Path, string RunPath)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    public string PoolsPath => System.IO.Path.Combine(Path, "pools");
    public string LogPath => System.IO.Path.Combine(Path, "log");

    /// <param name="variable">Reads an environment variable; empty counts as unset.</param>
    /// <param name="isRoot">Whether the caller is uid 0.</param>
    public static StateDirectory Find(Func<string, string?> variable, bool isRoot)
    {
        string? Set(string name) => variable(name) is { Length: > 0 } value ? value : null;

        if (Set("DYNFS_STATE_DIR") is { } chosen)
        {
            string path = System.IO.Path.GetFullPath(chosen);
            return new StateDirectory(path, System.IO.Path.Combine(path, "run"));
        }

        if (isRoot)
            return new StateDirectory("/var/lib/dynfs", "/run/dynfs");

        string home = Set("XDG_STATE_HOME") ?? System.IO.Path.Combine(Set("HOME") ?? "/", ".local", "state");
        string state = System.IO.Path.Combine(home, "dynfs");
        string run = Set("XDG_RUNTIME_DIR") is { } runtime ? System.IO.Path.Combine(runtime, "dynfs") : System.IO.Path.Combine(state, "run");
        return new StateDirectory(state, run);
    }

    public static StateDirectory OfThisProcess() => Find(Environment.GetEnvironmentVariable, Environment.IsPrivilegedProcess);

    public void EnsurePools() => Ensure(PoolsPath);

    public void EnsureRun() => Ensure(RunPath);

    public void EnsureLog() => Ensure(LogPath);

    private static void Ensure(string path) => Directory.CreateDirectory(path, OwnerOnly);
}
