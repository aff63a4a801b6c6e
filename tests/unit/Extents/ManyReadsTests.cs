using DynamicFs.Extents;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Extents;

/// <summary>Enough reads, on several threads, that the compiler's optimized code is what runs.</summary>
public sealed class ManyReadsTests
{
    [Fact]
    public void Reads_stay_right_when_there_are_many()
    {
        using var pool = new ExtentPool(6, threads: 2);
        byte[] data = ExtentPool.Bytes(8 << 20, 9);
        ExtentRecord record = pool.Write(RedundancyScheme.ReedSolomon(4, 2), data);
        Assert.Empty(pool.Store.SyncDirectories());
        Parallel.For(0, 4, thread =>
        {
            var random = new Random(thread);
            for (int i = 0; i < 1500; i++)
            {
                int offset = random.Next(data.Length);
                pool.AssertRange(record, data, offset, 1 + random.Next(Math.Min(data.Length - offset, i % 50 == 0 ? 2_000_000 : 131_072)));
            }
        });
        Assert.Empty(pool.Damages);
    }
}
