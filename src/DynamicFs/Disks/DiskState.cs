namespace DynamicFs.Disks;

/// <summary>Health of a disk. Only HEALTHY receives new fragments; DEGRADED, SUSPECT and DRAINING are read-only; FAILED is not used at all.</summary>
public enum DiskState
{
    Healthy,
    Degraded,
    Suspect,
    Draining,
    Failed,
}

/// <summary>The states as operators and <c>disk.json</c> spell them: HEALTHY, DEGRADED, SUSPECT, DRAINING, FAILED.</summary>
public static class DiskStateName
{
    private static readonly DiskState[] s_states = Enum.GetValues<DiskState>();

    public static string Of(DiskState state) => state.ToString().ToUpperInvariant();

    public static bool TryParse(string name, out DiskState state)
    {
        int index = Array.FindIndex(s_states, candidate => Of(candidate) == name);
        state = index >= 0 ? s_states[index] : default;
        return index >= 0;
    }
}
