using System.Numerics;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>
/// What restoring fragments of one extent came to. The new fragments are in their places; their names are durable only after
/// <see cref="ExtentStore.SyncRestored"/>.
/// </summary>
/// <param name="Before">The record that was restored.</param>
/// <param name="After">The record that names the new places; the same object when no place and no checksum changed.</param>
/// <param name="Wanted">Bit i: fragment i was to be written.</param>
/// <param name="Written">Bit i: fragment i is in its place now.</param>
/// <param name="Problem">Why a wanted fragment has not been written; null when all were.</param>
internal sealed record RestoredExtent(ExtentRecord Before, ExtentRecord After, uint Wanted, uint Written, string? Problem)
{
    public int WrittenCount => BitOperations.PopCount(Written);

    /// <summary>True when the pool tree must learn of it.</summary>
    public bool ChangesRecord => !ReferenceEquals(Before, After);

    /// <summary>The same without the fragments on disks whose directories could not be synced: where these are is as it was before.</summary>
    public RestoredExtent Without(IReadOnlySet<int> failedDisks)
    {
        FragmentPlace[] places = [.. After.Fragments];
        uint written = Written;
        for (int i = 0; i < places.Length; i++)
        {
            if ((Written >> i & 1) == 0 || !failedDisks.Contains(places[i].DiskIndex))
                continue;
            places[i] = Before.Fragments[i];
            written &= ~(1u << i);
        }

        if (written == Written)
            return this;
        ExtentRecord after = places.AsSpan().SequenceEqual(Before.Fragments) ? Before : After with { Fragments = places };
        return this with { After = after, Written = written, Problem = Problem ?? "the directory of a new fragment could not be synced" };
    }
}
