using System.Buffers;
using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>
/// The root rings of all disks. Keeps true: a ring that failed a write or a sync is not written again until it was made anew as a new file.
/// For the commit thread; <see cref="Read"/> for any.
/// </summary>
internal sealed class RootRings(PoolId pool, IReadOnlyList<MemberDisk> members, MetadataOptions options, MetadataProblems problems) : IDisposable
{
    public const string FileName = "roots";
    private const string NewFileName = "roots.new";

    /// <summary>With more slots than this unreadable the ring says too little about what the disk has seen.</summary>
    private const int MaxUnreadableSlots = 4;

    /// <summary>By member index; members may be added.</summary>
    private readonly IDiskFile?[] _files = new IDiskFile?[Math.Max(members.Count, RootFormat.MaxMembers)];

    /// <summary>What this mount has claimed; none: <see cref="Generation.None"/>.</summary>
    private Generation _claim;

    /// <summary>Reads every ring there is.</summary>
    public IReadOnlyList<RingContent> ReadAll()
    {
        var contents = new List<RingContent>();
        foreach (MemberDisk member in members)
        {
            if (member.IsReadable)
                contents.Add(Read(member));
        }

        return contents;
    }

    /// <summary>Reads the ring of one disk; every trouble is reported and gives an empty or partial content.</summary>
    public RingContent Read(MemberDisk member)
    {
        var content = new RingContent(member);
        byte[] rented = ArrayPool<byte>.Shared.Rent(RootFormat.FileBytes);
        Span<byte> bytes = rented.AsSpan(0, RootFormat.FileBytes);
        try
        {
            using IDiskFile file = member.Disk!.Open(FileName, DiskOpenMode.Read);
            int length = ReadSlots(member, file, bytes, content);
            content.IsReadable = length == bytes.Length;
            if (!content.IsReadable)
                content.Complain(problems, $"its root ring has {length} bytes instead of {bytes.Length}");
            for (int slot = 0; (slot + 1) * RootFormat.SlotBytes <= length; slot++)
            {
                RootSlotState state = RootFormat.Decode(pool, bytes.Slice(slot * RootFormat.SlotBytes), slot, out Root? root, out Generation generation);
                content.Take(problems, slot, state, root, generation);
            }
        }
        catch (DiskException e)
        {
            member.ReportFailure(e, isWrite: false);
            content.Complain(problems, $"its root ring cannot be read: {e.Message}");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }

        return content;
    }

    /// <summary>
    /// Reads the whole ring, slot by slot where that fails: a slot that was being written when the power went may be unreadable until it is written again,
    /// and must not take the others with it. What cannot be read is left zero, which is no valid record.
    /// </summary>
    private int ReadSlots(MemberDisk member, IDiskFile file, Span<byte> bytes, RingContent content)
    {
        try
        {
            return file.Read(0, bytes);
        }
        catch (DiskException whole) when (whole.Errno == Errno.EIO)
        {
            int length = 0;
            int unreadable = 0;
            for (int slot = 0; slot < RootFormat.SlotCount; slot++)
            {
                try
                {
                    length += file.Read(slot * RootFormat.SlotBytes, bytes.Slice(slot * RootFormat.SlotBytes, RootFormat.SlotBytes));
                }
                catch (DiskException e) when (e.Errno == Errno.EIO && ++unreadable <= MaxUnreadableSlots)
                {
                    bytes.Slice(slot * RootFormat.SlotBytes, RootFormat.SlotBytes).Clear();
                    content.Complain(problems, $"slot {slot} of its root ring cannot be read: {e.Message}");
                    length += RootFormat.SlotBytes;
                }
            }

            // One slot is what a power cut may take; that is no sign of a sick disk.
            if (unreadable != 1)
                member.ReportFailure(whole, isWrite: false);
            return length;
        }
    }

    /// <summary>
    /// Writes one record to every disk that is there, all in parallel, and syncs. A ring that is given up or was never opened is made anew from
    /// <paramref name="history"/> when its disk is HEALTHY. Returns the disks that have the record.
    /// </summary>
    public IReadOnlyList<MemberDisk> Write(Root root, IReadOnlyCollection<Root> history, Func<MemberDisk, bool>? isWanted = null)
    {
        var slot = new byte[RootFormat.SlotBytes];
        RootFormat.Encode(pool, root, slot);
        return WriteAll(
            [.. members.Where(member => member.IsReadable && (_files[member.Index] is not null || member.IsWritable) && isWanted?.Invoke(member) != false)],
            member => WriteOne(member, root, slot, history));
    }

