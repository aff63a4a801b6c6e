using System.Runtime.Intrinsics.X86;
using DynamicFs.Erasure;
using Xunit;

namespace DynamicFs.UnitTests.Erasure;

public sealed unsafe class CodingKernelTests
{
    private static readonly int[] s_lengths =
        [0, 1, 7, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 1000, 4096, 8191, 8192, 8193, 8192 + 63, 16384, 16385, 20011];

    /// <summary>Every kernel that this machine can run; the scalar one is what they are compared with.</summary>
    public static TheoryData<string> Kernels =>
        [.. Enum.GetValues<CodingKernel>().Where(CodingKernels.IsSupported).Select(kernel => kernel.ToString())];

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Agrees_with_the_scalar_oracle_at_every_length(string kernel)
    {
        foreach ((int columns, int rows) in new[] { (2, 1), (4, 2), (8, 3), (3, 4), (6, 5), (5, 9) })
        {
            foreach (int lengthBytes in s_lengths)
                Compare(Enum.Parse<CodingKernel>(kernel), columns, rows, lengthBytes);
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Agrees_with_the_scalar_oracle_at_the_widest(string kernel)
    {
        foreach ((int columns, int rows) in new[] { (31, 1), (2, 30), (16, 16), (24, 8) })
            Compare(Enum.Parse<CodingKernel>(kernel), columns, rows, 8192 + 77);
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Multiplies_every_byte_by_every_coefficient(string kernel)
    {
        byte[] coefficients = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
        var matrix = new CodingMatrix(Enum.Parse<CodingKernel>(kernel), coefficients, columns: 1);
        using var input = new Fragments(1, 256);
        using var output = new Fragments(256, 256);
        coefficients.CopyTo(input[0]);
        Apply(matrix, input, output, 256);
        for (int coefficient = 0; coefficient < 256; coefficient++)
        {
            for (int value = 0; value < 256; value++)
                Assert.Equal(GaloisField.Multiply((byte)coefficient, (byte)value), output[coefficient][value]);
        }
    }

    [Fact]
    public void The_best_kernel_is_a_supported_and_never_the_scalar_one()
    {
        Assert.True(CodingKernels.IsSupported(CodingKernels.Best));
        Assert.NotEqual(CodingKernel.Scalar, CodingKernels.Best);
        if (Gfni.V256.IsSupported)
            Assert.True(CodingKernels.Best >= CodingKernel.Gfni256);
    }

    private static void Compare(CodingKernel kernel, int columns, int rows, int lengthBytes)
    {
        var coefficients = new byte[rows * columns];
        new Random((columns * 100) + rows).NextBytes(coefficients);
        using var inputs = new Fragments(columns, lengthBytes);
        using var expected = new Fragments(rows, lengthBytes);
        using var actual = new Fragments(rows, lengthBytes);
        inputs.Randomize(lengthBytes, 0, columns);
        Apply(new CodingMatrix(CodingKernel.Scalar, coefficients, columns), inputs, expected, lengthBytes);
        Apply(new CodingMatrix(kernel, coefficients, columns), inputs, actual, lengthBytes);
        for (int row = 0; row < rows; row++)
            actual.AssertEqual(expected, row, $"{kernel} {rows} x {columns}, {lengthBytes} bytes");
        inputs.AssertGuards();
        actual.AssertGuards();
    }

    private static void Apply(CodingMatrix matrix, Fragments inputs, Fragments outputs, int lengthBytes)
    {
        fixed (nint* from = inputs.Pointers, to = outputs.Pointers)
            matrix.Apply((byte**)from, (byte**)to, lengthBytes);
    }
}
