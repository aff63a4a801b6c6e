using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DynamicFs.Erasure;

/// <summary>The ways to run a coding matrix, slowest first. <see cref="Scalar"/> is the oracle that all others are tested against.</summary>
internal enum CodingKernel
{
    Scalar,
    Vector128,
    Avx2,
    Gfni256,
    Gfni512,
}

internal static class CodingKernels
{
    /// <summary>What this machine runs; decided once.</summary>
    public static CodingKernel Best { get; } = Enum.GetValues<CodingKernel>().Where(IsSupported).Max();

    public static bool IsSupported(CodingKernel kernel) => kernel switch
    {
        CodingKernel.Scalar => true,
        CodingKernel.Vector128 => Vector128.IsHardwareAccelerated,
        CodingKernel.Avx2 => Avx2.IsSupported,
        CodingKernel.Gfni256 => Gfni.V256.IsSupported,
        CodingKernel.Gfni512 => Gfni.V512.IsSupported && Vector512.IsHardwareAccelerated,
        _ => false,
    };
}
