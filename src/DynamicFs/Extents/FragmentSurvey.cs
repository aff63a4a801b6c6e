using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>A file below <c>fragments</c> or in <c>quarantine</c>: where it is, how long, and what its name says. Extent None: the name is not ours.</summary>
internal readonly record struct FoundFragment(MemberDisk Disk, string Path, ExtentId Extent, int Index, DateTimeOffset Since);

/// <summary>Lists what lies on a disk, whoever put it there, and takes files out of use. Throws <see cref="DiskException"/>: who cannot see everything must not judge.</summary>
internal static class FragmentSurvey
{
    /// <summary>The files of one directory below <c>fragments</c>.</summary>
    public static List<FoundFragment> Fragments(MemberDisk disk, string group)
    {
        var found = new List<FoundFragment>();
        string directory = $"{DiskLayout.Fragments}/{group}";
        foreach (DiskEntry entry in disk.Disk!.List(directory))
        {
            bool isOurs = FragmentName.TryParse(entry.Name, out ExtentId extent, out int index) && FragmentName.File(extent, index) == $"{directory}/{entry.Name}";
            found.Add(new FoundFragment(disk, $"{directory}/{entry.Name}", isOurs ? extent : ExtentId.None, isOurs ? index : -1, default));
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

    /// <summary>Renames a fragment file into the quarantine; the caller syncs both directories.</summary>
    public static string Quarantine(in FoundFragment file, DateTimeOffset time)
    {
        string path = FragmentQuarantine.PathOf(file.Extent, file.Index, time);
        file.Disk.Disk!.Rename(file.Path, path);
        return path;
    }
}
