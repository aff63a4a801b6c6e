using System.Text;

namespace DynamicFs.Fuse;

/// <summary>One line of /proc/self/mountinfo (proc(5)); reading it never touches the mounts themselves. <paramref name="Device"/> is major:minor.</summary>
internal sealed record MountInfo(string Device, string MountPoint, string Type, string Source)
{
    private const string TablePath = "/proc/self/mountinfo";

    /// <summary>The mount visible at exactly <paramref name="mountPoint"/> (the last one mounted there), or null.</summary>
    public static MountInfo? At(string mountPoint) => At(mountPoint, File.ReadLines(TablePath));

    internal static MountInfo? At(string mountPoint, IEnumerable<string> lines)
    {
        MountInfo? found = null;
        foreach (string line in lines)
        {
            if (Parse(line) is { } mount && mount.MountPoint == mountPoint)
                found = mount;
        }

        return found;
    }

    /// <summary>Whether <paramref name="device"/> is mounted anywhere this process can see.</summary>
    public static bool IsMounted(string device) => File.ReadLines(TablePath).Any(line => Parse(line)?.Device == device);

    // 36 35 98:0 /root /mount/point options optional-fields... - type source super-options
    internal static MountInfo? Parse(string line)
    {
        string[] fields = line.Split(' ');
        int separator = Array.IndexOf(fields, "-", Math.Min(6, fields.Length));
        if (separator < 0 || fields.Length < separator + 3)
            return null;
        return new MountInfo(fields[2], Unescape(fields[4]), fields[separator + 1], Unescape(fields[separator + 2]));
    }

    /// <summary>The kernel writes space, tab, newline and backslash as a backslash and three octal digits.</summary>
    private static string Unescape(string field)
    {
        if (!field.Contains('\\'))
            return field;
        var text = new StringBuilder(field.Length);
        for (int i = 0; i < field.Length; i++)
        {
            if (field[i] == '\\' && i + 3 < field.Length && field.AsSpan(i + 1, 3).IndexOfAnyExceptInRange('0', '7') < 0)
            {
                text.Append((char)Convert.ToInt32(field.Substring(i + 1, 3), 8));
                i += 3;
            }
            else
            {
                text.Append(field[i]);
            }
        }

        return text.ToString();
    }
}
