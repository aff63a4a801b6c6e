using DynamicFs.Admin;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Interop;
using DynamicFs.Maintenance;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs;

/// <summary>
/// Disks that join, leave, go away for a while and come back, while the pool is open. Every check comes before the first write.
/// </summary>
/// <remarks>
/// A disk joins in this order: its directory and its label (which names all members and itself); the registry and the labels of the others, so that a later mount looks for it; the
/// commit whose root names it, which counts only when enough of the old members and enough of the new ones have it. A crash before the commit leaves a directory that no root names, which
/// <c>disk add</c> makes anew. A disk leaves by the commit whose root has an empty id at its index, when no extent names it any more; after that its directory is renamed. Indexes are never used again.
/// </remarks>
public sealed partial class Pool
{
    /// <summary>How a disk's health says that another took over; it leaves by itself when it is empty.</summary>
    internal const string ReplacedBy = "being replaced by ";

    /// <summary>One change of the members at a time.</summary>
    private readonly Lock _membership = new();

    /// <summary>Adds an empty directory as a new disk.</summary>
    public DiskChangeReport AddDisk(DiskAddOrder order)
    {
        lock (_membership)
        {
            CheckChangeable("no disk can be added");
            string path = CheckNewDisk(order);
            MemberDisk added = Join(path, order);
            return Changed("disk add", added, DiskState.Healthy, "new data goes there too; what is on the other disks stays where it is", []);
        }
    }

    /// <summary>Marks a disk for being emptied; the rebuild worker moves its fragments. Refused when they do not fit elsewhere or the policy would not hold.</summary>
    public DiskChangeReport DrainDisk(DiskOrder order)
    {
        lock (_membership)
        {
            CheckChangeable("no disk can be drained");
            MemberDisk member = FindDisk(order.Disk);
            if (order.Cancel)
                return CancelDrain(member, order);
            CheckPresent(member, "it has nothing to move; 'dynfs disk remove' takes it out when the pool has rebuilt what it held");
            if (!order.Force)
                CheckFits([member]);
            return Put(member, DiskState.Draining, order.Reason ?? "ordered to be emptied", order.Who, "disk drain");
        }
    }

    /// <summary>
    /// Takes a disk out of the pool for good. Refused as long as an extent names it, or when the policy could not be kept without it. Forced, a disk that cannot be read any more may
    /// leave before everything is rebuilt: its places are given up, which takes nothing from any file that could be read.
    /// </summary>
    public DiskChangeReport RemoveDisk(DiskOrder order)
    {
        lock (_membership)
        {
            CheckChangeable("no disk can be removed");
            MemberDisk member = FindDisk(order.Disk);
            if (member is { IsPresent: true, State: DiskState.Healthy or DiskState.Suspect })
                throw new PoolException(ErrorId.DiskState, $"disk {member.Name} is {DiskStateName.Of(member.State)}: empty it first with 'dynfs disk drain {Name} {member.Index}'. Nothing was changed");
            CheckWidth([member]);
            int givenUp = order.Force && !member.IsReadable ? GiveUpPlaces(member) : 0;
            DiskChangeReport report = Leave(member);
            return givenUp == 0 ? report : report with { Warnings = [$"{givenUp} extents had a fragment on it that could not be rebuilt: 'dynfs scrub {Name}' names the files that cannot be read whole", .. report.Warnings] };
        }
    }

    /// <summary>Adds a disk that takes over from another, which is emptied (or rebuilt elsewhere) and then leaves by itself.</summary>
    public DiskChangeReport ReplaceDisk(DiskAddOrder order)
    {
        lock (_membership)
        {
            CheckChangeable("no disk can be replaced");
            MemberDisk old = FindDisk(order.Replaces ?? "");
            if (old is { IsPresent: true, State: DiskState.Healthy } && !order.EvenIfHealthy)
                throw new PoolException(ErrorId.DiskState, $"disk {old.Name} is HEALTHY: nothing says that it has to be replaced. --even-if-healthy does it all the same. Nothing was changed");
            string path = CheckNewDisk(order);
            CheckRoomFor(old, path);
            MemberDisk added = Join(path, order);
            DiskState next = old.IsReadable ? DiskState.Draining : DiskState.Failed;
            DiskChangeReport report = Put(old, next, $"{ReplacedBy}disk {added.Index} ({added.Name})", order.Who, "disk replace");
            return report with { Next = $"what it held moves to other disks; it leaves the pool by itself then. 'dynfs health {Name}' shows both" };
        }
    }

    /// <summary>Lets go of a disk so that it can be unmounted; the pool goes on without it and waits for it to come back.</summary>
    public DiskChangeReport TakeDiskOffline(DiskOrder order)
    {
        lock (_membership)
        {
            CheckChangeable("no disk can be taken offline");
            MemberDisk member = FindDisk(order.Disk);
            CheckPresent(member, "there is nothing to let go of");
            CheckNotNeeded([member], order.Force);
            CheckWritableWithout([member], order.Force);
            DiskState before = member.State;
            member.Order(DiskState.Suspect, order.Reason ?? "taken offline", "", order.Who);
            Publish([]);
            Detach(member);
            return Changed("disk offline", _members[member.Index], before, $"unmount it now; 'dynfs disk online {Name} {member.Index}' takes it back", []);
        }
    }

