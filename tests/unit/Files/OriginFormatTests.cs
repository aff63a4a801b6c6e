using DynamicFs.Files;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Files;

public sealed class OriginFormatTests
{
    private static readonly ExtentId _extent = new(42);

    [Fact]
    public void OriginsComeBack()
    {
        byte[] bytes = Sample(out List<Origin> origins);
        Assert.Equal(origins, OriginFormat.Read(_extent, bytes, 10_000));
    }

    [Fact]
    public void AnOriginOutsideItsExtentIsRefused()
    {
        byte[] bytes = Sample(out _);
        Assert.Throws<CorruptionException>(() => OriginFormat.Read(_extent, bytes, 9_999));
        Assert.Throws<CorruptionException>(() => OriginFormat.Read(_extent, bytes.AsSpan(0, bytes.Length - 1), 10_000));
        Assert.Throws<CorruptionException>(() => OriginFormat.Read(_extent, [], 10_000));
    }

    [Fact]
    public void MutationsNeverBreakTheParser()
    {
        byte[] sample = Sample(out _);
        var random = new Random(7);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] mutated = sample.AsSpan(0, random.Next(4) == 0 ? random.Next(sample.Length) : sample.Length).ToArray();
            if (mutated.Length > 0)
                mutated[random.Next(mutated.Length)] ^= (byte)random.Next(1, 256);
            try
            {
                foreach (Origin origin in OriginFormat.Read(_extent, mutated, 10_000))
                    Assert.True(origin.LengthBytes > 0 && origin.ExtentOffset >= 0 && origin.ExtentOffset + origin.LengthBytes <= 10_000);
            }
            catch (CorruptionException)
            {
            }
        }
    }

    private static byte[] Sample(out List<Origin> origins)
    {
        origins = [new Origin(new InodeNumber(2), 0, 0, 4096), new Origin(new InodeNumber(9), 1L << 40, 4096, 5904)];
        byte[] bytes = new byte[OriginFormat.SizeOf(origins.Count)];
        OriginFormat.Write(bytes, origins);
        return bytes;
    }
}
