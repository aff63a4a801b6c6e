using System.Diagnostics;

namespace DynamicFs.Primitives;

/// <summary>
/// Named moments between two steps that a crash may separate. Only a test build (property <c>DynfsKillPoints</c>) has them: the process that
/// <c>DYNFS_KILL_AT=NAME:COUNT</c> names dies of SIGKILL when it gets there for the COUNT-th time. With <c>DYNFS_KILL_MARKER=FILE</c> it makes that file instead
/// and holds the thread, so that the harness can take the power from the disks at that moment. Any other build has no trace of the calls.
/// </summary>
internal static class KillPoint
{
#if DYNFS_KILL_POINTS
    private static readonly string s_name = (Environment.GetEnvironmentVariable("DYNFS_KILL_AT") ?? "").Split(':')[0];
    private static readonly int s_count = int.Parse((Environment.GetEnvironmentVariable("DYNFS_KILL_AT") ?? "").Split(':') is [_, var count] ? count : "1");
    private static readonly string? s_marker = Environment.GetEnvironmentVariable("DYNFS_KILL_MARKER");
    private static readonly string? s_periodMs = Environment.GetEnvironmentVariable("DYNFS_KILL_PERIOD_MS");
    private static int s_reached;

    public static void Reach(string name)
    {
        if (name != s_name || Interlocked.Increment(ref s_reached) < s_count)
            return;
        if (s_marker is null)
            Process.GetCurrentProcess().Kill();
        else
            File.WriteAllText(s_marker, name);
        Thread.Sleep(Timeout.Infinite);
    }

    /// <summary>The period of background work, shortened where the harness asks for it, so that a short life has some of it.</summary>
    public static TimeSpan Hurried(TimeSpan usual) =>
        s_periodMs is null ? usual : TimeSpan.FromMilliseconds(int.Parse(s_periodMs, System.Globalization.CultureInfo.InvariantCulture));
#else
    [Conditional("DYNFS_KILL_POINTS")]
    public static void Reach(string name) => _ = name;

    /// <summary>The period of background work; only a test build shortens it.</summary>
    public static TimeSpan Hurried(TimeSpan usual) => usual;
#endif
}
