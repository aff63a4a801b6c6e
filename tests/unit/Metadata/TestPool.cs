using DynamicFs.Disks;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.UnitTests.Metadata;

/// <summary>A pool of memory disks with a metadata store on it, to be closed, crashed and opened again.</summary>
internal sealed class TestPool : IDisposable
{
    private readonly DiskId[] _ids;

    public TestPool(int diskCount = 3, RedundancyScheme? scheme = null, MetadataOptions? options = null)
        : this([.. Enumerable.Range(0, diskCount).Select(i => new MemoryDisk($"d{i}"))], PoolId.New(), [.. Enumerable.Range(0, diskCount).Select(_ => DiskId.New())], scheme, options)
    {
        PoolShape shape = new(_ids, Scheme, [.. Enumerable.Range(0, Math.Min(diskCount, Scheme.Tolerance + 1))]);
        Members = MakeMembers([]);
        Store = MetadataStore.Create(Id, Members, shape, Options);
    }

    private TestPool(MemoryDisk[] disks, PoolId id, DiskId[] ids, RedundancyScheme? scheme, MetadataOptions? options)
    {
        (Disks, Id, _ids) = (disks, id, ids);
        Scheme = scheme ?? RedundancyScheme.DefaultFor(disks.Length);
        Options = options ?? new MetadataOptions(CacheBytes: 4 << 20);
        Members = [];
    }

    public MemoryDisk[] Disks { get; }
    public PoolId Id { get; }
    public RedundancyScheme Scheme { get; }
    public MetadataOptions Options { get; set; }
    public MemberDisk[] Members { get; private set; }
    public MetadataStore Store { get; private set; } = null!;
    public Tree Tree => Store.Namespace;
    public static RootCounters Counters => new(10, 20, 30, 40);

    public RootRecord Commit(int keptRoots = 16) => Store.Commit(Store.Freeze(Counters), keptRoots);

    /// <summary>Closes the store without a commit and opens it from the disks, without those in <paramref name="missing"/>.</summary>
    public MetadataStore Reopen(params int[] missing) => Reopen(Generation.None, missing);

    public MetadataStore Reopen(Generation newestSeen, int[] missing)
    {
        Store?.Dispose();
        Members = MakeMembers(missing);
        return Store = MetadataStore.Open(Id, Members, newestSeen, Options);
    }

    /// <summary>The pool as a power cut at this moment would leave it; not open yet.</summary>
    public TestPool Crashed(Func<bool> survives) =>
        new([.. Disks.Select(disk => disk.Crash(survives))], Id, _ids, Scheme, Options with { });

    public void Dispose() => Store?.Dispose();

    private MemberDisk[] MakeMembers(int[] missing) =>
        [.. Disks.Select((disk, i) => new MemberDisk(
            i, _ids[i], disk.Name, missing.Contains(i) ? null : disk, missing.Contains(i) ? DiskState.Failed : DiskState.Healthy, new DiskQueue(disk.Name, 0)))];
}

internal static class Problems
{
    /// <summary>What Verify says of a store.</summary>
    public static List<string> Of(MetadataStore store)
    {
        var found = new List<string>();
        store.Verify(found.Add);
        return found;
    }
}
