using System.Collections;
using DynamicFs.Primitives;

namespace DynamicFs.Disks;

/// <summary>
/// The members of an open pool, each at its index. Disks can be added at the end, and what stands at an index can be replaced: by the same disk attached anew, or detached, or by the
/// gap that a member leaves for good. Everybody who holds the table sees the change; who enumerates it sees one moment of it. Changed by one thread at a time.
/// </summary>
public sealed class MemberTable : IReadOnlyList<MemberDisk>
{
    private volatile MemberDisk[] _members;

    public MemberTable(IEnumerable<MemberDisk> members) => _members = [.. members];

    public int Count => _members.Length;

    public MemberDisk this[int index] => _members[index];

    /// <summary>Puts a disk at its index: the next free one, or in place of what is there, which is the caller's to dispose.</summary>
    public MemberDisk? Put(MemberDisk member)
    {
        MemberDisk[] members = _members;
        Invariant.Check(member.Index >= 0 && member.Index <= members.Length, "members have no holes between them");
        if (member.Index == members.Length)
        {
            _members = [.. members, member];
            return null;
        }

        MemberDisk before = members[member.Index];
        MemberDisk[] next = [.. members];
        next[member.Index] = member;
        _members = next;
        return before;
    }

    public IEnumerator<MemberDisk> GetEnumerator() => ((IEnumerable<MemberDisk>)_members).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
