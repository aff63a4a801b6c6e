using DynamicFs.Primitives;

namespace DynamicFs.Cli;

/// <summary>How a pool is named on the command line: by its name, or by the path of a member disk (anything with a slash, '.' or '..').</summary>
internal static class PoolName
{
    public const int MaxLength = 64;

    /// <summary>Paths absolute, so that they mean the same in a daemon that works in '/'; names as they are. Several paths have ':' between them.</summary>
    public static string Absolute(string text) => PoolDisks.IsPath(text)
        ? string.Join(':', text.Split(':', StringSplitOptions.RemoveEmptyEntries).Select(path => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path))))
        : text;

    /// <summary>Names are plain words, so that they can stand in file names, fstab and logs.</summary>
    public static void Check(string name)
    {
        bool isWord = name.Length is > 0 and <= MaxLength && char.IsAsciiLetter(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');
        if (!isWord)
        {
            throw new PoolException(ErrorId.Usage,
                $"'{name}' is no pool name: start with a letter, then letters, digits, '-', '_' or '.', {MaxLength} at most (dynfs create NAME DISK...)");
        }
    }
}
