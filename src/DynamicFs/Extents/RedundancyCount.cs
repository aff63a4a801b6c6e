using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>Extents by how much they can still lose. <see cref="MinimumSpare"/> is that of the worst readable extent; large when there is none.</summary>
public sealed class RedundancyCount
{
    private int _minimumSpare = RedundancyScheme.MaxWidth;

    public long Extents { get; private set; }
    public long Full { get; private set; }
    public long Degraded { get; private set; }
    public long NoSpare { get; private set; }
    public long Lost { get; private set; }
    public int MinimumSpare => _minimumSpare;

    /// <summary>Counts an extent with so many good fragments; returns how many more it can lose, below 0 when it is lost.</summary>
    public int Add(RedundancyScheme scheme, int goodFragments)
    {
        int spare = goodFragments - scheme.DataCount;
        Extents++;
        if (spare < 0)
            Lost++;
        else if (goodFragments >= scheme.Width)
            Full++;
        else if (spare == 0)
            NoSpare++;
        else
            Degraded++;
        if (spare >= 0)
            _minimumSpare = Math.Min(_minimumSpare, spare);
        return spare;
    }
}
