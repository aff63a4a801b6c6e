using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>
/// What the pool tree keeps of an extent: how it is protected, how its bytes are laid out over the fragments and where each fragment is.
/// Immutable; a re-placed fragment gives a new record.
/// </summary>
/// <param name="Id">Number of the extent.</param>
/// <param name="Birth">Generation of the transaction that the extent was written in.</param>
/// <param name="Scheme">Its redundancy.</param>
/// <param name="LengthBytes">Bytes of the extent: slices, then the origin directory.</param>
/// <param name="DirectoryOffset">Where the origin directory (who owned the slices when it was written) starts; equals LengthBytes when there is none.</param>
/// <param name="UnitBytes">Striping unit: unit i of the data is in data fragment i mod K. A multiple of 4096. Ignored for replicas.</param>
/// <param name="Fragments">One per fragment index; missing ones have disk index -1.</param>
public sealed record ExtentRecord(
    ExtentId Id,
    Generation Birth,
    RedundancyScheme Scheme,
    int LengthBytes,
    int DirectoryOffset,
    int UnitBytes,
    FragmentPlace[] Fragments);

/// <summary>Where one fragment is (member index, -1 when it has no place) and the checksum of its header and block table.</summary>
public readonly record struct FragmentPlace(short DiskIndex, Checksum HeaderChecksum)
{
    public static readonly FragmentPlace None = new(-1, default);
    public bool IsPlaced => DiskIndex >= 0;
}
