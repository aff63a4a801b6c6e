using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>
/// Keeps the metadata on as many HEALTHY disks as the pool's policy asks for (one more than the failures it survives). A new metadata disk gets fresh files
/// with every page that a kept root reaches, each verified on the way, before it counts. For the commit thread, between page writes.
/// </summary>
internal sealed unsafe class MirrorElection(
    IReadOnlyList<MemberDisk> members, PageFiles files, PageAllocator allocator, MetadataOptions options, MetadataProblems problems)
{
    /// <summary>Up to this size the pages are copied inside a commit.</summary>
    public const long CommitCopyLimitBytes = 256L << 20;

    /// <summary>How many HEALTHY metadata disks are missing, as far as there are disks for them.</summary>
    public int MissingCount(PoolShape shape) => Math.Min(TargetOf(shape) - HealthyCount, Candidates().Count);

    private int HealthyCount => files.Current.Count(mirror => mirror.Member.IsWritable);

    /// <summary>Gives up metadata disks that are not used any more and elects others. Never fails: a disk that cannot take the copy is passed over.</summary>
    public void Run(PoolShape shape, IReadOnlyList<Root> keptRoots, bool mayCopyMuch)
    {
        foreach (Mirror mirror in files.Current.Where(mirror => !mirror.Member.IsReadable).ToArray())
            mirror.GiveUp();
        int target = TargetOf(shape);
        if (HealthyCount < target && (mayCopyMuch || allocator.UsedCount * PageFormat.PageBytes < CommitCopyLimitBytes))
            Elect(target, keptRoots);
        if (HealthyCount >= target)
        {
            foreach (Mirror mirror in files.Current.Where(mirror => !mirror.Member.IsWritable).ToArray())
                mirror.GiveUp();
        }
    }

    private void Elect(int target, IReadOnlyList<Root> keptRoots)
    {
        foreach (MemberDisk candidate in Candidates())
        {
            if (HealthyCount >= target)
                return;
            try
            {
                files.Add(MirrorFiles.MakeAnew(candidate, options, file => CopyPages(file, keptRoots)));
                problems.Report($"disk {candidate.Name} is a metadata disk from now on");
            }
            catch (DiskException e)
            {
                candidate.ReportFailure(e, isWrite: true);
                problems.Report($"disk {candidate.Name} could not be made a metadata disk: {e.Message}");
            }
        }
    }

    private static int TargetOf(PoolShape shape) => Math.Min(shape.DefaultScheme.Tolerance + 1, shape.MemberCount);

    /// <summary>HEALTHY disks that are no metadata disks, most free space first.</summary>
    private List<MemberDisk> Candidates()
    {
        var current = files.Current.Select(mirror => mirror.Member).ToHashSet();
        return [.. members.Where(member => member.IsWritable && !current.Contains(member)).OrderByDescending(FreeBytes).ThenBy(member => member.Index)];
    }

    private static long FreeBytes(MemberDisk member)
    {
        try
        {
            return member.Disk!.Space().AvailableBytes;
        }
        catch (DiskException e)
        {
            member.ReportFailure(e, isWrite: false);
            return -1;
        }
    }

    private void CopyPages(IDiskFile file, IReadOnlyList<Root> keptRoots)
    {
        file.Allocate(0, allocator.CapacityPages * PageFormat.PageBytes);
        using var walker = new PageWalker(
            (in PagePointer pointer, byte* page) =>
            {
                // A page that no disk has right cannot be copied, and was reported; the new disk is as good as the others then.
                if (!files.TryReadReported(pointer, page))
                    return false;
                file.Write((long)pointer.Number * PageFormat.PageBytes, new ReadOnlySpan<byte>(page, PageFormat.PageBytes));
                return true;
            },
            problems.Report);
        foreach (Root root in keptRoots)
            walker.Walk(root);
    }
}
