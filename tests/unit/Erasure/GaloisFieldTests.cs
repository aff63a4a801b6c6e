using DynamicFs.Erasure;
using Xunit;

namespace DynamicFs.UnitTests.Erasure;

public sealed class GaloisFieldTests
{
    [Fact]
    public void Every_product_is_the_polynomials_and_isals()
    {
        for (int a = 0; a < 256; a++)
        {
            for (int b = 0; b < 256; b++)
            {
                byte product = GaloisField.Multiply((byte)a, (byte)b);
                Assert.Equal(PolynomialProduct(a, b), product);
                Assert.Equal(Isal.Multiply((byte)a, (byte)b), product);
            }
        }
    }

    [Fact]
    public void Every_element_but_zero_has_its_inverse()
    {
        for (int a = 1; a < 256; a++)
            Assert.Equal(1, GaloisField.Multiply((byte)a, GaloisField.Inverse((byte)a)));
        Assert.Throws<ArgumentOutOfRangeException>(() => GaloisField.Inverse(0));
    }

    private static byte PolynomialProduct(int a, int b)
    {
        int product = 0;
        for (int bit = 0; bit < 8; bit++)
            product ^= ((b >> bit) & 1) * (a << bit);
        for (int bit = 14; bit >= 8; bit--)
            product ^= ((product >> bit) & 1) * (GaloisField.Polynomial << (bit - 8));
        return (byte)product;
    }
}
