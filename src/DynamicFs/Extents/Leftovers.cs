using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>Finds and removes what a crash left on the disks: everything in <c>tmp</c>, and fragments of extents that were never committed.</summary>
internal sealed class Leftovers(MemberSet members)
{
    /// <summary>
    /// Removes fragment files of extents from <paramref name="firstUncommitted"/> on that <paramref name="isNeeded"/> (called on this thread, with extent, fragment and
    /// disk) does not want. A name that is not ours is left alone. Returns how many files went.
    /// </summary>
    public int Remove(ExtentId firstUncommitted, Func<ExtentId, int, int, bool> isNeeded)
    {
        List<MemberDisk> disks = [.. members.All.Where(member => member.IsReadable)];
        var found = new Dictionary<int, List<(ExtentId Extent, int Index, string Path)>>();
        foreach (MemberDisk disk in disks)
            found.Add(disk.Index, []);
        DiskRound.Run(disks, isWrite: false, member => Find(member.Disk!, firstUncommitted, found[member.Index]));

        foreach ((int disk, List<(ExtentId Extent, int Index, string Path)> files) in found)
            files.RemoveAll(file => file.Extent != ExtentId.None && isNeeded(file.Extent, file.Index, disk));

        int removedCount = 0;
        DiskRound.Run(disks, isWrite: true, member =>
        {
            foreach ((_, _, string path) in found[member.Index])
            {
                member.Disk!.Unlink(path);
                KillPoint.Reach("mount-in-leftovers");
                Interlocked.Increment(ref removedCount);
            }

            // A name that came back would be below the counter of the next root, where nobody looks.
            foreach (string directory in found[member.Index].Select(file => file.Path[..file.Path.LastIndexOf('/')]).Distinct())
                member.Disk!.SyncDirectory(directory);
        });
        return removedCount;
    }

    /// <summary>Adds what may have to go; what is in tmp without an extent, because it goes in any case.</summary>
    private static void Find(IDisk disk, ExtentId firstUncommitted, List<(ExtentId Extent, int Index, string Path)> found)
    {
        foreach (DiskEntry entry in disk.List(FragmentName.TemporaryDirectory))
        {
            if (entry.Kind != DiskEntryKind.Directory)
                found.Add((ExtentId.None, -1, $"{FragmentName.TemporaryDirectory}/{entry.Name}"));
        }

        foreach (DiskEntry entry in disk.List(FragmentName.FragmentsDirectory))
        {
            if (entry.Kind != DiskEntryKind.Directory || !FragmentName.TryParseGroup(entry.Name, out ulong group) || group < FragmentName.GroupOf(firstUncommitted))
                continue;
            string directory = FragmentName.GroupDirectory(group);
            foreach (DiskEntry file in disk.List(directory))
            {
                if (file.Kind != DiskEntryKind.Directory && FragmentName.TryParse(file.Name, out ExtentId extent, out int index) && extent.CompareTo(firstUncommitted) >= 0)
                    found.Add((extent, index, $"{directory}/{file.Name}"));
            }
        }
    }
}
