using System.Runtime.InteropServices;
using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>Why no disks were chosen.</summary>
internal enum Shortage
{
    None,
    TooFewWritable,
    TooLittleSpace,
}

/// <summary>
/// Chooses the disks of an extent's fragments: distinct, writable, with room, each with the probability that empties unequal disks at the same
/// time (see <see cref="EvenFill"/>), by systematic sampling. Neighbouring indexes rotate with the extent id, so that parity is spread evenly.
/// Claims the space of what it chooses. Thread-safe.
/// </summary>
internal sealed class Placement(FreeSpace space, Random random)
{
    /// <summary>Placement may use half of the reserve; when that is not enough for what was accepted, three quarters.</summary>
    private const int ReserveDivisor = 2;
    private const int LastReserveDivisor = 4;

    /// <summary>Protects <paramref name="random"/>; a leaf lock.</summary>
    private readonly Lock _lock = new();

    /// <summary>
    /// One disk per fragment index. When fewer disks than the width are writable, but min_write or more, the last indexes stay null. Disks that are only
    /// full do not narrow an extent: that is <see cref="Shortage.TooLittleSpace"/>.
    /// </summary>
    public MemberDisk?[]? Choose(ExtentId extent, RedundancyScheme scheme, int fragmentBytes, out Shortage shortage)
    {
        MemberDisk?[]? places = Choose(extent, scheme, fragmentBytes, ReserveDivisor, out shortage);
        if (shortage != Shortage.TooLittleSpace)
            return places;
        return Choose(extent, scheme, fragmentBytes, LastReserveDivisor, out shortage);
    }

    private MemberDisk?[]? Choose(ExtentId extent, RedundancyScheme scheme, int fragmentBytes, int reserveDivisor, out Shortage shortage)
    {
        MemberRoom[] rooms = space.Survey(reserveDivisor);
        int count = Math.Min(scheme.Width, rooms.Length);
        List<MemberRoom> roomy = [.. rooms.Where(room => room.ShareBytes >= fragmentBytes)];
        shortage = count < scheme.MinWrite ? Shortage.TooFewWritable : roomy.Count < count ? Shortage.TooLittleSpace : Shortage.None;
        if (shortage != Shortage.None)
            return null;

        List<MemberDisk> chosen = Sample(roomy, count);
        var places = new MemberDisk?[scheme.Width];
        for (int i = 0; i < count; i++)
        {
            MemberDisk member = chosen[(int)(((ulong)i + extent.Value) % (ulong)count)];
            places[i] = member;
            space.Claim(member, fragmentBytes);
        }

        return places;
    }

    /// <summary>Another disk for one fragment, none of those in <paramref name="tried"/>; null when nowhere fits. Claims its space.</summary>
    public MemberDisk? Replace(IReadOnlySet<int> tried, int fragmentBytes)
    {
        List<MemberRoom> roomy = [.. space.Survey(LastReserveDivisor).Where(room => room.ShareBytes >= fragmentBytes && !tried.Contains(room.Member.Index))];
        if (roomy.Count == 0)
            return null;
        MemberDisk member = Sample(roomy, 1)[0];
        space.Claim(member, fragmentBytes);
        return member;
    }

    /// <summary>
    /// Draws <paramref name="count"/> distinct members in random order along a line on which each takes its probability (at most 1, in all
    /// <paramref name="count"/>), at steps of 1 from a random start; then sorts them, so that rotation spreads the roles.
    /// </summary>
    private List<MemberDisk> Sample(List<MemberRoom> rooms, int count)
    {
        double level = EvenFill.Level(CollectionsMarshal.AsSpan(Devices(rooms)), count);
        var chosen = new List<MemberDisk>(count);
        lock (_lock)
        {
            Span<MemberRoom> line = CollectionsMarshal.AsSpan(rooms);
            random.Shuffle(line);
            double start = random.NextDouble(), sum = 0;
            foreach (ref readonly MemberRoom room in line)
            {
                sum += Math.Min(1, room.ShareBytes / level);
                if (chosen.Count < count && sum > start + chosen.Count)
                    chosen.Add(room.Member);
            }

            // Rounding may leave the last step short by a hair.
            for (int i = 0; chosen.Count < count; i++)
            {
                if (!chosen.Contains(line[i].Member))
                    chosen.Add(line[i].Member);
            }
        }

        chosen.Sort(static (a, b) => a.Index.CompareTo(b.Index));
        return chosen;
    }

    public static List<DeviceRoom> Devices(IReadOnlyCollection<MemberRoom> rooms) =>
    [
        .. rooms.Where(room => room.Device == 0).Select(room => new DeviceRoom(room.FreeBytes, 1)),
        .. rooms.Where(room => room.Device != 0).GroupBy(room => room.Device).Select(group => new DeviceRoom(group.First().FreeBytes, group.Count())),
    ];
}
