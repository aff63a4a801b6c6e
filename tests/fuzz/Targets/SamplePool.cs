using DynamicFs.CrashTests;
using DynamicFs.CrashTests.Simulation;
using DynamicFs.Files;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.Fuzz.Targets;

/// <summary>A small pool in memory with some of everything in it.</summary>
internal static class SamplePool
{
    public static readonly PoolId Id = new(new Guid(7, 8, 9, [1, 2, 3, 4, 5, 6, 7, 8]));

    public static EnginePool Make(out SimulatedWorld world)
    {
        world = new SimulatedWorld(1);
        return EnginePool.Create(Id, RecordedRun.Disks(world), RedundancyScheme.Replica(1));
    }

    /// <summary>Files, directories, links and attributes, committed several times.</summary>
    public static EnginePool MakeFilled(out SimulatedWorld world)
    {
        EnginePool pool = Make(out world);
        var workload = new Workload(3, pool.Files);
        for (int i = 0; i < 4; i++)
        {
            workload.Run(100);
            pool.Files.SyncAll();
        }

        return pool;
    }

    /// <summary>Every page that a kept root reaches.</summary>
    public static unsafe List<(PagePointer Pointer, byte[] Bytes)> Pages()
    {
        using EnginePool pool = MakeFilled(out _);
        var pages = new List<(PagePointer, byte[])>();
        using var walker = new PageWalker(
            (in PagePointer pointer, byte* page) =>
            {
                pool.Metadata.Files.Read(pointer, page);
                pages.Add((pointer, new ReadOnlySpan<byte>(page, PageFormat.PageBytes).ToArray()));
                return true;
            },
            problem => throw new FuzzException(problem));
        foreach (Root root in pool.Metadata.KeptRoots)
            walker.Walk(root);
        return pages;
    }
}
