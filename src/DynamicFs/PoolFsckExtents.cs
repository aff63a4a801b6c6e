using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Primitives;

namespace DynamicFs;

/// <summary>
/// Checks the extents of a root: reads every block of every fragment, parity too, and counts what each extent can still lose. Live extents only: dead ones
/// that wait for old roots hold nothing that the newest root needs.
/// </summary>
/// <param name="store">Reads the fragments.</param>
/// <param name="catalog">The extents of the root.</param>
/// <param name="corrupt">Told kind, target and text of metadata that contradicts itself.</param>
/// <param name="lost">Told of extents that cannot be read any more.</param>
/// <param name="badCopy">Told of fragments that are bad or gone.</param>
internal sealed class PoolFsckExtents(
    ExtentStore store, ExtentCatalog catalog, Action<string, string, string> corrupt, Action<string, string, string> lost, Action<string, string, string> badCopy)
{
    private readonly Dictionary<ExtentId, int> _sliceEnds = [];
    private readonly Dictionary<ExtentId, long> _liveBytes = [];

    /// <summary>Where the slices of each extent end.</summary>
    public IReadOnlyDictionary<ExtentId, int> SliceEnds => _sliceEnds;

    public RedundancyCount Count { get; } = new();
    public long FragmentCount { get; private set; }
    public long GoodCount { get; private set; }
    public long MissingCount { get; private set; }
    public long CorruptCount { get; private set; }

    /// <param name="nextExtent">The first id that was not given out.</param>
    public void ReadCatalog(ulong nextExtent)
        => catalog.ForEach(default, (record, live) =>
        {
            _sliceEnds[record.Id] = record.DirectoryOffset;
            _liveBytes[record.Id] = live;
            if (record.Id.Value >= nextExtent)
                corrupt("extent", $"extent {record.Id}", $"its number was not given out yet (the next is {nextExtent})");
            return true;
        });

    /// <summary>Compares the live bytes that are kept with those that the files have, and their sum with the one in the root.</summary>
    public void CheckAccounts(IReadOnlyDictionary<ExtentId, long> found, long usedBytes)
    {
        if (_liveBytes.Values.Sum() is var sum && sum != usedBytes)
            corrupt("accounting", "root", $"the accounts of all extents add up to {sum} bytes, the root says {usedBytes}");
        foreach ((ExtentId extent, long live) in _liveBytes)
        {
            long mapped = found.GetValueOrDefault(extent);
            if (mapped != live)
                corrupt("accounting", $"extent {extent}", $"files have {mapped} bytes of it, its account says {live}");
        }
    }

    /// <param name="readData">False counts places only and reads nothing.</param>
    public void CheckFragments(bool readData, Func<int, bool> isReadable)
    {
        foreach ((ExtentId extent, long live) in _liveBytes)
        {
            if (live > 0 && catalog.Find(extent) is { } record)
                CheckFragments(record, readData ? store.Verify(record) : Places(record, isReadable));
        }
    }

    private static FragmentVerdict[] Places(ExtentRecord record, Func<int, bool> isReadable) => [.. record.Fragments.Select(place =>
        !place.IsPlaced ? FragmentVerdict.Unplaced : isReadable(place.DiskIndex) ? FragmentVerdict.Good : FragmentVerdict.DiskMissing)];

    private void CheckFragments(ExtentRecord record, FragmentVerdict[] verdicts)
    {
        FragmentCount += verdicts.Length;
        int good = 0;
        for (int i = 0; i < verdicts.Length; i++)
        {
            switch (verdicts[i])
            {
                case FragmentVerdict.Good:
                    good++;
                    break;
                case FragmentVerdict.Corrupt:
                    CorruptCount++;
                    Report(record, i, "is corrupt");
                    break;
                case FragmentVerdict.Missing:
                    MissingCount++;
                    Report(record, i, "is gone from its disk");
                    break;
                default:
                    MissingCount++;
                    break;
            }
        }

        GoodCount += good;
        if (Count.Add(record.Scheme, good) < 0)
            lost("extent", $"extent {record.Id}", $"{good} good fragments of {record.Scheme} are left, {record.Scheme.DataCount} are needed: {_liveBytes[record.Id]} bytes of files are lost");
    }

    private void Report(ExtentRecord record, int index, string what)
        => badCopy("fragment", $"extent {record.Id} fragment {index}", $"{what} (disk {record.Fragments[index].DiskIndex}, {FragmentName.File(record.Id, index)})");
}
