using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>Which root a pool is opened at, and every reason to refuse: never silently an older one than some disk or the registry has seen.</summary>
internal static unsafe class RootChoice
{
    public static Root Newest(
        IReadOnlyList<RingContent> rings, RootHistory history, IReadOnlyList<MemberDisk> members, Generation newestSeen, MetadataOptions options, MetadataProblems problems)
    {
        if (rings.FirstOrDefault(ring => ring.HasUnknown) is { } unknown)
            throw new PoolException(ErrorId.Format, $"disk {unknown.Member.Name} has a root record of a newer format; use a newer dynfs");
        if (history.NewestFirst.Count == 0)
            throw NoRoot(members, problems);
        Root newest = history.NewestFirst[0];
        history.CheckForks(newest, problems);
        int readable = rings.Count(ring => ring.IsReadable);
        int required = RootQuorum.RingsToMount(newest.Public.Shape);
        if (readable < required && !options.ReadOnly && !Canary.Is("mount-quorum-ignored"))
        {
            throw new PoolException(
                ErrorId.MissingDisks,
                $"the root rings of {readable} disks can be read, {required} are needed to know the newest commit ({Missing(members)}); bring them back, or mount with --degraded to read only");
        }

        if (newestSeen > newest.Generation && !Canary.Is("newest-seen-ignored"))
        {
            throw new PoolException(
                ErrorId.RollBack,
                $"this host has seen generation {newestSeen}, but the newest on the present disks is {newest.Generation}: mounting now would lose up to "
                + $"{newestSeen.Value - newest.Generation.Value} commits ({Missing(members)}). Bring the missing disks back and mount again");
        }

        return newest;
    }

    /// <summary>A disk that says it is a member which it is not, by the newest root, is not used.</summary>
    public static void ExcludeForeign(Root newest, IReadOnlyList<MemberDisk> members, MetadataProblems problems)
    {
        IReadOnlyList<DiskId> ids = newest.Public.Shape.Members;
        foreach (MemberDisk member in members.Where(member => member.IsReadable && (member.Index >= ids.Count || ids[member.Index] != member.Id)))
        {
            problems.Report($"disk {member.Name} ({member.Id}) is not member {member.Index} of the pool by its newest root; it is not used");
            member.SetState(DiskState.Failed);
        }
    }

    /// <summary>Loads what every mount needs of the newest root. When that fails: RollBack if a metadata disk is away, Corrupt if all are there.</summary>
    public static SpaceMap Load(Root newest, RootHistory history, IReadOnlyList<MemberDisk> members, PageFiles files)
    {
        try
        {
            return LoadTop(newest, files);
        }
        catch (PoolException e)
        {
            Root? older = history.NewestFirst.FirstOrDefault(root => root != newest && Verdict(root, files) is null);
            string lost = older is null
                ? "no older one on these disks can be loaded either"
                : $"only generation {older.Generation} can be loaded, which would lose up to {newest.Generation.Value - older.Generation.Value} commits";
            string[] away = [.. newest.Public.Shape.MetadataDisks.Where(index => index >= members.Count || !members[index].IsReadable)
                .Select(index => index < members.Count ? members[index].Name : $"{index}")];
            string holder = history.HoldersOf(newest)[0].Name;
            if (away.Length == 0)
                throw new PoolException(ErrorId.Corrupt, $"disk {holder} knows generation {newest.Generation}, but its metadata does not read right on any disk: {e.Message}; {lost}", e);
            throw new PoolException(
                ErrorId.RollBack,
                $"disk {holder} knows generation {newest.Generation}, but its metadata cannot be loaded without {string.Join(", ", away)}: {lost}. Bring these disks back and mount again",
                e);
        }
    }

    /// <summary>What is wrong with the top pages of a root, or null.</summary>
    public static string? Verdict(Root root, PageFiles files)
    {
        try
        {
            LoadTop(root, files);
            return null;
        }
        catch (PoolException e)
        {
            return e.Message;
        }
    }

    private static SpaceMap LoadTop(Root root, PageFiles files)
    {
        using var buffer = new NativeBuffer(PageFormat.PageBytes);
        CheckTree(files, root.Namespace, TreeId.Namespace, buffer);
        CheckTree(files, root.Pool, TreeId.Pool, buffer);
        return SpaceMap.Load(files, root.SpaceMap);
    }

    private static void CheckTree(PageFiles files, PagePointer pointer, TreeId tree, NativeBuffer buffer)
    {
        files.Read(pointer, buffer.Pointer);
        TreeId found = PageFormat.Tree(buffer.Pointer);
        if (found != tree)
            throw new PoolException(ErrorId.Corrupt, $"{pointer} is the root of the {tree} tree, but belongs to the {found} tree");
    }

    private static PoolException NoRoot(IReadOnlyList<MemberDisk> members, MetadataProblems problems)
    {
        string details = problems.Texts.Count == 0 ? "all rings are empty" : string.Join("; ", problems.Texts);
        return new PoolException(ErrorId.NoRoot, $"no valid root record on any present disk ({Missing(members)}): {details}");
    }

    private static string Missing(IReadOnlyList<MemberDisk> members)
    {
        string[] names = [.. members.Where(member => !member.IsReadable && !member.HasLeft).Select(member => member.Name)];
        return names.Length == 0 ? "no disk is missing" : $"missing: {string.Join(", ", names)}";
    }
}