    /// <summary>Takes back a disk that was away or given up, after looking whether it is the one.</summary>
    public DiskChangeReport TakeDiskOnline(DiskOrder order)
    {
        lock (_membership)
        {
            CheckChangeable("no disk can be taken back");
            MemberDisk member = FindDisk(order.Disk);
            DiskState before = member.State;
            if (member.IsPresent && (order.Path is null || order.Path == member.Name) && IsInPlace(member))
                return Put(member, DiskState.Healthy, order.Reason ?? "taken back", order.Who, "disk online") with { StateBefore = DiskStateName.Of(before) };
            // What was let go of by the kernel, but not by us, still holds the disk's lock.
            if (member.IsPresent)
            {
                Detach(member);
                member = _members[member.Index];
            }

            MemberDisk attached = Attach(member, order.Path ?? member.Name);
            attached.Order(DiskState.Healthy, order.Reason ?? "taken back", "", order.Who);
            Replace(member, attached);
            Publish([]);
            Remember();
            return Changed("disk online", attached, before, "what it missed is rebuilt in the background", []);
        }
    }

    /// <summary>What each disk still holds; for progress.</summary>
    public DiskUsageReport DiskUsage()
    {
        var usage = new (long Fragments, long Bytes)[_members.Count];
        VisitExtents((record, live) =>
        {
            int bytes = new ExtentLayout(record.Scheme, record.LengthBytes).FragmentBytes;
            foreach (FragmentPlace place in record.Fragments)
            {
                if (place.IsPlaced && place.DiskIndex < usage.Length)
                    usage[place.DiskIndex] = (usage[place.DiskIndex].Fragments + 1, usage[place.DiskIndex].Bytes + bytes);
            }
        });
        return new DiskUsageReport(Schema.Version, Name, Id.Value,
            [.. CurrentMembers.Where(m => m.Index < usage.Length).Select(m => new DiskUsageStatus(m.Index, m.Id.Value, m.Name, DiskStateName.Of(m.State), usage[m.Index].Fragments, usage[m.Index].Bytes))]);
    }

    /// <summary>Lets disks leave that were replaced and hold nothing any more. Called now and then by the health thread.</summary>
    internal void FinishReplacements()
    {
        foreach (MemberDisk member in CurrentMembers.Where(m => m.State is DiskState.Draining or DiskState.Failed && m.Health.Reason.StartsWith(ReplacedBy, StringComparison.Ordinal)))
        {
            lock (_membership)
            {
                if (Departure.References(Files.Catalog, member.Index, onlyLive: true) == 0 && !Shape.MetadataDisks.Contains(member.Index))
                    TryLeave(member);
            }
        }
    }

    private void TryLeave(MemberDisk member)
    {
        try
        {
            Leave(member);
        }
        catch (PoolException e) when (e.Id == ErrorId.DiskNeeded)
        {
            // Something still names it: the next look tries again.
        }
    }

    private DiskChangeReport CancelDrain(MemberDisk member, DiskOrder order) => member.State == DiskState.Draining
        ? Put(member, DiskState.Healthy, order.Reason ?? "emptying was cancelled", order.Who, "disk drain")
        : throw new PoolException(ErrorId.DiskState, $"disk {member.Name} is {DiskStateName.Of(member.State)}, not DRAINING. Nothing was changed");

    private DiskChangeReport Put(MemberDisk member, DiskState state, string reason, string who, string action)
    {
        DiskState before = member.State;
        member.Order(state, reason, "", who);
        var warnings = new List<string>();
        Publish(warnings);
        return Changed(action, member, before, NextAfter(member), warnings);
    }

    private MemberDisk Join(string path, DiskAddOrder order)
    {
        int index = _members.Count;
        var id = DiskId.New();
        DiskId[] ids = [.. _members.Select(m => m.Id), id];
        DiskLabel label = new()
        {
            Id = id,
            Pool = Id,
            PoolName = Name,
            Name = Path.GetFileName(path) is { Length: > 0 } last ? last : $"disk{index}",
            Index = index,
            Members = ids,
            Scheme = Shape.DefaultScheme,
            Created = DateTimeOffset.UtcNow,
            Health = DiskHealth.New(DateTimeOffset.UtcNow, order.Who),
        };
        LinuxDisk made = LinuxDisk.Format(path, order.AllowNonEmpty, disk => DiskLabelFile.Write(disk, label));
        if (!made.TryLock())
        {
            made.Dispose();
            throw new PoolException(ErrorId.Locking, $"disk {path} is being used by another process");
        }

        KillPoint.Reach("join-after-label");
        MemberDisk member = NewMember(index, id, path, made, label.Health);
        _health.Follow(member, label);
        _members.Put(member);
        _watch?.Listen(member);
        Remember(durable: true);
        _health.WriteMembers(ids);
        KillPoint.Reach("join-before-root");
        _metadata.ChangeMembers(ids);
        Publish([]);
        KillPoint.Reach("join-after-root");
        return member;
    }

