using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>
/// Names one version of one page: its number, the generation it was born in, and the BLAKE3 of all its bytes. The checksum is zero while the page
/// is dirty; it is filled in when the page is written (<see cref="PageSeal"/>), and never read before.
/// </summary>
internal readonly record struct PagePointer(ulong Number, ulong Birth, Checksum Checksum)
{
    public static readonly PagePointer None;
    public bool IsNone => Number == 0;
    public PagePointer WithChecksum(Checksum checksum) => this with { Checksum = checksum };
    public override string ToString() => $"page {Number} of generation {Birth}";
}
