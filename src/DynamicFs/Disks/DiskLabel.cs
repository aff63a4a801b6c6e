using DynamicFs.Primitives;

namespace DynamicFs.Disks;

/// <summary>
/// The identity of a disk and its place in a pool, as <c>disk.json</c> keeps it on the disk itself. Immutable; a change of health writes a new one over
/// the old one, atomically.
/// </summary>
public sealed record DiskLabel
{
    /// <summary>Most members that a pool can have.</summary>
    public const int MaxMembers = 1024;

    /// <summary>Longest pool name and disk label, in characters.</summary>
    public const int MaxNameLength = 255;

    public required DiskId Id { get; init; }
    public required PoolId Pool { get; init; }
    public required string PoolName { get; init; }

    /// <summary>What the operator calls the disk.</summary>
    public required string Name { get; init; }

    /// <summary>The disk's place in <see cref="Members"/>; stable for life.</summary>
    public required int Index { get; init; }

    /// <summary>All members of the pool, in order, when the label was written; the empty id where one has left. The root record has the valid list; this one finds the others.</summary>
    public required IReadOnlyList<DiskId> Members { get; init; }

    /// <summary>The default policy at creation; the root record has the valid one.</summary>
    public required RedundancyScheme Scheme { get; init; }

    public required DateTimeOffset Created { get; init; }
    public required DiskHealth Health { get; init; }
    public DiskFeatures Features { get; init; } = DiskFeatures.None;

    /// <summary>Why the label makes no sense; null when it does. Checked before each write and after each read.</summary>
    internal string? Problem()
    {
        if (Members.Count is 0 or > MaxMembers)
            return $"{Members.Count} members";
        if (Index < 0 || Index >= Members.Count)
            return $"member index {Index} of {Members.Count}";
        if (Members[Index] != Id)
            return $"another disk, {Members[Index]}, at member index {Index}";
        DiskId[] present = [.. Members.Where(id => id.Value != Guid.Empty)];
        if (present.Distinct().Count() != present.Length)
            return "the same member twice";
        if (Id.Value == Guid.Empty || Pool.Value == Guid.Empty)
            return "an empty id";
        if (!Scheme.IsValid)
            return "an invalid policy";
        return NameProblem("pool name", PoolName) ?? NameProblem("label", Name);
    }

    private static string? NameProblem(string what, string name)
    {
        bool isGood = name.Length is > 0 and <= MaxNameLength && !name.Contains('/') && !name.Any(char.IsControl);
        return isGood ? null : $"a {what} that is empty, too long or has a '/' or control characters";
    }
}

/// <summary>
/// Names of the format's features beyond version 1. Who does not know one may: use the disk all the same (<paramref name="Compatible"/>), only read it
/// (<paramref name="ReadOnlyCompatible"/>), not use it at all (<paramref name="Incompatible"/>).
/// </summary>
public sealed record DiskFeatures(IReadOnlyList<string> Compatible, IReadOnlyList<string> ReadOnlyCompatible, IReadOnlyList<string> Incompatible)
{
    public static readonly DiskFeatures None = new([], [], []);

    /// <summary>The features that this build knows; none so far.</summary>
    private static readonly HashSet<string> s_known = [];

    /// <summary>True when the pool may only be mounted read-only by this build.</summary>
    public bool NeedsReadOnly => ReadOnlyCompatible.Any(feature => !s_known.Contains(feature));

    internal IEnumerable<string> UnknownIncompatible => Incompatible.Where(feature => !s_known.Contains(feature));
}
