using System.Text.RegularExpressions;

namespace DynamicFs.UnitTests.Architecture;

/// <summary>Reads a source file for the folders of DynamicFs that it names. Comments and strings do not count.</summary>
internal static partial class SourceUses
{
    /// <summary>
    /// Folders named by <c>using DynamicFs.X</c>, by <c>DynamicFs.X.Type</c> or, as C# allows inside <c>namespace DynamicFs.Y</c>, by
    /// <c>X.Type</c> alone, which counts when <paramref name="isType"/> knows that folder X has such a type.
    /// </summary>
    public static IReadOnlySet<string> Folders(string source, IEnumerable<string> folders, Func<string, string, bool> isType)
    {
        string code = Noise().Replace(source, " ");
        var used = Qualified().Matches(code).Select(match => match.Groups[1].Value).ToHashSet();
        foreach (Match match in Relative().Matches(code))
        {
            string folder = match.Groups[1].Value;
            if (folders.Contains(folder) && isType(folder, match.Groups[2].Value))
                used.Add(folder);
        }

        return used;
    }

    public static string? Namespace(string source) => NamespaceLine().Match(source) is { Success: true } match ? match.Groups[1].Value : null;

    // Comments, then raw, verbatim, plain strings and characters. What an interpolated string computes is skipped too: a type that appears
    // nowhere else in a file but there would escape.
    [GeneratedRegex("""(//[^\n]*)|(/\*.*?\*/)|(\"{3,}.*?\"{3,})|(\$?@\$?"([^"]|"")*")|("(\\.|[^"\\\n])*")|('(\\.|[^'\\\n])+')""", RegexOptions.Singleline)]
    private static partial Regex Noise();

    [GeneratedRegex(@"(?<!namespace\s+)\bDynamicFs\s*\.\s*(\w+)")]
    private static partial Regex Qualified();

    [GeneratedRegex(@"(?<![\w.])(\w+)\s*\.\s*(\w+)")]
    private static partial Regex Relative();

    [GeneratedRegex(@"^namespace\s+([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex NamespaceLine();
}
