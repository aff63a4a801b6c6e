using System.Collections.Concurrent;
using System.Numerics;

namespace DynamicFs.Erasure;

/// <summary>
/// The Reed-Solomon code of K data and M parity fragments: any K of the K+M fragments give back all others. Fragment indexes are 0..K-1 for data and
/// K..K+M-1 for parity. The bytes are those of ISA-L with <c>gf_gen_cauchy1_matrix</c>; they are on disk, so the code must never change.
/// <para>
/// Pointers are to native or pinned memory of <c>lengthBytes</c> bytes each, of any alignment; outputs must not overlap inputs. Thread-safe;
/// allocates nothing except once per new pattern of erasures, of which at most <see cref="MaxCachedPatterns"/> are kept.
/// </para>
/// </summary>
public sealed unsafe class ReedSolomon
{
    /// <summary>Largest K+M.</summary>
    public const int MaxWidth = 32;

    internal const int MaxCachedPatterns = 512;

    private static readonly ConcurrentDictionary<(int, int), ReedSolomon> s_codes = new();

    private readonly CodingKernel _kernel;
    private readonly byte[] _generator;
    private readonly CodingMatrix _parity;
    private readonly ConcurrentDictionary<ulong, CodingMatrix> _recoveries = new();

    internal ReedSolomon(int dataCount, int parityCount, CodingKernel kernel)
    {
        // One data fragment means replicas: its parity would be scaled, not copied, and nobody could read a copy as it is.
        ArgumentOutOfRangeException.ThrowIfLessThan(dataCount, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(parityCount, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(dataCount + parityCount, MaxWidth);
        (DataCount, ParityCount, _kernel) = (dataCount, parityCount, kernel);
        _generator = CauchyMatrix.Generator(dataCount, parityCount);
        _parity = new CodingMatrix(kernel, _generator[(dataCount * dataCount)..], dataCount);
    }

    public int DataCount { get; }
    public int ParityCount { get; }
    public int Width => DataCount + ParityCount;

    internal int CachedPatternCount => _recoveries.Count;

    private uint AllMask => (uint)((1UL << Width) - 1);

    /// <summary>The code for K = <paramref name="dataCount"/> (from 2) and M = <paramref name="parityCount"/> (from 1), K+M up to 32.</summary>
    public static ReedSolomon Get(int dataCount, int parityCount) =>
        s_codes.TryGetValue((dataCount, parityCount), out ReedSolomon? code)
            ? code
            : s_codes.GetOrAdd((dataCount, parityCount), key => new ReedSolomon(key.Item1, key.Item2, CodingKernels.Best));

    /// <summary>Computes all M parity fragments from the K data fragments.</summary>
    public void Encode(ReadOnlySpan<nint> data, ReadOnlySpan<nint> parity, int lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(data.Length, DataCount);
        ArgumentOutOfRangeException.ThrowIfNotEqual(parity.Length, ParityCount);
        ArgumentOutOfRangeException.ThrowIfNegative(lengthBytes);
        fixed (nint* inputs = data, outputs = parity)
            _parity.Apply((byte**)inputs, (byte**)outputs, lengthBytes);
    }

    /// <summary>
    /// Computes the fragments of <paramref name="wantedMask"/> (bit i is fragment i) from K of those in <paramref name="presentMask"/>, lowest indexes
    /// first. <paramref name="fragments"/> has K+M pointers, sources and destinations; those of neither mask are not looked at. A fragment cannot be
    /// both, and fewer than K present ones are refused.
    /// </summary>
    public void Reconstruct(ReadOnlySpan<nint> fragments, uint presentMask, uint wantedMask, int lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(fragments.Length, Width);
        ArgumentOutOfRangeException.ThrowIfNegative(lengthBytes);
        ArgumentOutOfRangeException.ThrowIfNotEqual((presentMask | wantedMask) & ~AllMask, 0u, nameof(presentMask));
        ArgumentOutOfRangeException.ThrowIfNotEqual(presentMask & wantedMask, 0u, nameof(wantedMask));
        ArgumentOutOfRangeException.ThrowIfLessThan(BitOperations.PopCount(presentMask), DataCount, nameof(presentMask));
        if (wantedMask == 0)
            return;

        uint survivors = Lowest(presentMask, DataCount);
        nint* inputs = stackalloc nint[MaxWidth];
        nint* outputs = stackalloc nint[MaxWidth];
        Gather(fragments, survivors, inputs);
        Gather(fragments, wantedMask, outputs);
        Recovery(survivors, wantedMask).Apply((byte**)inputs, (byte**)outputs, lengthBytes);
    }

    private static uint Lowest(uint mask, int count)
    {
        uint rest = mask;
        for (int i = 0; i < count; i++)
            rest &= rest - 1;
        return mask & ~rest;
    }

    private static void Gather(ReadOnlySpan<nint> fragments, uint mask, nint* to)
    {
        for (; mask != 0; mask &= mask - 1)
            *to++ = fragments[BitOperations.TrailingZeroCount(mask)];
    }

    private CodingMatrix Recovery(uint survivors, uint wanted)
    {
        ulong pattern = ((ulong)survivors << 32) | wanted;
        if (_recoveries.TryGetValue(pattern, out CodingMatrix? matrix))
            return matrix;

        // Patterns follow from which disks are missing, so they are few; starting over is simpler than ageing and as good.
        if (_recoveries.Count >= MaxCachedPatterns)
            _recoveries.Clear();
        matrix = new CodingMatrix(_kernel, CauchyMatrix.Recovery(_generator, DataCount, survivors, wanted), DataCount);
        _recoveries[pattern] = matrix;
        return matrix;
    }
}