    private DiskChangeReport Leave(MemberDisk member)
    {
        DiskState before = member.State;
        long references = Departure.ReferencesAfterReclaim(Files, member.Index);
        if (references > 0)
        {
            throw new PoolException(ErrorId.DiskNeeded,
                $"{references} extents still have a fragment on disk {member.Name}: they are moved or rebuilt in the background ('dynfs rebuild {Name} status'); remove it when they are gone"
                + (member.IsReadable ? ". Nothing was changed" : ", or with --force if they never can be. Nothing was changed"));
        }

        if (Shape.MetadataDisks.Contains(member.Index))
            throw new PoolException(ErrorId.DiskNeeded, $"disk {member.Name} holds the pool's metadata and no other disk has taken over yet; try again after a while. Nothing was changed");
        DiskId[] ids = [.. _members.Select(m => m == member ? default : m.Id)];
        KillPoint.Reach("leave-before-root");
        _members.Put(MemberDisk.Gap(member.Index));
        _health.Forget(member);
        _metadata.ChangeMembers(ids);
        Publish([]);
        KillPoint.Reach("leave-after-root");
        _health.WriteMembers(ids);
        member.Retire();
        _metadata.Detach(member);
        _extents.Detach(member.Index);
        bool isThere = member.IsPresent && !member.Queue.IsStuck;
        member.Dispose();
        string next = isThere && LinuxDisk.Retire(member.Name, member.Id) is { } kept ? $"what it had is in {kept}, which may be deleted" : "none";
        Remember();
        return Changed("disk remove", member, before, next, []) with { State = "REMOVED" };
    }

    /// <summary>Extents forget that they have a fragment on this disk: what can be rebuilt is rebuilt elsewhere, the rest is lost already. Returns how many.</summary>
    private int GiveUpPlaces(MemberDisk member)
    {
        var named = new List<ExtentId>();
        VisitExtents((record, live) =>
        {
            if (live > 0 && Array.Exists(record.Fragments, place => place.DiskIndex == member.Index))
                named.Add(record.Id);
        });
        foreach (ExtentId extent in named)
        {
            if (!Files.Moves.TryHold(extent))
                continue;
            ExtentRecord? before = Files.Catalog.LiveBytes(extent) > 0 ? Files.Catalog.Find(extent) : null;
            ExtentRecord? after = before is null ? null : before with { Fragments = [.. before.Fragments.Select(place => place.DiskIndex == member.Index ? FragmentPlace.None : place)] };
            if (before is null || after!.Fragments.AsSpan().SequenceEqual(before.Fragments))
                Files.Moves.Release(extent);
            else
                Files.Moves.Propose(new RestoredExtent(before, after, 0, 0, null));
        }

        Publish([]);
        return named.Count;
    }

    private void Detach(MemberDisk member)
    {
        var away = new MemberDisk(member.Index, member.Id, member.Name, null, member.Health, new DiskQueue(member.Name, threads: 0));
        Replace(member, away);
    }

    private void Replace(MemberDisk before, MemberDisk after)
    {
        _health.Follow(after, null);
        _members.Put(after);
        _watch?.Listen(after);
        before.Retire();
        // Whatever was being written to the old one is finished, or placed elsewhere, by the end of a commit.
        Publish([]);
        _metadata.Detach(before);
        _extents.Detach(before.Index);
        before.Dispose();
    }

    private MemberDisk Attach(MemberDisk member, string path)
    {
        LinuxDisk disk = LinuxDisk.Attach(path);
        try
        {
            DiskLabel label = DiskLabelFile.Read(disk);
            if (label.Id != member.Id || label.Pool != Id)
                throw new PoolException(ErrorId.DiskForeign, $"{path} holds disk {label.Id} of pool {label.PoolName}, not {member.Id}. Nothing was changed");
            if (!disk.TryLock())
                throw new PoolException(ErrorId.Locking, $"disk {path} is being used by another process. Nothing was changed");
            return NewMember(member.Index, member.Id, path, disk, member.Health);
        }
        catch
        {
            disk.Dispose();
            throw;
        }
    }

    private static MemberDisk NewMember(int index, DiskId id, string path, LinuxDisk disk, DiskHealth health) => new(
        index, id, path, new PatientDisk(FaultSeam.Wrap(disk)), health, new DiskQueue(path, PoolMembers.QueueThreads), limits: FaultSeam.Ladder);

    private bool IsInPlace(MemberDisk member)
    {
        ProbeResult? found = null;
        return !member.Queue.IsStuck && member.Queue.Run(() => found = DiskProbe.Look(member.Disk!, member.Id, mayWrite: true)).Wait(s_probePatience) && found?.Sign == DiskSign.Clean;
    }
}
