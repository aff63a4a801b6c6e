using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>A look at the root ring of one disk before the pool is opened: only to learn who the members are. Every trouble counts as nothing found; opening judges it.</summary>
internal static class RootPeek
{
    public static Root? Newest(IDisk disk, PoolId pool)
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
            if (RootFormat.Decode(pool, bytes.AsSpan(slot * RootFormat.SlotBytes), slot, out Root? root) == RootSlotState.Valid && !(root!.Generation < newest?.Generation))
                newest = root;
        }

        return newest;
    }
}
