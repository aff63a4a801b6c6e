using System.Numerics;

namespace DynamicFs.Erasure;

/// <summary>
/// Matrices over GF(2^8), row after row in one array. The generator is ISA-L's <c>gf_gen_cauchy1_matrix</c>: the identity over K rows, then
/// parity row i, column j holding 1 / (i XOR j). Every K of its rows are independent, so any K fragments give back the data.
/// </summary>
internal static class CauchyMatrix
{
    /// <summary>The (K+M) x K generator.</summary>
    public static byte[] Generator(int dataCount, int parityCount)
    {
        var matrix = new byte[(dataCount + parityCount) * dataCount];
        for (int row = 0; row < dataCount; row++)
            matrix[(row * dataCount) + row] = 1;
        for (int row = dataCount; row < dataCount + parityCount; row++)
        {
            for (int column = 0; column < dataCount; column++)
                matrix[(row * dataCount) + column] = GaloisField.Inverse((byte)(row ^ column));
        }

        return matrix;
    }

    /// <summary>
    /// The coefficients that make the fragments of <paramref name="wanted"/> out of those of <paramref name="survivors"/> (K of them), both as bit
    /// masks of fragment indexes: one row per wanted fragment, one column per survivor, in the order of the indexes.
    /// </summary>
    public static byte[] Recovery(ReadOnlySpan<byte> generator, int dataCount, uint survivors, uint wanted)
    {
        var rows = new byte[dataCount * dataCount];
        CopyRows(generator, dataCount, survivors, rows);
        byte[] inverse = Invert(rows, dataCount);
        var wantedRows = new byte[BitOperations.PopCount(wanted) * dataCount];
        CopyRows(generator, dataCount, wanted, wantedRows);
        return Multiply(wantedRows, inverse, dataCount);
    }

    /// <summary>Gauss-Jordan elimination; <paramref name="matrix"/> becomes the identity on the way.</summary>
    public static byte[] Invert(Span<byte> matrix, int size)
    {
        var inverse = new byte[size * size];
        for (int i = 0; i < size; i++)
            inverse[(i * size) + i] = 1;

        for (int pivot = 0; pivot < size; pivot++)
        {
            int from = pivot;
            while (from < size && matrix[(from * size) + pivot] == 0)
                from++;
            if (from == size)
                throw new InvalidOperationException("a singular matrix has no inverse");
            SwapRows(matrix, size, from, pivot);
            SwapRows(inverse, size, from, pivot);

            byte scale = GaloisField.Inverse(matrix[(pivot * size) + pivot]);
            ScaleRow(Row(matrix, size, pivot), scale);
            ScaleRow(Row(inverse, size, pivot), scale);
            for (int row = 0; row < size; row++)
            {
                byte factor = matrix[(row * size) + pivot];
                if (row == pivot || factor == 0)
                    continue;
                AddScaledRow(Row(matrix, size, row), Row(matrix, size, pivot), factor);
                AddScaledRow(Row(inverse, size, row), Row(inverse, size, pivot), factor);
            }
        }

        return inverse;
    }

    /// <summary>The product of a matrix with <paramref name="size"/> columns and a square one.</summary>
    public static byte[] Multiply(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right, int size)
    {
        var product = new byte[left.Length];
        for (int i = 0; i < left.Length; i++)
        {
            Span<byte> row = product.AsSpan(i / size * size, size);
            AddScaledRow(row, right.Slice(i % size * size, size), left[i]);
        }

        return product;
    }

    private static void CopyRows(ReadOnlySpan<byte> from, int size, uint mask, Span<byte> to)
    {
        for (int at = 0; mask != 0; mask &= mask - 1, at += size)
            from.Slice(BitOperations.TrailingZeroCount(mask) * size, size).CopyTo(to[at..]);
    }

    private static Span<byte> Row(Span<byte> matrix, int size, int row) => matrix.Slice(row * size, size);

    private static void SwapRows(Span<byte> matrix, int size, int a, int b)
    {
        for (int i = 0; a != b && i < size; i++)
            (matrix[(a * size) + i], matrix[(b * size) + i]) = (matrix[(b * size) + i], matrix[(a * size) + i]);
    }

    private static void ScaleRow(Span<byte> row, byte factor)
    {
        foreach (ref byte cell in row)
            cell = GaloisField.Multiply(cell, factor);
    }

    private static void AddScaledRow(Span<byte> row, ReadOnlySpan<byte> source, byte factor)
    {
        for (int i = 0; i < row.Length; i++)
            row[i] ^= GaloisField.Multiply(source[i], factor);
    }
}
