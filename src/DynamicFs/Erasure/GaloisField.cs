namespace DynamicFs.Erasure;

/// <summary>
/// The field GF(2^8) over x^8 + x^4 + x^3 + x^2 + 1 (0x11d), as ISA-L and most storage systems use it. Addition is XOR; 2 generates all non-zero
/// elements, so products are sums of logarithms.
/// </summary>
internal static class GaloisField
{
    public const int Polynomial = 0x11d;

    private const int Order = 255;

    // Twice the period, so that the sum of two logarithms needs no reduction.
    private static readonly byte[] s_powers = new byte[2 * Order];
    private static readonly byte[] s_logarithms = new byte[256];

    static GaloisField()
    {
        int power = 1;
        for (int exponent = 0; exponent < Order; exponent++)
        {
            s_powers[exponent] = s_powers[exponent + Order] = (byte)power;
            s_logarithms[power] = (byte)exponent;
            power <<= 1;
            if (power > 255)
                power ^= Polynomial;
        }
    }

    public static byte Multiply(byte a, byte b) => a == 0 || b == 0 ? (byte)0 : s_powers[s_logarithms[a] + s_logarithms[b]];

    /// <summary>The x with a * x = 1; zero has none.</summary>
    public static byte Inverse(byte a)
    {
        ArgumentOutOfRangeException.ThrowIfZero(a);
        return s_powers[Order - s_logarithms[a]];
    }
}
