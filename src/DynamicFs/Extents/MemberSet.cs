using DynamicFs.Disks;

namespace DynamicFs.Extents;

/// <summary>The members of the pool by the index that extent records name; indexes of members that left are gaps.</summary>
internal sealed class MemberSet
{
    public MemberSet(IReadOnlyList<MemberDisk> members) => All = members;

    public IReadOnlyList<MemberDisk> All { get; }

    /// <summary>Members stand at their index; only a set that is not a whole pool has to be searched.</summary>
    public MemberDisk? Find(int index)
    {
        if ((uint)index < (uint)All.Count && All[index] is { } member && member.Index == index)
            return member;
        for (int i = 0; i < All.Count; i++)
        {
            if (All[i].Index == index)
                return All[i];
        }

        return null;
    }

    /// <summary>The disk of a fragment when it can be read; says why not otherwise.</summary>
    public MemberDisk? Readable(FragmentPlace place, out FragmentDamageKind reason)
    {
        MemberDisk? member = Find(place.DiskIndex);
        reason = !place.IsPlaced ? FragmentDamageKind.Unplaced
            : member is not { IsReadable: true } ? FragmentDamageKind.DiskMissing
            : FragmentDamageKind.None;
        return reason == FragmentDamageKind.None ? member : null;
    }
}
