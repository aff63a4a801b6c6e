namespace DynamicFs.Disks;

/// <summary>Names below a disk's path, part of the on-disk format. Who owns a file defines what is in it.</summary>
public static class DiskLayout
{
    /// <summary>The only directory below the operator's path that is ours; everything else there is never touched.</summary>
    public const string Directory = ".dynfs";

    public const string Label = "disk.json";
    public const string LabelTemporary = "disk.json.new";
    public const string Lock = "lock";
    public const string Roots = "roots";
    public const string Meta = "meta";
    public const string Journal = "journal";
    public const string Fragments = "fragments";
    public const string Temporary = "tmp";
    public const string Quarantine = "quarantine";
    public const string Audit = "audit";

    /// <summary>The directories that <c>Format</c> makes.</summary>
    public static IReadOnlyList<string> Subdirectories { get; } = [Fragments, Temporary, Quarantine];
}
