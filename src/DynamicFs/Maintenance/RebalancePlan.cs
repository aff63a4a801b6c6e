using DynamicFs.Disks;
using DynamicFs.Extents;

namespace DynamicFs.Maintenance;

/// <summary>What a plan has for one disk.</summary>
/// <param name="FillBefore">Share of the device that is used, 0 to 1.</param>
internal readonly record struct DiskBalance(MemberDisk Member, double FillBefore, double FillAfter, long LeavingBytes, long ArrivingBytes);

/// <summary>
/// Chooses fragments to move from fuller to emptier disks until all are full to within <see cref="Tolerance"/>. Starts from what the disks said once and counts every move itself: a place that was
/// left is free only when no kept root needs it, so asking the disks again on the way would move too much. Members on one device share its fill. One thread.
/// </summary>
internal sealed class RebalancePlan
{
    /// <summary>Disks whose fill differs by no more than this are left alone.</summary>
    public const double Tolerance = 0.03;

    private readonly List<Side> _sides = [];

    /// <param name="rooms">What the disks say.</param>
    /// <param name="freedSoon">Bytes by member index that wait only for kept roots to go.</param>
    public RebalancePlan(IReadOnlyList<MemberRoom> rooms, IReadOnlyDictionary<int, long> freedSoon)
    {
        var devices = new Dictionary<ulong, Device>();
        foreach (MemberRoom room in rooms)
        {
            // A disk that does not say its device is one of its own.
            ulong key = room.Device != 0 ? room.Device : ulong.MaxValue - (ulong)room.Member.Index;
            if (!devices.TryGetValue(key, out Device? device))
                devices.Add(key, device = new Device(room.FreeBytes, Math.Max(1, room.TotalBytes)));
            device.Expect(freedSoon.GetValueOrDefault(room.Member.Index));
            _sides.Add(new Side(room.Member, device));
        }
    }

    public long MoveBytes { get; private set; }
    public long MoveCount { get; private set; }

    public IReadOnlyList<DiskBalance> Disks =>
        [.. _sides.Select(side => new DiskBalance(side.Member, side.Device.FillBefore, side.Device.Fill, side.LeavingBytes, side.ArrivingBytes))];

    /// <summary>The moves that this extent has to make, counted as made.</summary>
    public IReadOnlyList<FragmentMove> Choose(ExtentRecord record)
    {
        List<FragmentMove>? moves = null;
        Span<int> disks = stackalloc int[record.Fragments.Length];
        for (int i = 0; i < disks.Length; i++)
            disks[i] = record.Fragments[i].DiskIndex;
        int bytes = new ExtentLayout(record.Scheme, record.LengthBytes).FragmentBytes;
        while (TryChoose(disks, bytes, out int index, out Side? target))
        {
            (moves ??= []).RemoveAll(move => move.Index == index);
            moves.Add(new FragmentMove(index, target!.Member));
            disks[index] = target.Member.Index;
        }

        return moves ?? (IReadOnlyList<FragmentMove>)[];
    }

    /// <summary>From the fullest disk that has a fragment to the emptiest that has none, if that brings them closer.</summary>
    private bool TryChoose(Span<int> disks, int bytes, out int index, out Side? target)
    {
        (index, target) = (-1, null);
        Side? source = null;
        foreach (Side side in _sides)
        {
            int at = disks.IndexOf(side.Member.Index);
            if (at < 0 && side.Device.FreeBytes > bytes && (target is null || side.Device.Fill < target.Device.Fill))
                target = side;
            if (at >= 0 && (source is null || side.Device.Fill > source.Device.Fill))
                (source, index) = (side, at);
        }

        if (source is null || target is null || source.Device == target.Device)
            return false;
        double gap = source.Device.Fill - target.Device.Fill;
        double change = ((double)bytes / source.Device.TotalBytes) + ((double)bytes / target.Device.TotalBytes);
        if (gap <= Tolerance || change >= gap)
            return false;
        source.Take(-bytes);
        target.Take(bytes);
        (MoveBytes, MoveCount) = (MoveBytes + bytes, MoveCount + 1);
        return true;
    }

    private sealed class Device(long freeBytes, long totalBytes)
    {
        public long FreeBytes { get; set; } = freeBytes;
        public long TotalBytes { get; } = totalBytes;
        public double FillBefore { get; private set; } = 1 - ((double)freeBytes / totalBytes);
        public double Fill => 1 - ((double)FreeBytes / TotalBytes);

        public void Expect(long bytes)
        {
            FreeBytes = Math.Min(TotalBytes, FreeBytes + bytes);
            FillBefore = Fill;
        }
    }

    private sealed class Side(MemberDisk member, Device device)
    {
        public MemberDisk Member { get; } = member;
        public Device Device { get; } = device;
        public long LeavingBytes { get; private set; }
        public long ArrivingBytes { get; private set; }

        public void Take(int bytes)
        {
            Device.FreeBytes -= bytes;
            if (bytes < 0)
                LeavingBytes -= bytes;
            else
                ArrivingBytes += bytes;
        }
    }
}
