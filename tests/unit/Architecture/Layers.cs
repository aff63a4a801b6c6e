namespace DynamicFs.UnitTests.Architecture;

/// <summary>
/// The table of allowed dependencies between the folders of src/DynamicFs. A folder may use those it names and everything that these may use.
/// Pool.cs and its parts lie in src/DynamicFs itself and may use all.
/// </summary>
internal static class Layers
{
    private static readonly Dictionary<string, string[]> s_mayUse = new()
    {
        ["Primitives"] = [],
        ["Erasure"] = [],
        ["Interop"] = ["Primitives"],
        ["Disks"] = ["Interop"],
        ["Extents"] = ["Disks", "Erasure"],
        ["Metadata"] = ["Disks"],
        ["Files"] = ["Metadata", "Extents"],
        ["Fuse"] = ["Files"],
        ["Maintenance"] = ["Files"],
        ["Admin"] = ["Fuse", "Maintenance"],
    };

    public static IReadOnlyCollection<string> Folders => s_mayUse.Keys;

    public static bool MayUse(string folder, string used) =>
        folder == used || s_mayUse[folder].Any(direct => direct == used || MayUse(direct, used));
}
