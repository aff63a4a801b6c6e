using System.Globalization;
using System.Text;

namespace DynamicFs.Admin;

/// <summary>The mounts that this process sees, from /proc/self/mountinfo (proc(5)); reading it touches none of them.</summary>
public sealed record MountTable(IReadOnlyList<MountEntry> Entries)
{
    /// <summary>The type of our mounts: FUSE with the subtype dynfs.</summary>
    public const string DynamicFsType = "fuse.dynfs";

    public static MountTable Read() => Parse(File.ReadLines("/proc/self/mountinfo"));

    public static MountTable Parse(IEnumerable<string> lines)
    {
        var entries = new List<MountEntry>();
        foreach (string line in lines)
        {
            // 36 35 98:0 /root /mount/point options... - type source super-options
            string[] fields = line.Split(' ');
            int dash = Array.IndexOf(fields, "-");
            if (dash >= 6 && fields.Length > dash + 2)
                entries.Add(new MountEntry(Unescape(fields[4]), fields[dash + 1], Unescape(fields[dash + 2]), fields[5].Split(',')));
        }

        return new MountTable(entries);
    }

    /// <summary>The mount that is seen at exactly this path: the one mounted last.</summary>
    public MountEntry? At(string path) => Entries.LastOrDefault(e => e.MountPoint == path);

    /// <summary>The mount that an absolute path without links lies in.</summary>
    public MountEntry? Containing(string path)
        => Entries.Where(e => IsWithin(path, e.MountPoint)).Select((entry, order) => (entry, order)).OrderBy(x => x.entry.MountPoint.Length).ThenBy(x => x.order)
            .Select(x => x.entry).LastOrDefault();

    public static bool IsWithin(string path, string directory)
        => directory == "/" || path == directory || (path.Length > directory.Length && path[directory.Length] == '/' && path.StartsWith(directory, StringComparison.Ordinal));

    /// <summary>Blanks and the like stand as three octal digits behind a backslash.</summary>
    private static string Unescape(string field)
    {
        if (!field.Contains('\\'))
            return field;
        byte[] source = Encoding.UTF8.GetBytes(field);
        var target = new List<byte>(source.Length);
        for (int i = 0; i < source.Length; i++)
        {
            if (source[i] == '\\' && i + 3 < source.Length && IsOctal(source.AsSpan(i + 1, 3)))
            {
                target.Add((byte)(((source[i + 1] - '0') << 6) | ((source[i + 2] - '0') << 3) | (source[i + 3] - '0')));
                i += 3;
            }
            else
            {
                target.Add(source[i]);
            }
        }

        return Encoding.UTF8.GetString([.. target]);
    }

    private static bool IsOctal(ReadOnlySpan<byte> digits) => !digits.ContainsAnyExceptInRange((byte)'0', (byte)'7');
}

/// <summary>One mount: where, which type, what it says its source is, and its options.</summary>
public sealed record MountEntry(string MountPoint, string Type, string Source, IReadOnlyList<string> Options)
{
    public bool IsDynamicFs => Type == MountTable.DynamicFsType;
    public bool IsReadOnly => Options.Contains("ro");

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Source} on {MountPoint} type {Type}");
}
