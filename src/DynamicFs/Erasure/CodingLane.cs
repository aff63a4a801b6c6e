using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DynamicFs.Erasure;

/// <summary>
/// One way to multiply a vector of bytes by a coefficient. Static members of empty structs, so that the loop over them is compiled once per lane
/// with everything inlined.
/// </summary>
internal unsafe interface ICodingLane<TVector>
    where TVector : unmanaged
{
    /// <summary>What the multiplication keeps per coefficient.</summary>
    static abstract int EntryBytes { get; }

    static abstract void WriteEntry(byte coefficient, byte* entry);

    /// <summary>sum + coefficient * source, in every byte.</summary>
    static abstract TVector MultiplyAdd(TVector sum, TVector source, byte* entry);
}

/// <summary>GFNI: multiplication by a constant is linear over the bits, so it is one 8 x 8 bit matrix per coefficient, in one instruction.</summary>
internal readonly unsafe struct Gfni512Lane : ICodingLane<Vector512<byte>>
{
    public static int EntryBytes => sizeof(ulong);

    public static void WriteEntry(byte coefficient, byte* entry) => *(ulong*)entry = LaneTables.BitMatrix(coefficient);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> MultiplyAdd(Vector512<byte> sum, Vector512<byte> source, byte* entry) =>
        sum ^ Gfni.V512.GaloisFieldAffineTransform(source, Vector512.Create(*(ulong*)entry).AsByte(), 0);
}

internal readonly unsafe struct Gfni256Lane : ICodingLane<Vector256<byte>>
{
    public static int EntryBytes => sizeof(ulong);

    public static void WriteEntry(byte coefficient, byte* entry) => *(ulong*)entry = LaneTables.BitMatrix(coefficient);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> MultiplyAdd(Vector256<byte> sum, Vector256<byte> source, byte* entry) =>
        sum ^ Gfni.V256.GaloisFieldAffineTransform(source, Vector256.Create(*(ulong*)entry).AsByte(), 0);
}

/// <summary>Byte shuffles: the products of the sixteen low and the sixteen high nibbles are looked up and added.</summary>
internal readonly unsafe struct Avx2Lane : ICodingLane<Vector256<byte>>
{
    public static int EntryBytes => LaneTables.NibbleEntryBytes;

    public static void WriteEntry(byte coefficient, byte* entry) => LaneTables.WriteNibbles(coefficient, entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> MultiplyAdd(Vector256<byte> sum, Vector256<byte> source, byte* entry)
    {
        Vector256<byte> mask = Vector256.Create((byte)0x0f);
        Vector256<byte> low = Avx2.BroadcastVector128ToVector256(entry);
        Vector256<byte> high = Avx2.BroadcastVector128ToVector256(entry + 16);
        Vector256<byte> highNibbles = (source.AsUInt16() >> 4).AsByte() & mask;
        return sum ^ Avx2.Shuffle(low, source & mask) ^ Avx2.Shuffle(high, highNibbles);
    }
}

/// <summary>The same with 16-byte vectors of whatever the machine has: SSSE3, or AdvSimd on arm64.</summary>
internal readonly unsafe struct Vector128Lane : ICodingLane<Vector128<byte>>
{
    public static int EntryBytes => LaneTables.NibbleEntryBytes;

    public static void WriteEntry(byte coefficient, byte* entry) => LaneTables.WriteNibbles(coefficient, entry);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> MultiplyAdd(Vector128<byte> sum, Vector128<byte> source, byte* entry)
    {
        Vector128<byte> mask = Vector128.Create((byte)0x0f);
        Vector128<byte> highNibbles = (source.AsUInt16() >> 4).AsByte() & mask;
        return sum
            ^ Vector128.ShuffleNative(Vector128.Load(entry), source & mask)
            ^ Vector128.ShuffleNative(Vector128.Load(entry + 16), highNibbles);
    }
}

internal static unsafe class LaneTables
{
    public const int NibbleEntryBytes = 32;

    /// <summary>
    /// The operand of <c>gf2p8affineqb</c> (Intel SDM): bit i of the result is the parity of the source and byte 7 - i. Bit j of that byte is
    /// therefore bit i of coefficient * 2^j.
    /// </summary>
    public static ulong BitMatrix(byte coefficient)
    {
        ulong matrix = 0;
        for (int j = 0; j < 8; j++)
        {
            byte product = GaloisField.Multiply(coefficient, (byte)(1 << j));
            for (int i = 0; i < 8; i++)
                matrix |= (ulong)((product >> i) & 1) << (((7 - i) * 8) + j);
        }

        return matrix;
    }

    public static void WriteNibbles(byte coefficient, byte* entry)
    {
        for (int nibble = 0; nibble < 16; nibble++)
        {
            entry[nibble] = GaloisField.Multiply(coefficient, (byte)nibble);
            entry[16 + nibble] = GaloisField.Multiply(coefficient, (byte)(nibble << 4));
        }
    }
}
