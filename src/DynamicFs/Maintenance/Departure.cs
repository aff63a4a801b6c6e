using DynamicFs.Files;
using DynamicFs.Primitives;

namespace DynamicFs.Maintenance;

/// <summary>What still stands in the way of a disk that is to leave the pool for good.</summary>
internal static class Departure
{
    private const int MaxReclaims = 4;

    /// <summary>Extents that name the disk.</summary>
    public static long References(ExtentCatalog catalog, int disk, bool onlyLive)
    {
        long count = 0;
        catalog.ForEach(ExtentId.None, (record, live) =>
        {
            if ((live > 0 || !onlyLive) && Array.Exists(record.Fragments, place => place.IsPlaced && place.DiskIndex == disk))
                count++;
            return true;
        });
        return count;
    }

    /// <summary>Extents that name the disk when the kept roots were given up for whose sake alone dead ones do.</summary>
    public static long ReferencesAfterReclaim(FileSystem files, int disk)
    {
        long references = References(files.Catalog, disk, onlyLive: false);
        for (int i = 0; i < MaxReclaims && references > 0 && References(files.Catalog, disk, onlyLive: true) == 0; i++)
        {
            files.Commits.Reclaim();
            references = References(files.Catalog, disk, onlyLive: false);
        }

        return references;
    }
}
