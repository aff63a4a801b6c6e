using System.Runtime.InteropServices;

namespace DynamicFs.UnitTests.Erasure;

/// <summary>Intel's ISA-L as the distribution ships it (libisal2): the oracle for every byte of the code.</summary>
internal static unsafe partial class Isal
{
    private const string Library = "libisal.so.2";

    public static byte[] CauchyGenerator(int dataCount, int parityCount)
    {
        var matrix = new byte[(dataCount + parityCount) * dataCount];
        fixed (byte* start = matrix)
            GenerateCauchy1(start, dataCount + parityCount, dataCount);
        return matrix;
    }

    public static void Encode(int dataCount, int parityCount, nint* data, nint* parity, int lengthBytes)
    {
        byte[] generator = CauchyGenerator(dataCount, parityCount);
        var tables = new byte[32 * dataCount * parityCount];
        fixed (byte* matrix = generator, prepared = tables)
        {
            InitTables(dataCount, parityCount, matrix + (dataCount * dataCount), prepared);
            EncodeData(lengthBytes, dataCount, parityCount, prepared, data, parity);
        }
    }

    [LibraryImport(Library, EntryPoint = "gf_mul")]
    public static partial byte Multiply(byte a, byte b);

    [LibraryImport(Library, EntryPoint = "gf_gen_cauchy1_matrix")]
    private static partial void GenerateCauchy1(byte* matrix, int rows, int columns);

    [LibraryImport(Library, EntryPoint = "ec_init_tables")]
    private static partial void InitTables(int columns, int rows, byte* matrix, byte* tables);

    [LibraryImport(Library, EntryPoint = "ec_encode_data")]
    private static partial void EncodeData(int lengthBytes, int columns, int rows, byte* tables, nint* inputs, nint* outputs);
}
