using System.CommandLine;

namespace DynamicFs.Cli.Verbs;

/// <summary>Arguments that several verbs have.</summary>
internal static class Arguments
{
    public static Argument<string> Pool() => new("pool") { Description = "Name of the pool, or the path of any member disk" };

    public static Argument<string> Disk() => new("disk") { Description = "Number, path or id of the disk" };
}
