using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>How many disks must have a root record, so that every set of disks with which the pool may be mounted contains one that has it.</summary>
internal static class RootQuorum
{
    /// <summary>
    /// With n members and a policy that survives m failures a mount needs n - m rings, so m + 1 must have the record. Where lost disks leave fewer than that
    /// (n &lt; 2 m + 1: a two-way mirror that lost a disk), all n - m survivors are enough: the disks that are lost are lost to the policy's tolerance, and the
    /// host's registry, which keeps the newest generation seen, is the witness against mounting only them.
    /// </summary>
    public static int Required(PoolShape shape)
    {
        int tolerance = shape.DefaultScheme.Tolerance;
        return Canary.Is("commit-quorum-ignored") ? 1 : Math.Min(tolerance + 1, RingsToMount(shape));
    }

    /// <summary>Rings that must be readable to be sure that the newest acknowledged root is among them.</summary>
    public static int RingsToMount(PoolShape shape) => Math.Max(1, shape.MemberCount - shape.DefaultScheme.Tolerance);

    /// <summary>
    /// Whether enough disks have a record of <paramref name="shape"/> that follows one of <paramref name="before"/>. When the members change, enough of the old ones and enough of the new ones
    /// must have it: otherwise the old ones alone, without those that have it, could still be mounted at the record before.
    /// </summary>
    public static bool IsReached(PoolShape before, PoolShape shape, IReadOnlyCollection<DiskId> written) =>
        CountOf(shape, written) >= Required(shape) && CountOf(before, written) >= Required(before);

    private static int CountOf(PoolShape shape, IReadOnlyCollection<DiskId> disks) => shape.Members.Count(disks.Contains);
}
