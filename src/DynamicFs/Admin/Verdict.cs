using DynamicFs.Primitives;

namespace DynamicFs.Admin;

/// <summary>States of a pool, worst last; derived from its extents and disks, never stored.</summary>
public enum PoolState
{
    Ok,
    ReadOnly,
    Degraded,

    /// <summary>Extents without spare although all disks are here: repair, not a disk, is missing.</summary>
    AtRisk,

    DataLoss,
    Unavailable,
}

/// <summary>What is the matter with a pool in three sentences: what is so, what it means for the data, what to do next.</summary>
public sealed record Verdict(PoolState State, string Summary, string Impact, string Action)
{
    public string StateName => NameOf(State);

    /// <summary>Tells no spare redundancy from mere degradation, whatever the state is called.</summary>
    public ExitCode ExitCode { get; init; } = ExitCodeOf(State);

    public static string NameOf(PoolState state) => state switch
    {
        PoolState.Ok => "OK",
        PoolState.ReadOnly => "READ_ONLY",
        PoolState.Degraded => "DEGRADED",
        PoolState.AtRisk => "AT_RISK",
        PoolState.DataLoss => "DATA_LOSS",
        _ => "UNAVAILABLE",
    };

    public static ExitCode ExitCodeOf(PoolState state) => state switch
    {
        PoolState.Ok => ExitCode.Done,
        PoolState.ReadOnly or PoolState.Degraded => ExitCode.Degraded,
        PoolState.AtRisk => ExitCode.NoSpareRedundancy,
        _ => ExitCode.DataLost,
    };

    /// <summary>The state of a name as it stands in a report.</summary>
    public static PoolState StateOf(string name) => Enum.GetValues<PoolState>().Where(s => NameOf(s) == name).DefaultIfEmpty(PoolState.Unavailable).First();

    /// <summary>Judges a pool that could be opened.</summary>
    public static Verdict Judge(VerdictInput input)
    {
        if (input.Redundancy is { Lost: > 0 } lost)
        {
            return new Verdict(PoolState.DataLoss, $"{lost.Lost} of {lost.Extents} extents have lost more fragments than their policy survives",
                "reads of the affected ranges fail with EIO; everything else is readable",
                input.Missing > 0 ? $"bring back {input.MissingText}, then mount again" : $"run 'dynfs fsck {input.Name}' after unmounting to list what is lost");
        }

        if (input.Missing > input.Tolerance)
        {
            return new Verdict(PoolState.Unavailable, $"{input.Missing} of {input.Total} disks missing: {input.MissingText}; the policy survives {input.Tolerance}",
                "it can only be mounted read-only (--degraded); what needs the missing disks cannot be read", input.RestoreAction);
        }

        if (input.Missing == 0 && input.Unhealthy == 0 && input.Redundancy is { NoSpare: > 0 } risk && input.Tolerance > 0)
        {
            return new Verdict(PoolState.AtRisk, $"{risk.NoSpare} of {risk.Extents} extents survive no further disk failure",
                "all data is readable; the next disk that fails loses data", input.RestoreAction);
        }

        if (input.Missing > 0 || input.Unhealthy > 0 || input.Redundancy is { Degraded: > 0 })
            return Degraded(input);

        if (input.ReadOnlyReason is { } reason)
            return new Verdict(PoolState.ReadOnly, $"read-only: {reason}", "data is readable, nothing can be changed", "mend the cause, unmount and mount again");

        return input.Tolerance == 0
            ? new Verdict(PoolState.Ok, "all disks are healthy", "the policy keeps no spare copy: a lost disk loses data", "none")
            : new Verdict(PoolState.Ok, "all disks are healthy and every extent has all its fragments", $"any {Count(input.Tolerance, "disk")} may fail", "none");
    }

    private static Verdict Degraded(VerdictInput input)
    {
        string summary = input.Missing > 0
            ? $"{input.Missing} of {input.Total} disks missing: {input.MissingText}"
            : input.Unhealthy > 0
                ? $"{input.Unhealthy} of {input.Total} disks not healthy: {input.UnhealthyText}"
                : $"{input.Redundancy!.Degraded} of {input.Redundancy.Extents} extents lack fragments";
        // More disks than the policy survives may not be missing, however many copies the extents have.
        int spare = Math.Max(0, Math.Min(input.Redundancy?.MinimumSpare ?? int.MaxValue, input.Tolerance - input.Missing));
        string may = spare > 0 ? $"{Count(spare, "more disk")} may fail" : "the next disk that fails loses data";
        string impact = $"all data is readable; {may}" + (input.ReadOnlyReason is { } reason ? $"; read-only: {reason}" : "");
        return new Verdict(PoolState.Degraded, summary, impact, input.RestoreAction) { ExitCode = spare > 0 ? ExitCode.Degraded : ExitCode.NoSpareRedundancy };
    }

    private static string Count(int count, string noun) => count == 1 ? $"1 {noun}" : $"{count} {noun}s";
}

/// <summary>What a verdict rests on. <see cref="MissingText"/> and <see cref="UnhealthyText"/> name the disks.</summary>
public sealed record VerdictInput
{
    public required string Name { get; init; }
    public required int Total { get; init; }
    public required int Tolerance { get; init; }
    public int Missing { get; init; }
    public string MissingText { get; init; } = "";
    public int Unhealthy { get; init; }
    public string UnhealthyText { get; init; } = "";
    public RedundancyStatus? Redundancy { get; init; }
    public string? ReadOnlyReason { get; init; }

    internal string RestoreAction => Missing > 0
        ? $"bring back {MissingText}, then 'dynfs disk online {Name} DISK', or mount again"
        : Unhealthy > 0 ? $"'dynfs health {Name}' says what happened to {UnhealthyText}; mend or replace, then 'dynfs set-disk-health {Name} DISK HEALTHY'" : $"run 'dynfs fsck {Name}' after unmounting";
}
