using System.Diagnostics;
using DynamicFs.Admin;
using DynamicFs.Disks;
using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging;

namespace DynamicFs;

/// <summary>
/// The member disks of a pool, found, locked and judged: enough of them for the policy, or read-only because the operator said so. Owns them until the
/// pool takes over.
/// </summary>
internal sealed partial class PoolMembers : IDisposable
{
    /// <summary>Calls that one disk is given at the same time.</summary>
    internal const int QueueThreads = 4;

    private static readonly TimeSpan s_diskPoll = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_lockPoll = TimeSpan.FromMilliseconds(50);

    private PoolMembers(PoolDisks found)
    {
        (Pool, Name) = (found.Pool, found.Name);
        Warnings.AddRange(found.Notes);
        if (found.Members.Select(found.Find).FirstOrDefault(d => d?.Label.Features.NeedsReadOnly == true) is { } newer)
            ReadOnlyReason = $"disk {newer.Path} has a feature that this dynfs may only read";
        Labels = [.. found.Members.Select(found.Find).OfType<FoundDisk>().Select(disk => disk.Label)];
        var disks = new List<MemberDisk>();
        for (int index = 0; index < found.Members.Count; index++)
            disks.Add(Member(index, found));
        Disks = new MemberTable(disks);
        Watchdog = new DiskWatchdog(() => Disks, FaultSeam.Watchdog);
    }

    public PoolId Pool { get; }
    public string Name { get; }
    public MemberTable Disks { get; }
    public List<string> Warnings { get; } = [];

    /// <summary>Sees to it that no call to these disks is waited for without end.</summary>
    public DiskWatchdog Watchdog { get; }

    /// <summary>The labels of the disks that are there.</summary>
    public IReadOnlyList<DiskLabel> Labels { get; }

    /// <summary>Disks whose filesystem is mounted read-only.</summary>
    public HashSet<DiskId> ReadOnlyDisks { get; } = [];

    /// <summary>Why the pool must not be written although it was not asked for; null when it may.</summary>
    public string? ReadOnlyReason { get; private set; }

    /// <summary>
    /// Waits for disks as asked, locks all that are there, and checks that they are enough. Throws <see cref="PoolException"/>: NotFound,
    /// NameAmbiguous, DiskDuplicate, MissingDisks, Locking; then nothing is held and nothing was changed.
    /// </summary>
    public static PoolMembers Lock(PoolOpening opening, PoolRegistry registry, ILogger log)
    {
        PoolDisks found = Await(opening, registry, log);
        var waited = Stopwatch.StartNew();
        while (!TryLockAll(found, out string? holder))
        {
            found.Dispose();
            if (waited.Elapsed > opening.WaitLock)
                throw Locked(found, holder!, registry);
            Thread.Sleep(s_lockPoll);
            found = PoolDisks.Find(opening.Source, registry);
        }

        using (found)
        {
            string? reason = CheckCount(found, opening);
            var members = new PoolMembers(found);
            members.ReadOnlyReason = reason ?? members.ReadOnlyReason;
            if (opening.Revive is { } revived && DiskName.Find(members.Disks, revived) is [{ IsPresent: true } disk])
                disk.SetState(DiskState.Healthy);
            members.Judge(found, opening.Administer);
            return members;
        }
    }

    public void Dispose()
    {
        foreach (MemberDisk member in Disks)
            member.Dispose();
        Watchdog.Dispose();
    }

    private static PoolDisks Await(PoolOpening opening, PoolRegistry registry, ILogger log)
    {
        var waited = Stopwatch.StartNew();
        bool wasSaid = false;
        while (true)
        {
            TimeSpan left = opening.WaitDisks - waited.Elapsed;
            try
            {
                PoolDisks found = PoolDisks.Find(opening.Source, registry);
                if (found.IsComplete || left <= TimeSpan.Zero)
                    return found;
                if (!wasSaid)
                    LogWaiting(log, found.Name, found.MissingText, (long)left.TotalSeconds);
                wasSaid = true;
                found.Dispose();
            }
            catch (PoolException e) when (left > TimeSpan.Zero && (e.Id == ErrorId.MissingDisks || e.Id == ErrorId.NotFound || e.Id == ErrorId.DiskPathInvalid))
            {
                // The one disk that was named may be late too.
            }

            Thread.Sleep(s_diskPoll);
        }
    }