    /// <summary>
    /// Writes a claim to every ring that is open, and syncs; rings that are made anew later have it too. Returns the disks that have it.
    /// </summary>
    public IReadOnlyList<MemberDisk> Claim(Generation generation)
    {
        _claim = generation;
        var slot = new byte[RootFormat.SlotBytes];
        RootFormat.EncodeClaim(pool, generation, slot);
        return WriteAll([.. members.Where(member => member.IsReadable && _files[member.Index] is not null)], member => WriteSlot(_files[member.Index]!, generation, slot));
    }

    private List<MemberDisk> WriteAll(MemberDisk[] targets, Action<MemberDisk> write)
    {
        DiskException?[] failures = DiskRound.Run(targets, isWrite: true, write);
        var written = new List<MemberDisk>();
        for (int i = 0; i < targets.Length; i++)
        {
            if (failures[i] is { } failure)
                GiveUp(targets[i], failure);
            else
                written.Add(targets[i]);
        }

        return written;
    }

    /// <summary>Opens a ring that was read without trouble, so that records can be added to it.</summary>
    public void Open(MemberDisk member)
    {
        try
        {
            _files[member.Index] = member.Disk!.Open(FileName, DiskOpenMode.ReadWrite);
        }
        catch (DiskException e)
        {
            member.ReportFailure(e, isWrite: true);
            problems.Report($"disk {member.Name}: its root ring cannot be written: {e.Message}");
        }
    }

    public void Detach(MemberDisk member)
    {
        _files[member.Index]?.Dispose();
        _files[member.Index] = null;
    }

    public void Dispose()
    {
        foreach (IDiskFile? file in _files)
            file?.Dispose();
    }

    private void WriteOne(MemberDisk member, Root root, byte[] slot, IReadOnlyCollection<Root> history)
    {
        if (_files[member.Index] is not { } file)
        {
            _files[member.Index] = MakeAnew(member, [.. history, root]);
            return;
        }

        WriteSlot(file, root.Generation, slot);
        KillPoint.Reach("root-on-one-disk");
    }

    private void WriteSlot(IDiskFile file, Generation generation, byte[] slot)
    {
        file.Write(RootFormat.SlotOf(generation) * RootFormat.SlotBytes, slot);
        if (!options.NoFsync && !Canary.Is("root-not-synced"))
            file.Sync();
    }

    private void GiveUp(MemberDisk member, DiskException failure)
    {
        _files[member.Index]?.Dispose();
        _files[member.Index] = null;
        problems.Report($"disk {member.Name}: the root record could not be written: {failure.Message}");
    }

    /// <summary>A complete new ring under a temporary name, moved over whatever is there.</summary>
    private IDiskFile MakeAnew(MemberDisk member, IReadOnlyCollection<Root> records)
    {
        var bytes = new byte[RootFormat.FileBytes];
        if (_claim > Generation.None)
            RootFormat.EncodeClaim(pool, _claim, bytes.AsSpan(RootFormat.SlotOf(_claim) * RootFormat.SlotBytes));
        foreach (Root record in records)
            RootFormat.Encode(pool, record, bytes.AsSpan(RootFormat.SlotOf(record.Generation) * RootFormat.SlotBytes));
        return FreshFile.Make(member.Disk!, FileName, NewFileName, options, file => file.Write(0, bytes));
    }
}

/// <summary>What the ring of one disk holds: its valid records, and whether it may hide others.</summary>
internal sealed class RingContent(MemberDisk member)
{
    private readonly List<Root> _records = [];

    public MemberDisk Member { get; } = member;
    public IReadOnlyList<Root> Records => _records;

    /// <summary>The highest generation that a mount claimed.</summary>
    public Generation NewestClaim { get; private set; }

    /// <summary>All slots could be read and have a record, a claim or nothing.</summary>
    public bool IsSound { get; private set; } = true;

    /// <summary>The ring could be read as a whole; single slots may be damaged, as a crash in the middle of a write leaves them.</summary>
    public bool IsReadable { get; set; }

    /// <summary>It has a record that only a newer dynfs understands.</summary>
    public bool HasUnknown { get; private set; }

    public void Complain(MetadataProblems problems, string text)
    {
        IsSound = false;
        problems.Report($"disk {Member.Name}: {text}");
    }

    public void Take(MetadataProblems problems, int slot, RootSlotState state, Root? root, Generation generation)
    {
        if (root is not null)
            _records.Add(root);
        else if (state is RootSlotState.Claim)
            NewestClaim = generation > NewestClaim ? generation : NewestClaim;
        else if (state is RootSlotState.Unknown)
            HasUnknown = true;
        else if (state is not RootSlotState.Empty)
            Complain(problems, state is RootSlotState.OtherPool ? $"slot {slot} of its root ring is of another pool" : $"slot {slot} of its root ring is damaged");
    }
}
