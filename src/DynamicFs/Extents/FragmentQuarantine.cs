using System.Globalization;
using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>
/// Files that repair and garbage collection took out of use, in <c>quarantine</c> on their disk: <c>&lt;extent&gt;.&lt;index&gt;.&lt;unix seconds&gt;</c>. They are
/// evidence, and the way back; nothing reads them.
/// </summary>
internal sealed class FragmentQuarantine(MemberSet members)
{
    private const int PieceBytes = 64 << 10;

    /// <summary>A file that claims to be a fragment may be of any size; more than this is not copied.</summary>
    private const long MaxBytes = 2L * ExtentStore.MaxExtentBytes;

    public static string PathOf(ExtentId extent, int index, DateTimeOffset time) =>
        string.Create(CultureInfo.InvariantCulture, $"{DiskLayout.Quarantine}/{extent.Value:x16}.{index:x2}.{time.ToUnixTimeSeconds()}");

    /// <summary>Parses a name in <c>quarantine</c>.</summary>
    public static bool TryParse(string name, out ExtentId extent, out int index, out DateTimeOffset time)
    {
        time = default;
        int dot = name.LastIndexOf('.');
        (extent, index) = (default, 0);
        if (dot < 0 || !FragmentName.TryParse(name[..dot], out extent, out index) || !long.TryParse(name.AsSpan(dot + 1), NumberStyles.None, CultureInfo.InvariantCulture, out long seconds)
            || seconds > DateTimeOffset.MaxValue.ToUnixTimeSeconds())
            return false;
        time = DateTimeOffset.FromUnixTimeSeconds(seconds);
        return true;
    }

    /// <summary>Copies what can be read; unreadable pieces stay zero. A failure is no reason not to repair: null.</summary>
    public string? Copy(ExtentRecord record, int index, DateTimeOffset time)
    {
        if (members.Find(record.Fragments[index].DiskIndex) is not { IsWritable: true } member)
            return null;
        string path = PathOf(record.Id, index, time);
        try
        {
            using IDiskFile source = member.Disk!.Open(FragmentName.File(record.Id, index), DiskOpenMode.Read);
            using IDiskFile copy = member.Disk.Open(path, DiskOpenMode.OpenOrCreate);
            byte[] piece = new byte[PieceBytes];
            long length = Math.Min(source.LengthBytes, MaxBytes);
            copy.SetLength(length);
            for (long at = 0; at < length; at += PieceBytes)
            {
                if (TryRead(source, at, piece, out int count))
                    copy.Write(at, piece.AsSpan(0, (int)Math.Min(count, length - at)));
            }

            copy.Sync();
            return path;
        }
        catch (DiskException)
        {
            return null;
        }
    }

    private static bool TryRead(IDiskFile source, long at, byte[] piece, out int count)
    {
        try
        {
            count = source.Read(at, piece);
            return true;
        }
        catch (DiskException)
        {
            count = 0;
            return false;
        }
    }
}