    private static bool TryLockAll(PoolDisks found, out string? holder)
    {
        holder = null;
        foreach (DiskId id in found.Members)
        {
            if (found.Find(id) is not { } disk || disk.Disk.TryLock())
                continue;
            holder = disk.Path;
            return false;
        }

        return true;
    }

    private static PoolException Locked(PoolDisks found, string path, PoolRegistry registry)
    {
        LiveMount? mount = new LiveMounts(registry.State).Find(found.Pool);
        return new PoolException(ErrorId.Locking, mount is not null
            ? $"pool {found.Name} is in use: mounted on {mount.MountPoint} by process {mount.ProcessId}; 'dynfs umount {mount.MountPoint}' ends it. Nothing was changed"
            : $"pool {found.Name} is in use: another process holds the lock of {path} ('fuser -v {path}/.dynfs/lock' shows which). Nothing was changed");
    }

    /// <summary>Null when there are enough disks to write; a reason when the operator accepted fewer.</summary>
    private static string? CheckCount(PoolDisks found, PoolOpening opening)
    {
        int memberCount = found.Members.Count(id => id.Value != Guid.Empty);
        int missing = memberCount - found.PresentCount;
        if (missing <= found.Scheme.Tolerance)
            return null;
        string what = $"{missing} of {memberCount} disks are missing, the policy {found.Scheme} survives {found.Scheme.Tolerance}";
        if (opening.Degraded)
            return what;
        string notes = found.Notes.Count == 0 ? "" : $" ({string.Join("; ", found.Notes)})";
        throw new PoolException(ErrorId.MissingDisks,
            $"pool {found.Name}: {what}. Missing: {found.MissingText}{notes}. Nothing was changed. Bring them back (--wait-disks 60s waits for late ones), "
            + "or look at what is left with --degraded (read-only)");
    }

    private static MemberDisk Member(int index, PoolDisks found)
    {
        DiskId id = found.Members[index];
        if (id.Value == Guid.Empty)
            return MemberDisk.Gap(index);
        string path = found.PathOf(id);
        return found.Take(id) is { } disk
            ? new MemberDisk(
                index, id, disk.Path, new PatientDisk(FaultSeam.Wrap(disk.Disk)), disk.Label.Health, new DiskQueue(disk.Path, QueueThreads), limits: FaultSeam.Ladder)
            : new MemberDisk(index, id, path, null, DiskState.Healthy, new DiskQueue(path, threads: 0));
    }

    /// <summary>A disk on a read-only filesystem takes no fragments; with too few others nothing can be committed.</summary>
    private void Judge(PoolDisks found, bool isForAdministration)
    {
        foreach (MemberDisk member in Disks)
        {
            if (member.Disk is { } disk && member.State == DiskState.Healthy && disk.Space().IsReadOnly)
            {
                member.SetState(DiskState.Degraded);
                ReadOnlyDisks.Add(member.Id);
                Warnings.Add($"disk {member.Name}: its filesystem is read-only; it serves reads only. Mount it read-write and mount the pool again");
            }
        }

        int writable = Disks.Count(m => isForAdministration ? m.IsReadable : m.IsWritable);
        int needed = RootQuorum.Required(new PoolShape(found.Members, found.Scheme, []));
        if (writable < needed)
            ReadOnlyReason ??= $"only {writable} of {Disks.Count} disks can be written, {needed} are needed";
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "pool {Pool}: waiting for {Missing}, {Seconds} s at most")]
    private static partial void LogWaiting(ILogger log, string pool, string missing, long seconds);
}
