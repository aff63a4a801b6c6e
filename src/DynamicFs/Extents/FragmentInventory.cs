using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>Says which fragments are where, without reading their data. Thread-safe.</summary>
internal sealed class FragmentInventory(MemberSet members, FragmentReader fragments)
{
    /// <summary>The fragments of a group by their names on one disk; null when the disk is not there or does not answer.</summary>
    public IReadOnlySet<(ExtentId Extent, int Index)>? List(int diskIndex, ulong group)
    {
        if (members.Find(diskIndex) is not { IsReadable: true } member)
            return null;
        var found = new HashSet<(ExtentId Extent, int Index)>();
        try
        {
            foreach (DiskEntry entry in member.Disk!.List(FragmentName.GroupDirectory(group)))
            {
                if (entry.Kind != DiskEntryKind.Directory && FragmentName.TryParse(entry.Name, out ExtentId extent, out int index) && FragmentName.GroupOf(extent) == group)
                    found.Add((extent, index));
            }
        }
        catch (DiskException e) when (e.Errno == Errno.ENOENT)
        {
            return found;
        }
        catch (DiskException e)
        {
            member.ReportFailure(e, isWrite: false);
            return null;
        }

        return found;
    }

    /// <summary>One verdict per fragment: Good when the header is what the record says. Damage is not reported; the caller knows what to do about it.</summary>
    public FragmentVerdict[] Look(ExtentRecord record)
    {
        var layout = new ExtentLayout(record.Scheme, record.LengthBytes);
        var verdicts = new FragmentVerdict[layout.Width];
        for (int i = 0; i < verdicts.Length; i++)
            verdicts[i] = ExtentVerifier.VerdictOf(fragments.LookAtHeader(record, layout, i));
        return verdicts;
    }
}
