namespace DynamicFs.Admin;

/// <summary>What <c>dynfs rebalance</c> asks for.</summary>
/// <param name="Action">plan, start, status, pause, resume or cancel.</param>
/// <param name="LimitBytesPerSecond">0 is no limit; null leaves it as it is.</param>
public sealed record RebalanceOrder(string Action, long? LimitBytesPerSecond = null);

/// <summary>What <c>rebalance --json</c> prints.</summary>
/// <param name="Phase">PLANNED (nothing was changed), IDLE, MOVING, PAUSED, PUBLISHING, DONE or CANCELLED.</param>
/// <param name="PlannedBytes">Bytes of fragments that are to be moved.</param>
/// <param name="FailedExtents">Extents that stay where they are because something went wrong; the first hundred are in Failures.</param>
public sealed record RebalanceReport(
    int SchemaVersion, string Name, string Phase, bool IsActive, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, long LimitBytesPerSecond, long PlannedBytes, long MovedBytes,
    long MovedFragments, long FailedExtents, IReadOnlyList<RebalanceDisk> Disks, IReadOnlyList<HealException> Failures);

/// <param name="FillBefore">Percent of the disk's device that is used, and how much it will be.</param>
/// <param name="LeavingBytes">Bytes that are to leave this disk, and to come to it.</param>
public sealed record RebalanceDisk(int Index, string Path, double FillBefore, double FillAfter, long LeavingBytes, long ArrivingBytes);
