using DynamicFs.Admin;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Interop;
using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Microsoft.Win32.SafeHandles;

namespace DynamicFs;

/// <summary>What has to hold before the members of a pool change. Nothing here writes.</summary>
public sealed partial class Pool
{
    /// <summary>The real path of a directory that can become a disk.</summary>
    private string CheckNewDisk(DiskAddOrder order)
    {
        if (_members.Count >= RootFormat.MaxMembers)
            throw new PoolException(ErrorId.Usage, $"a pool has had {RootFormat.MaxMembers} disks at most, and that many were in this one. Nothing was changed");
        LinuxDisk.RemoveCutOff(order.Path, Id, CurrentMembers.Select(m => m.Id).ToHashSet());
        (string real, ulong device) = PoolCreation.CheckPath(order.Path, order.AllowNonEmpty);
        foreach (MemberDisk member in CurrentMembers.Where(m => m.IsPresent))
        {
            if (MountTable.IsWithin(real, member.Name) || MountTable.IsWithin(member.Name, real))
                throw new PoolException(ErrorId.Usage, $"disks {member.Name} and {real} lie in one another. Nothing was changed");
            if (!order.AllowSameDevice && PoolWatch.SpaceOf(member)?.DeviceNumber == device)
                throw new PoolException(ErrorId.SameDevice, $"disks {member.Name} and {real} are on one device, whose failure takes both; --allow-same-device for a demonstration. Nothing was changed");
        }

        return real;
    }

    /// <summary>Without these, every extent must still have as many disks as it has fragments, and all that they hold must fit on the others.</summary>
    private void CheckFits(IReadOnlyCollection<MemberDisk> leaving)
    {
        CheckWidth(leaving);
        long bytes = DiskUsage().Disks.Where(usage => leaving.Any(m => m.Index == usage.Index)).Sum(usage => usage.Bytes);
        long room = 0;
        foreach (IGrouping<ulong, DiskSpace> device in CurrentMembers.Where(m => m.IsWritable && !leaving.Contains(m)).Select(PoolWatch.SpaceOf).OfType<DiskSpace>().GroupBy(s => s.DeviceNumber))
            room += Math.Max(0, device.First().AvailableBytes - (FreeSpace.ReserveBytes(device.First().TotalBytes) / 2));
        if (bytes > room)
        {
            throw new PoolException(ErrorId.NoSpace,
                $"{bytes >> 20} MiB would have to move to other disks, which have room for {room >> 20} MiB: add a disk first ('dynfs disk add {Name} PATH'). Nothing was changed");
        }
    }

    private void CheckWidth(IReadOnlyCollection<MemberDisk> leaving)
    {
        RedundancyScheme scheme = Shape.DefaultScheme;
        int widest = scheme.Width;
        int healthy = CurrentMembers.Count(m => m.IsWritable && !leaving.Contains(m));
        if (healthy < widest)
        {
            throw new PoolException(ErrorId.DiskNeeded,
                $"the policy {scheme} needs {widest} healthy disks and {healthy} would be left: add one first ('dynfs disk add {Name} PATH'), or use 'dynfs disk replace'. Nothing was changed");
        }
    }

    /// <summary>A disk that takes over must not be so small that what the old one held has no room.</summary>
    private void CheckRoomFor(MemberDisk old, string path)
    {
        long bytes = DiskUsage().Disks.Where(usage => usage.Index == old.Index).Sum(usage => usage.Bytes);
        Errno errno = Libc.Open(path, OpenFlags.Path | OpenFlags.Directory, out SafeFileHandle? directory);
        FileSystemStatus space = default;
        using (directory)
        {
            if (errno == Errno.None)
                errno = Libc.Space(directory!, out space);
        }

        long room = space.AvailableBytes - (FreeSpace.ReserveBytes(space.TotalBytes) / 2);
        if (errno != Errno.None || bytes > room)
            throw new PoolException(ErrorId.NoSpace, $"disk {old.Name} holds {bytes >> 20} MiB and {path} has room for {Math.Max(0, room) >> 20} MiB. Nothing was changed");
    }

    private void CheckPresent(MemberDisk member, string why)
    {
        if (!member.IsPresent)
            throw new PoolException(ErrorId.DiskState, $"disk {member.Name} is not there: {why}. Nothing was changed");
    }
}
