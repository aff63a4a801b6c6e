using System.Numerics;
using DynamicFs.Erasure;
using Xunit;

namespace DynamicFs.UnitTests.Erasure;

public sealed class CauchyMatrixTests
{
    [Fact]
    public void Every_generator_is_isals()
    {
        for (int dataCount = 2; dataCount < ReedSolomon.MaxWidth; dataCount++)
        {
            for (int parityCount = 1; dataCount + parityCount <= ReedSolomon.MaxWidth; parityCount++)
                Assert.Equal(Isal.CauchyGenerator(dataCount, parityCount), CauchyMatrix.Generator(dataCount, parityCount));
        }
    }

    [Theory]
    [InlineData(2, 1)]
    [InlineData(4, 2)]
    [InlineData(8, 3)]
    [InlineData(6, 6)]
    public void Any_k_rows_recover_the_data(int dataCount, int parityCount)
    {
        byte[] generator = CauchyMatrix.Generator(dataCount, parityCount);
        uint dataMask = (1u << dataCount) - 1;
        for (uint survivors = 0; survivors < 1u << (dataCount + parityCount); survivors++)
        {
            if (BitOperations.PopCount(survivors) != dataCount)
                continue;
            byte[] recovery = CauchyMatrix.Recovery(generator, dataCount, survivors, dataMask);
            Assert.Equal(generator[..(dataCount * dataCount)], CauchyMatrix.Multiply(recovery, RowsOf(generator, dataCount, survivors), dataCount));
        }
    }

    [Fact]
    public void Recovery_of_the_parity_from_the_data_is_the_generators_lower_part()
    {
        byte[] generator = CauchyMatrix.Generator(4, 2);
        Assert.Equal(generator[16..], CauchyMatrix.Recovery(generator, 4, survivors: 0b001111, wanted: 0b110000));
    }

    [Fact]
    public void Singular_matrix_is_refused() =>
        Assert.Throws<InvalidOperationException>(() => CauchyMatrix.Invert(new byte[] { 1, 2, 1, 2 }, 2));

    [Fact]
    public void Inverting_copes_with_a_zero_pivot()
    {
        byte[] swap = [0, 1, 1, 0];
        Assert.Equal(swap, CauchyMatrix.Invert(swap.ToArray(), 2));
    }

    private static byte[] RowsOf(byte[] matrix, int size, uint mask) =>
        [.. Enumerable.Range(0, 32).Where(row => (mask >> row & 1) != 0).SelectMany(row => matrix[(row * size)..((row + 1) * size)])];
}
