using DynamicFs.Fuzz.Targets;

namespace DynamicFs.Fuzz;

/// <summary>Every parser of bytes that somebody else may have written or damaged.</summary>
internal static class FuzzTargets
{
    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        .. DiskTargets.All(), .. MetadataTargets.All(), .. RecordTargets.All(), .. TreeTargets.All(), .. AdminTargets.All(), FuseTarget.Target,
    ];

    public static FuzzTarget? Find(string name) => All.FirstOrDefault(target => target.Name == name);
}
