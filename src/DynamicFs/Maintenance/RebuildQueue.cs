using DynamicFs.Primitives;

namespace DynamicFs.Maintenance;

/// <summary>
/// Extents that lack fragments, those that can lose least first. Bounded: when it is full the rest is found by another scan. One thread.
/// </summary>
internal sealed class RebuildQueue
{
    public const int Capacity = 1 << 18;

    /// <summary>Good fragments on disks that are to be left come last: nothing is at risk.</summary>
    private const int LeavingLevel = RedundancyScheme.MaxWidth + 1;

    private readonly Queue<ExtentId>[] _levels = [.. Enumerable.Range(0, LeavingLevel + 1).Select(_ => new Queue<ExtentId>())];

    public int Count { get; private set; }

    /// <summary>Something found no room since the last <see cref="Clear"/>.</summary>
    public bool HasOverflowed { get; private set; }

    public void Add(ExtentId extent, in FragmentNeeds needs)
    {
        if (Count == Capacity)
        {
            HasOverflowed = true;
            return;
        }

        int level = (needs.Lost | needs.Away) == 0 ? LeavingLevel : Math.Clamp(needs.Spare, 0, LeavingLevel - 1);
        _levels[level].Enqueue(extent);
        Count++;
    }

    public bool TryTake(out ExtentId extent)
    {
        foreach (Queue<ExtentId> level in _levels)
        {
            if (level.TryDequeue(out extent))
            {
                Count--;
                return true;
            }
        }

        extent = default;
        return false;
    }

    public void Clear()
    {
        foreach (Queue<ExtentId> level in _levels)
            level.Clear();
        (Count, HasOverflowed) = (0, false);
    }
}
