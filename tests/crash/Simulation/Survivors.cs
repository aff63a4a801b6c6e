using System.Collections.Immutable;

namespace DynamicFs.CrashTests.Simulation;

/// <summary>Builds what one disk looks like after a power cut, from its image and the fate of each pending operation.</summary>
internal static class Survivors
{
    public static DiskImage Build(DiskImage image, IReadOnlyList<PendingOperation> pending, CrashSelection selection, int first, int end)
    {
        if (image.PendingEntries is null && image.DirtyFiles.IsEmpty)
            return image;
        ImmutableDictionary<int, Inode>.Builder inodes = image.Inodes.ToBuilder();
        HashSet<int> changed = [.. image.DirtyFiles];
        SettleFiles(image, inodes, pending, selection, first, end);
        SettleNames(image, inodes, pending, selection, first, end, changed);
        long growthBytes = changed.Sum(number => SpaceOf(inodes, number) - SpaceOf(image.Inodes, number));
        return image with { Inodes = inodes.ToImmutable(), PendingEntries = null, DirtyFiles = [], UsedBytes = image.UsedBytes + growthBytes };
    }

    private static long SpaceOf(IReadOnlyDictionary<int, Inode> inodes, int number) =>
        inodes.TryGetValue(number, out Inode? inode) && inode is FileInode { LiveNames: > 0 } file ? DiskImage.SpaceOf(file.Live.LengthBytes) : 0;

    private static void SettleFiles(
        DiskImage image, ImmutableDictionary<int, Inode>.Builder inodes, IReadOnlyList<PendingOperation> pending, CrashSelection selection,
        int first, int end)
    {
        Dictionary<int, FileSurvivors> survivors = [];
        HashSet<int> changed = [];
        for (int i = first; i < end; i++)
        {
            if (pending[i].Change is { } change && selection[i] != Survival.Kept)
                changed.Add(pending[i].Inode);
        }

        for (int i = first; i < end; i++)
        {
            if (pending[i].Change is not { } change)
                continue;
            FileInode file = image.File(pending[i].Inode);
            // Where all of a file survives, it is what programs saw.
            if (!file.IsDiverged && !changed.Contains(pending[i].Inode))
                continue;
            if (!survivors.TryGetValue(pending[i].Inode, out FileSurvivors? building))
                survivors.Add(pending[i].Inode, building = new FileSurvivors(file));
            if (pending[i].Part == PendingPart.Length)
                building.ApplyLength(change, selection[i]);
            else
                building.ApplyData(change, selection[i]);
        }

        foreach (int number in image.DirtyFiles)
        {
            FileInode file = image.File(number);
            ImmutableHashSet<long> badSectors = file.BadSectors;
            BlockMap content = file.IsDiverged ? file.Durable : file.Live;
            if (survivors.TryGetValue(number, out FileSurvivors? built))
                content = built.Build(out badSectors);
            inodes[number] = file with { Live = content, Durable = content, Pending = null, IsDiverged = false, BadSectors = badSectors };
        }
    }

    private static void SettleNames(
        DiskImage image, ImmutableDictionary<int, Inode>.Builder inodes, IReadOnlyList<PendingOperation> pending, CrashSelection selection,
        int first, int end, HashSet<int> mentioned)
    {
        EntryChange[] changes = image.PendingEntries.ToArray();
        foreach (EntrySetting setting in changes.SelectMany(change => change.Settings))
        {
            var directory = (DirectoryInode)inodes[setting.Directory];
            inodes[setting.Directory] = directory with { Live = directory.Durable };
        }

        HashSet<(int, string)> lost = [];
        for (int i = first; i < end; i++)
        {
            if (pending[i].Entries is not { } change)
                continue;
            bool isKept = selection[i].Kind == SurvivalKind.Kept && !change.Settings.Any(s => lost.Contains((s.Directory, s.Name)));
            foreach (EntrySetting setting in change.Settings)
            {
                if (isKept)
                    Apply(inodes, setting, mentioned);
                else
                    lost.Add((setting.Directory, setting.Name));
                mentioned.Add(setting.Inode);
                mentioned.Add(DurableInode(image, setting));
            }
        }

        foreach (int number in mentioned)
        {
            // No hard links: what is on the medium is what programs see.
            if (inodes.TryGetValue(number, out Inode? inode))
                inodes[number] = inode with { LiveNames = inode.DurableNames };
        }
    }

    private static void Apply(ImmutableDictionary<int, Inode>.Builder inodes, EntrySetting setting, HashSet<int> mentioned)
    {
        var directory = (DirectoryInode)inodes[setting.Directory];
        if (directory.Durable.TryGetValue(setting.Name, out int old))
        {
            inodes[old] = inodes[old] with { DurableNames = inodes[old].DurableNames - 1 };
            mentioned.Add(old);
            directory = (DirectoryInode)inodes[setting.Directory];
        }

        ImmutableDictionary<string, int> entries = ImageNames.Set(directory.Durable, setting);
        inodes[setting.Directory] = directory with { Live = entries, Durable = entries };
        if (setting.Inode != 0)
            inodes[setting.Inode] = inodes[setting.Inode] with { DurableNames = inodes[setting.Inode].DurableNames + 1 };
    }

    /// <summary>What durably has the name that the setting is about: it may come back to life when the setting is lost.</summary>
    private static int DurableInode(DiskImage image, EntrySetting setting) =>
        ((DirectoryInode)image.Inodes[setting.Directory]).Durable.GetValueOrDefault(setting.Name);
}
