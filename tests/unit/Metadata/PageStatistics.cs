using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.UnitTests.Metadata;

/// <summary>How full the pages of the committed namespace tree are.</summary>
internal sealed unsafe class PageStatistics
{
    private readonly List<double> _fills = [];

    public int LeafCount { get; private set; }
    public double AverageLeafFill { get; private set; }

    /// <summary>Over all pages but the root.</summary>
    public double LowestFill => _fills.Min();

    public static PageStatistics Of(MetadataStore store)
    {
        var statistics = new PageStatistics();
        Root root = store.KeptRoots[0];
        using var walker = new PageWalker(
            (in PagePointer pointer, byte* page) =>
            {
                store.Files.Read(pointer, page);
                if (pointer != root.Namespace && PageFormat.Tree(page) == TreeId.Namespace)
                    statistics.Add(page);
                return true;
            },
            problem => throw new InvariantException(problem));
        walker.Walk(root);
        statistics.AverageLeafFill /= Math.Max(1, statistics.LeafCount);
        return statistics;
    }

    private void Add(byte* page)
    {
        double fill = (double)TreePage.UsedBytes(page) / PageFormat.BodyBytes;
        _fills.Add(fill);
        if (PageFormat.Level(page) > 0)
            return;
        LeafCount++;
        AverageLeafFill += fill;
    }
}
