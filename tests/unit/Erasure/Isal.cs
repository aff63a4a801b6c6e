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

    /// <summary>What ISA-L prepares of the parity rows for its kernels.</summary>
    public static byte[] Tables(int dataCount, int parityCount)
    {
        var tables = new byte[32 * dataCount * parityCount];
        fixed (byte* matrix = CauchyGenerator(dataCount, parityCount), prepared = tables)
            InitTables(dataCount, parityCount, matrix + (dataCount * dataCount), prepared);
        return tables;
    }

    public static void Encode(byte[] tables, int dataCount, int parityCount, nint* data, nint* parity, int lengthBytes)
    {
        fixed (byte* prepared = tables)
            EncodeData(lengthBytes, dataCount, parityCount, prepared, data, parity);
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
