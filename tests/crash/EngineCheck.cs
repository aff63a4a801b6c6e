using DynamicFs.Disks;
using DynamicFs.Extents;
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
    public static List<string> Run(EnginePool engine, Scope scope, bool readData)
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
            CheckLeftovers(engine, problems);
        return problems;
    }

    private static void CheckLeftovers(EnginePool engine, List<string> problems)
    {
        var known = new HashSet<(int Disk, string Path)>();
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
