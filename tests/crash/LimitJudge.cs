using System.Text;
using DynamicFs.CrashTests.Simulation;
using DynamicFs.Disks;
using DynamicFs.Files;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.CrashTests;

/// <summary>
/// What holds at the edges of the promise: disks that are all older than what this host has seen are refused; every kept root can be gone back to; and a disk that
/// was away is no copy of the metadata before it has been made one again. For states in which nothing else is wrong.
/// </summary>
internal static class LimitJudge
{
    /// <summary>Bytes at the start of each half of the journal that workloads of a campaign use.</summary>
    private const int JournalBytes = 1 << 20;

    /// <summary>Enough for several pages.</summary>
    private const int ManyNames = 100;

    private static readonly Caller s_caller = new(0, 0, 1);

    /// <summary>What is wrong with a state whose only damage is one of these, or null.</summary>
    public static string? Judge(RecordedRun run, long sequence, SimulatedWorld world, in Damage damage)
    {
        var random = new Random(damage.Seed);
        return damage.Kind switch
        {
            DamageKind.AllOld => OlderThanSeen(run, sequence, random),
            DamageKind.GoneBack => KeptRoot(run, sequence, world, random),
            _ => DiskThatWasAway(run, world, random),
        };
    }

    private static string? OlderThanSeen(RecordedRun run, long sequence, Random random)
    {
        Generation seen = run.NewestSeen(sequence);
        long older = run.FirstSequence + random.NextInt64(Math.Max(1, sequence - run.FirstSequence));
        try
        {
            using EnginePool engine = run.Open(WorldAt(run, older), isReadOnly: true, newestSeen: seen);
            Generation found = engine.Metadata.Root.Generation;
            return found >= seen ? null : $"generation {found} is mounted although this host has seen {seen}";
        }
        catch (PoolException e) when (e.Id == ErrorId.RollBack)
        {
            return null;
        }
    }

    private static string? KeptRoot(RecordedRun run, long sequence, SimulatedWorld world, Random random)
    {
        Generation chosen;
        using (EnginePool newest = run.Open(world, isReadOnly: true))
        {
            IReadOnlyList<RootListing> roots = newest.Metadata.ListRoots();
            chosen = roots[random.Next(roots.Count)].Root.Generation;
        }

        for (int disk = 0; disk < world.DiskCount; disk++)
            ForgetAfter(world.Open(disk), chosen);
        using EnginePool engine = run.Open(world, isReadOnly: true);
        if (engine.Metadata.Root.Generation != chosen)
            return $"generation {engine.Metadata.Root.Generation} is mounted instead of {chosen}";
        string tree = FileSystemReader.Describe(engine.Files);
        if (run.FindState(ModelFileSystem.Digest(tree), run.FirstSequence, sequence) < 0)
            return $"the tree of kept generation {chosen} is no state of the model:\n{tree}";
        List<string> problems = [];
        var extents = new PoolFsckExtents(engine.Extents, engine.Files.Catalog, Say, Say, Say);
        extents.ReadCatalog(ulong.MaxValue);
        extents.CheckFragments(readData: true, static _ => true);
        return problems.Count == 0 ? null : $"generation {chosen} is kept, but not whole: {string.Join("; ", problems.Take(4))}";
        void Say(string kind, string target, string message) => problems.Add($"{kind} {target}: {message}");
    }

    /// <summary>Takes the roots after a generation off the ring, and the journal.</summary>
    private static void ForgetAfter(SimulatedDisk disk, Generation kept)
    {
        HashSet<string> files = [.. disk.Image.FilePaths()];
        if (!files.Contains(RootRings.FileName))
            return;
        using (IDiskFile roots = disk.Open(RootRings.FileName, DiskOpenMode.ReadWrite))
        {
            byte[] slot = new byte[RootFormat.SlotBytes];
            for (int i = 0; i < RootFormat.SlotCount; i++)
            {
                if (!TryRead(roots, i * RootFormat.SlotBytes, slot) || BitConverter.ToUInt64(slot, RootFormat.GenerationOffset) > kept.Value)
                    roots.Write(i * RootFormat.SlotBytes, new byte[RootFormat.SlotBytes]);
            }
        }

        if (!files.Contains(Journal.FileName))
            return;
        using IDiskFile journal = disk.Open(Journal.FileName, DiskOpenMode.ReadWrite);
        byte[] zeros = new byte[JournalBytes];
        journal.Write(0, zeros);
        journal.Write(JournalFormat.HalfBytes, zeros);
    }

    /// <summary>The slot that was being written may be unreadable.</summary>
    private static bool TryRead(IDiskFile file, long offset, byte[] bytes)
    {
        try
        {
            file.Read(offset, bytes);
            return true;
        }
        catch (DiskException)
        {
            return false;
        }
    }

    /// <summary>
    /// A disk is away for some commits and comes back. After one more commit all metadata disks but that one may be lost, as many as the policy survives: only names are
    /// made meanwhile, so no data hangs on the disk.
    /// </summary>
    private static string? DiskThatWasAway(RecordedRun run, SimulatedWorld world, Random random)
    {
        int away;
        using (EnginePool engine = run.Open(world))
        {
            Require(engine.Files.SyncAll());
            IReadOnlyList<int> disks = engine.Metadata.Root.Shape.MetadataDisks;
            away = disks[random.Next(disks.Count)];
        }

        // The pages of a large directory are made while the disk is away and not touched any more.
        MakeNames(run, world, [away], "without", ManyNames);
        int[] others = MakeNames(run, world, [], "with", names: 0);
        int[] lost = [.. Enumerable.Range(0, world.DiskCount).Where(disk => disk != away).OrderBy(disk => others.Contains(disk) ? 0 : 1).ThenBy(_ => random.Next()).Take(run.Plan.Scheme.Tolerance)];
        string before, after;
        using (EnginePool engine = run.Open(world, isReadOnly: true))
            before = FileSystemReader.Describe(engine.Files);
        using (EnginePool engine = run.Open(world, lost, isReadOnly: true))
            after = FileSystemReader.Describe(engine.Files);
        return before == after ? null : $"without disks {string.Join('+', lost)}, after disk {away} was away and came back, the tree is\n{after}\nand not\n{before}";
    }

    /// <summary>Some commits with few new names, the first with a directory that has many. Returns the metadata disks.</summary>
    private static int[] MakeNames(RecordedRun run, SimulatedWorld world, IReadOnlyCollection<int> missing, string name, int names)
    {
        using EnginePool engine = run.Open(world, missing);
        if (engine.Files.IsReadOnly)
            return [];
        for (int i = 0; i < 3; i++)
        {
            Errno made = engine.Files.MakeDirectory(s_caller, InodeNumber.Root, Encoding.ASCII.GetBytes($"{name}-{i}"), 0x1ED, out Attributes directory);
            for (int k = 0; i == 0 && made == Errno.None && k < names; k++)
                Require(engine.Files.MakeDirectory(s_caller, directory.Inode, Encoding.ASCII.GetBytes($"{k:d3}-{new string('n', 200)}"), 0x1ED, out _));
            Require(engine.Files.SyncAll());
        }

        return [.. engine.Metadata.Root.Shape.MetadataDisks];
    }

    private static void Require(Errno errno)
    {
        if (errno != Errno.None)
            throw new InvalidOperationException($"a commit answers {errno}");
    }

    private static SimulatedWorld WorldAt(RecordedRun run, long sequence)
    {
        CrashPoint point = run.World.CrashPointAt(sequence);
        return point.Build(CrashSelection.All(point));
    }
}
