namespace DynamicFs.Disks;

/// <summary>
/// Where tests put a disk that misbehaves under a real mount. Only a test build (property <c>DynfsKillPoints</c>) has it; in any other <see cref="Wrap"/> gives back what it gets
/// and the limits are the usual ones.
/// </summary>
internal static class FaultSeam
{
#if DYNFS_KILL_POINTS
    /// <summary>Lines of <c>PATH hang</c>, <c>PATH slow MS</c>, <c>PATH error ERRNO</c>; read again whenever it changes.</summary>
    private static readonly string? s_file = Environment.GetEnvironmentVariable("DYNFS_TEST_FAULTS");

    public static IDisk Wrap(IDisk disk) => s_file is null ? disk : new MisbehavingDisk(disk);

    /// <summary>Does to the caller what a call to the disk at this path would.</summary>
    public static void Reach(string path)
    {
        for (string[] fault = FaultOf(path); fault.Length > 0; fault = FaultOf(path))
        {
            if (fault[0] == "error")
                throw new Primitives.DiskException(path, "a call", Enum.Parse<Primitives.Errno>(fault[1]));
            if (fault[0] == "slow")
            {
                Thread.Sleep(int.Parse(fault[1], System.Globalization.CultureInfo.InvariantCulture));
                return;
            }

            Thread.Sleep(20);
        }
    }

    public static bool IsFaulty(string path) => FaultOf(path).Length > 0;

    public static WatchdogLimits Watchdog => new()
    {
        Hang = Milliseconds("DYNFS_TEST_HANG_MS") ?? WatchdogLimits.Default.Hang,
        Gone = Milliseconds("DYNFS_TEST_GONE_MS") ?? WatchdogLimits.Default.Gone,
    };

    public static LadderLimits Ladder => LadderLimits.Default with { CleanWindow = Milliseconds("DYNFS_TEST_CLEAN_MS") ?? LadderLimits.Default.CleanWindow };

    private static TimeSpan? Milliseconds(string variable) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? TimeSpan.FromMilliseconds(int.Parse(text, System.Globalization.CultureInfo.InvariantCulture)) : null;

    private static string[] FaultOf(string path)
    {
        try
        {
            foreach (string line in s_file is null ? [] : File.ReadAllLines(s_file))
            {
                if (line.StartsWith(path + " ", StringComparison.Ordinal))
                    return line[(path.Length + 1)..].Split(' ');
            }
        }
        catch (IOException)
        {
        }

        return [];
    }
#else
    public static WatchdogLimits Watchdog => WatchdogLimits.Default;

    public static LadderLimits Ladder => LadderLimits.Default;

    public static IDisk Wrap(IDisk disk) => disk;

    [System.Diagnostics.Conditional("DYNFS_KILL_POINTS")]
    public static void Reach(string path) => _ = path;
#endif
}
