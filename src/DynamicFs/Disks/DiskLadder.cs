namespace DynamicFs.Disks;

/// <summary>What was seen of a disk. Only these move it on the ladder.</summary>
public enum DiskSign
{
    /// <summary>A read or another call failed that may well succeed next time.</summary>
    Error,

    /// <summary>A write or a sync failed: what was written is lost, so it counts as much as the errors that make a disk SUSPECT.</summary>
    WriteError,

    /// <summary>It answers much later than the others.</summary>
    Slow,

    /// <summary>A call did not return in time.</summary>
    Hung,

    /// <summary>Calls have not returned for so long that nobody waits for them any more.</summary>
    Gone,

    /// <summary>Its filesystem became read-only (EROFS).</summary>
    ReadOnly,

    /// <summary>What is at its place is not this disk: unmounted, another device, label missing or of another disk.</summary>
    IdentityLost,

    /// <summary>A probe found nothing wrong.</summary>
    Clean,
}

/// <summary>The numbers of the ladder.</summary>
public sealed record LadderLimits
{
    public static readonly LadderLimits Default = new();

    /// <summary>How long an error counts.</summary>
    public TimeSpan Window { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Errors within the window that make a disk SUSPECT.</summary>
    public int SuspectErrors { get; init; } = 2;

    /// <summary>Errors within the window that make a disk DEGRADED.</summary>
    public int DegradedErrors { get; init; } = 10;

    /// <summary>How long a SUSPECT disk must be without any trouble before it is HEALTHY again.</summary>
    public TimeSpan CleanWindow { get; init; } = TimeSpan.FromMinutes(10);
}

/// <summary>
/// Where a disk stands: its state, whether an operator put it there, the errors that still count (oldest first), and since when nothing was wrong.
/// </summary>
public sealed record LadderPosition(DiskState State, bool IsOrdered, IReadOnlyList<DateTimeOffset> Errors, DateTimeOffset QuietSince)
{
    public static LadderPosition At(DiskState state, bool isOrdered, DateTimeOffset now) => new(state, isOrdered, [], now);
}

/// <summary>
/// The rules by which a disk's state follows from what is seen of it; pure. Down: two errors within ten minutes, a hang or a slow outlier make a HEALTHY disk
/// SUSPECT; ten errors, or a read-only filesystem, make it DEGRADED; a lost identity, or a hang without end, makes it FAILED. Up: only SUSPECT, and only when the ladder
/// itself put it there, after a clean window. DRAINING was ordered: nothing but the loss of the disk ends it.
/// </summary>
public static class DiskLadder
{
    /// <summary>The position after <paramref name="sign"/>. <paramref name="reason"/> says why the state changed; null when it did not.</summary>
    public static LadderPosition Next(LadderPosition at, DiskSign sign, DateTimeOffset now, LadderLimits limits, out string? reason)
    {
        reason = null;
        if (sign == DiskSign.Clean)
            return Rise(at, now, limits, out reason);

        IReadOnlyList<DateTimeOffset> errors = Errors(at, sign, now, limits);
        var next = at with { Errors = errors, QuietSince = now };
        DiskState state = Lower(at.State, Target(sign, errors.Count, limits));
        if (state == at.State)
            return next;
        reason = Reason(sign, errors.Count, limits);
        return next with { State = state, IsOrdered = false };
    }

    /// <summary>The position after an operator's order.</summary>
    public static LadderPosition Order(DiskState state, DateTimeOffset now) => LadderPosition.At(state, isOrdered: true, now);

    private static LadderPosition Rise(LadderPosition at, DateTimeOffset now, LadderLimits limits, out string? reason)
    {
        reason = null;
        if (at.State != DiskState.Suspect || at.IsOrdered || now - at.QuietSince < limits.CleanWindow)
            return at;
        reason = $"nothing wrong for {Words(limits.CleanWindow)}";
        return LadderPosition.At(DiskState.Healthy, isOrdered: false, now);
    }

    private static IReadOnlyList<DateTimeOffset> Errors(LadderPosition at, DiskSign sign, DateTimeOffset now, LadderLimits limits)
    {
        List<DateTimeOffset> errors = [.. at.Errors.Where(time => now - time < limits.Window)];
        int weight = sign switch
        {
            DiskSign.Error or DiskSign.Hung => 1,
            DiskSign.WriteError => limits.SuspectErrors,
            _ => 0,
        };
        for (; weight > 0 && errors.Count < limits.DegradedErrors; weight--)
            errors.Add(now);
        return errors;
    }

    private static DiskState Target(DiskSign sign, int errorCount, LadderLimits limits) => sign switch
    {
        DiskSign.IdentityLost or DiskSign.Gone => DiskState.Failed,
        DiskSign.ReadOnly => DiskState.Degraded,
        _ when errorCount >= limits.DegradedErrors => DiskState.Degraded,
        DiskSign.Slow or DiskSign.Hung => DiskState.Suspect,
        _ => errorCount >= limits.SuspectErrors ? DiskState.Suspect : DiskState.Healthy,
    };

    /// <summary>The worse of both; DRAINING gives way to FAILED only.</summary>
    private static DiskState Lower(DiskState state, DiskState target) => state switch
    {
        DiskState.Healthy => target,
        DiskState.Suspect => target == DiskState.Healthy ? state : target,
        DiskState.Degraded or DiskState.Draining => target == DiskState.Failed ? target : state,
        _ => state,
    };

    private static string Reason(DiskSign sign, int errorCount, LadderLimits limits) => sign switch
    {
        DiskSign.IdentityLost => "what is at its place is not this disk",
        DiskSign.Gone => "its calls do not return",
        DiskSign.ReadOnly => "its filesystem is read-only",
        DiskSign.Slow => "it answers much later than the others",
        DiskSign.WriteError when errorCount < limits.DegradedErrors => "a write failed",
        DiskSign.Hung when errorCount < limits.DegradedErrors => "a call did not return in time",
        _ => $"{errorCount} errors within {Words(limits.Window)}",
    };

    private static string Words(TimeSpan time) => time.TotalMinutes >= 1 ? $"{time.TotalMinutes:0.#} minutes" : $"{time.TotalSeconds:0.#} seconds";
}
