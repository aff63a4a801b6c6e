using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Primitives;

namespace DynamicFs.Maintenance;

/// <summary>What losing some disks would mean, from the pool tree alone.</summary>
internal sealed record LossForecast(RedundancyCount Count, IReadOnlySet<ExtentId> Lost, long BytesToProtect)
{
    public static LossForecast Of(MaintenanceParts parts, IReadOnlySet<int> failing)
    {
        var count = new RedundancyCount();
        var lost = new HashSet<ExtentId>();
        long bytes = 0;
        bool IsGood(FragmentPlace place) => place.IsPlaced && !failing.Contains(place.DiskIndex) && parts.Members[place.DiskIndex].IsReadable;
        parts.Catalog.ForEach(ExtentId.None, (record, live) =>
        {
            if (live == 0)
                return true;
            int good = record.Fragments.Count(IsGood);
            if (count.Add(record.Scheme, good) < 0)
                lost.Add(record.Id);
            else
                bytes += (long)(record.Scheme.Width - good) * new ExtentLayout(record.Scheme, record.LengthBytes).FragmentBytes;
            return true;
        });
        return new LossForecast(count, lost, bytes);
    }
}
