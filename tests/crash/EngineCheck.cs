using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Maintenance;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.CrashTests;

/// <summary>What <c>dynfs fsck</c> checks, on an engine that is open and has just committed; and that nothing leaks.</summary>
internal static class EngineCheck
{
    public enum Scope
    {
        /// <summary>Everything can be read from some copy.</summary>
        Readable,

        /// <summary>Every fragment is good.</summary>
        Healed,

        /// <summary>No disk was ever away or damaged: every copy is right, and nothing is left over on any disk.</summary>
        Whole,
    }

    /// <param name="engine">With nothing uncommitted.</param>
    /// <param name="scope">What may be asked of these disks.</param>
    /// <param name="readData">Reads every block of every fragment.</param>
    /// <param name="mayHaveOrphans">Fragments changed their disks: a power cut may have left files to the collection of orphans, which has to find all of them.</param>
    public static List<string> Run(EnginePool engine, Scope scope, bool readData, bool mayHaveOrphans = false)
    {
        var problems = new List<string>();
        RootRecord root = engine.Metadata.Root;
        if (scope == Scope.Whole)
            engine.Metadata.Verify(problem => problems.Add($"pages: {problem}"));
        void Say(string kind, string target, string message) => problems.Add($"{kind} {target}: {message}");
        void SayIfHealed(string kind, string target, string message)
        {
            if (scope != Scope.Readable)
                Say(kind, target, message);
        }

        var extents = new PoolFsckExtents(engine.Extents, engine.Files.Catalog, Say, Say, SayIfHealed);
        extents.ReadCatalog(root.Counters.NextExtent);
        var names = new PoolFsckNamespace(engine.Metadata.Namespace, extents.SliceEnds, root.Counters, (target, message) => Say("namespace", target, message));
        names.Run();
        extents.CheckAccounts(names.LiveBytes, root.Counters.UsedBytes);
        if (readData)
            extents.CheckFragments(readData: true, index => engine.Members[index].IsReadable);
        if (names.OrphanCount > 0)
            problems.Add($"{names.OrphanCount} orphans although nothing is open");
        foreach (ExtentId extent in names.LiveBytes.Keys)
        {
            if (engine.Files.Catalog.Find(extent) is null)
                problems.Add($"extent {extent} has bytes of files but no record");
        }

        if (scope == Scope.Whole)
            CheckLeftovers(engine, problems, mayHaveOrphans ? engine.Orphans.Detect() : []);
        return problems;
    }

    /// <summary>Nothing in tmp, and no fragment that nothing refers to but these orphans.</summary>
    public static void CheckLeftovers(EnginePool engine, List<string> problems, IReadOnlyCollection<Orphan> orphans)
    {
        HashSet<(int Disk, string Path)> known = [.. orphans.Select(orphan => (orphan.File.Disk.Index, orphan.File.Path))];
        known.UnionWith(engine.Files.Catalog.ParkedFragments(new Generation(ulong.MaxValue), int.MaxValue).Select(parked => (parked.DiskIndex, FragmentName.File(parked.Extent, parked.Index))));
        engine.Files.Catalog.ForEach(default, (record, _) =>
        {
            for (int i = 0; i < record.Fragments.Length; i++)
                known.Add((record.Fragments[i].DiskIndex, FragmentName.File(record.Id, i)));
            return true;
        });
        foreach (MemberDisk member in engine.Members.Where(member => member.IsReadable))
        {
            foreach (DiskEntry entry in member.Disk!.List(DiskLayout.Temporary))
                problems.Add($"{member.Name}: {entry.Name} was left in tmp");
            foreach (DiskEntry group in member.Disk.List(DiskLayout.Fragments))
            {
                foreach (DiskEntry file in member.Disk.List($"{DiskLayout.Fragments}/{group.Name}"))
                {
                    if (!known.Contains((member.Index, $"{DiskLayout.Fragments}/{group.Name}/{file.Name}")))
                        problems.Add($"{member.Name}: fragment {file.Name} belongs to no extent");
                }
            }
        }
    }
}
