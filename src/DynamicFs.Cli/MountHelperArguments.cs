namespace DynamicFs.Cli;

/// <summary>
/// The convention of mount(8): <c>dynfs SOURCE DIR [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE]</c> without a verb means mount. Reached through
/// mount.fuse.dynfs, mount.dynfs (links to dynfs) or mount.fuse.
/// </summary>
internal static class MountHelperArguments
{
    /// <param name="verbs">The verbs of the tool; anything else in front is what mount(8) puts there.</param>
    public static string[] Translate(string[] args, IReadOnlyCollection<string> verbs)
    {
        if (args.Length < 2 || args[0].StartsWith('-') || args[0].StartsWith('[') || verbs.Contains(args[0]) || args[1].StartsWith('-'))
            return args;

        var translated = new List<string> { "mount", args[0], args[1] };
        for (int i = 2; i < args.Length; i++)
        {
            if (args[i] is "-t" or "-N" && i + 1 < args.Length)
                i++;
            else if (args[i] == "-o" && i + 1 < args.Length)
                translated.AddRange(["-o", WithoutHelpersOwn(args[++i])]);
            else if (IsShortFlags(args[i]))
                translated.AddRange(args[i].Contains('f') ? ["--fake"] : []);
            else
                translated.Add(args[i]);
        }

        return [.. translated];
    }

    /// <summary>
    /// mount.fuse puts ',dev,suid' behind whatever was asked for; that is its habit, not the administrator's wish. Who wants both writes 'suid,dev'.
    /// </summary>
    private static string WithoutHelpersOwn(string options)
        => options == "dev,suid" ? "rw" : options.EndsWith(",dev,suid", StringComparison.Ordinal) ? options[..^",dev,suid".Length] : options;

    /// <summary>-s (sloppy), -n (no mtab) and -v (verbose), which mean nothing here, and -f (fake: do nothing), in any grouping.</summary>
    private static bool IsShortFlags(string argument)
        => argument.Length > 1 && argument[0] == '-' && argument[1] != '-' && argument[1..].All(c => "sfnv".Contains(c));
}
