using System.Numerics;
using DynamicFs.Disks;
using DynamicFs.Extents;

namespace DynamicFs.Maintenance;

/// <summary>
/// What an extent lacks. Bit i stands for fragment i: <paramref name="Lost"/> has to be computed anew, <paramref name="Leaving"/> is good but on a disk that is
/// to be left (DEGRADED or DRAINING), <paramref name="Away"/> is on a disk that is not there and may come back.
/// </summary>
/// <param name="Spare">How many more fragments it can lose; below 0 it cannot be read.</param>
internal readonly record struct FragmentNeeds(uint Lost, uint Leaving, uint Away, int Spare)
{
    public bool IsNone => (Lost | Leaving | Away) == 0;

    /// <summary>By the state of the disks alone, and what <paramref name="isThere"/> says of a fragment on a disk that can be read.</summary>
    public static FragmentNeeds Of(ExtentRecord record, IReadOnlyList<MemberDisk> members, Func<int, int, bool> isThere)
    {
        (uint lost, uint leaving, uint away) = (0, 0, 0);
        for (int i = 0; i < record.Fragments.Length; i++)
        {
            FragmentPlace place = record.Fragments[i];
            MemberDisk? member = place.IsPlaced && place.DiskIndex < members.Count ? members[place.DiskIndex] : null;
            if (member is { IsPresent: false, State: not DiskState.Failed })
                away |= 1u << i;
            else if (member is not { IsReadable: true } || !isThere(place.DiskIndex, i))
                lost |= 1u << i;
            else if (member.State is DiskState.Degraded or DiskState.Draining)
                leaving |= 1u << i;
        }

        int good = record.Fragments.Length - BitOperations.PopCount(lost | away);
        return new FragmentNeeds(lost, leaving, away, good - record.Scheme.DataCount);
    }
}
