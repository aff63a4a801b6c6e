using DynamicFs.Primitives;

namespace DynamicFs.Disks;

/// <summary>
/// Paths of the disk seam: components separated by '/', none of them empty, '.' or '..', none with a NUL, at most 255 bytes each. "" is
/// <c>.dynfs</c> itself. The engine makes all of them, so a bad one is a programmer's error.
/// </summary>
public static class DiskPath
{
    private const int MaxNameLength = 255;

    public static void Check(string path)
    {
        ReadOnlySpan<char> rest = path;
        while (true)
        {
            int separator = rest.IndexOf('/');
            ReadOnlySpan<char> name = separator < 0 ? rest : rest[..separator];
            Invariant.Check(name.Length is > 0 and <= MaxNameLength, "a component of a disk path has 1 to 255 characters");
            Invariant.Check(!name.SequenceEqual(".") && !name.SequenceEqual("..") && !name.Contains('\0'), "a disk path has no '.', '..' or NUL");
            if (separator < 0)
                return;
            rest = rest[(separator + 1)..];
        }
    }

    public static void CheckDirectory(string path)
    {
        if (path.Length > 0)
            Check(path);
    }

    /// <summary>Splits off the last component; the parent of a top-level name is "".</summary>
    public static string Split(string path, out string name)
    {
        Check(path);
        int separator = path.LastIndexOf('/');
        name = path[(separator + 1)..];
        return separator < 0 ? "" : path[..separator];
    }
}
