using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>A file below <c>fragments</c> or in <c>quarantine</c>: where it is, how long, and what its name says. Extent None: the name is not ours.</summary>
internal readonly record struct FoundFragment(MemberDisk Disk, string Path, ExtentId Extent, int Index, DateTimeOffset Since);

/// <summary>Lists what lies on a disk, whoever put it there, and takes files out of use. Throws <see cref="DiskException"/>: who cannot see everything must not judge.</summary>
internal static class FragmentSurvey
{
    public static List<FoundFragment> Fragments(MemberDisk disk)
    {
        var found = new List<FoundFragment>();
        foreach (DiskEntry group in disk.Disk!.List(DiskLayout.Fragments))
        {
            if (group.Kind != DiskEntryKind.Directory)
            {
                found.Add(new FoundFragment(disk, $"{DiskLayout.Fragments}/{group.Name}", ExtentId.None, -1, default));
                continue;
            }

            string directory = $"{DiskLayout.Fragments}/{group.Name}";
            foreach (DiskEntry entry in disk.Disk.List(directory))
            {
                bool isOurs = FragmentName.TryParse(entry.Name, out ExtentId extent, out int index) && FragmentName.File(extent, index) == $"{directory}/{entry.Name}";
                found.Add(new FoundFragment(disk, $"{directory}/{entry.Name}", isOurs ? extent : ExtentId.None, isOurs ? index : -1, default));
            }
        }

        return found;
    }

    /// <summary>What is in the quarantine; names that are not ours are left out.</summary>
    public static List<FoundFragment> Quarantined(MemberDisk disk)
    {
        var found = new List<FoundFragment>();
        foreach (DiskEntry entry in disk.Disk!.List(DiskLayout.Quarantine))
        {
            if (entry.Kind == DiskEntryKind.File && FragmentQuarantine.TryParse(entry.Name, out ExtentId extent, out int index, out DateTimeOffset since))
                found.Add(new FoundFragment(disk, $"{DiskLayout.Quarantine}/{entry.Name}", extent, index, since));
        }

        return found;
    }

    public static long SizeOf(in FoundFragment file)
    {
        try
        {
            using IDiskFile opened = file.Disk.Disk!.Open(file.Path, DiskOpenMode.Read);
            return opened.LengthBytes;
        }
        catch (DiskException)
        {
            return 0;
        }
    }

    /// <summary>Renames a fragment file into the quarantine; both directories are durable on return.</summary>
    public static string Quarantine(in FoundFragment file, DateTimeOffset time)
    {
        string path = FragmentQuarantine.PathOf(file.Extent, file.Index, time);
        file.Disk.Disk!.Rename(file.Path, path);
        file.Disk.Disk.SyncDirectory(DiskLayout.Quarantine);
        file.Disk.Disk.SyncDirectory(FragmentName.GroupDirectory(FragmentName.GroupOf(file.Extent)));
        return path;
    }
}
