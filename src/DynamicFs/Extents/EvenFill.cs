namespace DynamicFs.Extents;

/// <summary>Free bytes of one device and how many members of the pool lie on it (normally one).</summary>
internal readonly record struct DeviceRoom(long FreeBytes, int MemberCount);

/// <summary>
/// How far a set of unequal disks can be filled when every extent takes equal pieces on <c>width</c> distinct ones: the largest T with
/// sum(min(free, members x T)) >= width x T. T bytes per piece can be written in all, and a disk with free space f takes part in min(1, f / T)
/// of the extents; choosing with that probability empties all disks at the same time.
/// </summary>
internal static class EvenFill
{
    /// <summary>T; 0 when there are fewer members than <paramref name="width"/>. Reorders <paramref name="devices"/>.</summary>
    public static double Level(Span<DeviceRoom> devices, int width)
    {
        double free = 0;
        int members = 0;
        foreach (DeviceRoom device in devices)
        {
            free += device.FreeBytes;
            members += device.MemberCount;
        }

        if (width <= 0 || members < width)
            return 0;

        // The roomiest devices take part in every extent, so each narrows the problem by its members.
        devices.Sort(static (a, b) => PerMember(b).CompareTo(PerMember(a)));
        int left = width;
        foreach (DeviceRoom device in devices)
        {
            double level = free / left;
            if (PerMember(device) <= level)
                return level;
            free -= device.FreeBytes;
            left -= device.MemberCount;
        }

        return 0;
    }

    private static double PerMember(DeviceRoom device) => (double)device.FreeBytes / device.MemberCount;
}
