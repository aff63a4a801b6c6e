using DynamicFs.Disks;

namespace DynamicFs.Extents;

/// <summary>The members of the pool by the index that extent records name; indexes of members that left are gaps.</summary>
internal sealed class MemberSet
{
    private readonly MemberDisk?[] _byIndex;

    public MemberSet(IReadOnlyList<MemberDisk> members)
    {
        All = members;
        _byIndex = new MemberDisk?[members.Count == 0 ? 0 : members.Max(member => member.Index) + 1];
        foreach (MemberDisk member in members)
            _byIndex[member.Index] = member;
    }

    public IReadOnlyList<MemberDisk> All { get; }

    public MemberDisk? Find(int index) => (uint)index < (uint)_byIndex.Length ? _byIndex[index] : null;

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
