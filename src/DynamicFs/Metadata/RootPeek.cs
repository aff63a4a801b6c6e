using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>A look at the root ring of one disk before the pool is opened: only to learn who the members are. Every trouble counts as nothing found; opening judges it.</summary>
internal static class RootPeek
{
    /// <summary>
    /// The newest record on any of the disks. Among several of one generation the one with the fewest members: a disk that joined gets its record first, and may be the only one that has it when
    /// the power goes; the others, who miss nobody, then go on under the same number.
    /// </summary>
    public static Root? Newest(IEnumerable<IDisk> disks, PoolId pool) =>
        disks.Select(disk => Newest(disk, pool)).OfType<Root>().OrderByDescending(root => root.Generation).ThenBy(root => root.Public.Shape.MemberCount).FirstOrDefault();

    private static Root? Newest(IDisk disk, PoolId pool)
    {
        var bytes = new byte[RootFormat.FileBytes];
        int length;
        try
        {
            using IDiskFile file = disk.Open(RootRings.FileName, DiskOpenMode.Read);
            length = file.Read(0, bytes);
        }
        catch (DiskException)
        {
            return null;
        }

        Root? newest = null;
        for (int slot = 0; (slot + 1) * RootFormat.SlotBytes <= length; slot++)
        {
            if (RootFormat.Decode(pool, bytes.AsSpan(slot * RootFormat.SlotBytes), slot, out Root? root, out _) == RootSlotState.Valid && !(root!.Generation < newest?.Generation))
                newest = root;
        }

        return newest;
    }
}
