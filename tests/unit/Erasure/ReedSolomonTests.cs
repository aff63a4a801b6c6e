using System.Numerics;
using DynamicFs.Erasure;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Erasure;

public sealed unsafe class ReedSolomonTests
{
    [Theory]
    [InlineData(2, 1, 1)]
    [InlineData(2, 1, 4096)]
    [InlineData(4, 2, 65536)]
    [InlineData(4, 2, 16383)]
    [InlineData(8, 3, 4097)]
    [InlineData(10, 4, 1000)]
    [InlineData(16, 16, 777)]
    [InlineData(31, 1, 640)]
    [InlineData(2, 30, 129)]
    public void Parity_is_isals(int dataCount, int parityCount, int lengthBytes)
    {
        using var ours = Encoded(ReedSolomon.Get(dataCount, parityCount), lengthBytes);
        using var theirs = new Fragments(dataCount + parityCount, lengthBytes);
        ours.CopyTo(theirs);
        for (int i = dataCount; i < dataCount + parityCount; i++)
            theirs[i].Clear();
        fixed (nint* pointers = theirs.Pointers)
            Isal.Encode(Isal.Tables(dataCount, parityCount), dataCount, parityCount, pointers, pointers + dataCount, lengthBytes);
        for (int i = dataCount; i < dataCount + parityCount; i++)
            ours.AssertEqual(theirs, i, "parity");
    }

    [Theory]
    [InlineData(2, 1)]
    [InlineData(4, 2)]
    [InlineData(8, 3)]
    public void Every_erasure_pattern_comes_back(int dataCount, int parityCount)
    {
        const int lengthBytes = 193;
        int width = dataCount + parityCount;
        foreach (CodingKernel kernel in Enum.GetValues<CodingKernel>().Where(CodingKernels.IsSupported))
        {
            var code = new ReedSolomon(dataCount, parityCount, kernel);
            using Fragments whole = Encoded(code, lengthBytes);
            for (uint erased = 1; erased < 1u << width; erased++)
            {
                if (BitOperations.PopCount(erased) > parityCount)
                    continue;
                Recover(code, whole, Full(width) & ~erased, erased, lengthBytes);
                for (uint rest = erased; rest != 0; rest &= rest - 1)
                    Recover(code, whole, Full(width) & ~erased, rest & (~rest + 1), lengthBytes);
            }
        }
    }

    [Theory]
    [InlineData(3, 3)]
    [InlineData(10, 4)]
    [InlineData(16, 4)]
    [InlineData(16, 16)]
    [InlineData(2, 30)]
    [InlineData(30, 2)]
    [InlineData(31, 1)]
    public void Sampled_erasure_patterns_come_back(int dataCount, int parityCount)
    {
        const int lengthBytes = 321;
        int width = dataCount + parityCount;
        ReedSolomon code = ReedSolomon.Get(dataCount, parityCount);
        var random = new Random((dataCount * 64) + parityCount);
        using Fragments whole = Encoded(code, lengthBytes);
        for (int sample = 0; sample < 200; sample++)
        {
            int[] order = [.. Enumerable.Range(0, width)];
            random.Shuffle(order);
            uint erased = MaskOf(order.AsSpan(0, random.Next(1, parityCount + 1)));
            Recover(code, whole, Full(width) & ~erased, erased, lengthBytes);
        }

        Assert.InRange(code.CachedPatternCount, 1, ReedSolomon.MaxCachedPatterns);
    }

    [Fact]
    public void Only_what_is_wanted_is_written()
    {
        ReedSolomon code = ReedSolomon.Get(4, 2);
        using Fragments whole = Encoded(code, 100);
        using var damaged = new Fragments(6, 100);
        whole.CopyTo(damaged);
        damaged[0].Fill(0xee);
        damaged[5].Fill(0xee);
        nint[] pointers = [.. damaged.Pointers];
        pointers[5] = 0;
        code.Reconstruct(pointers, presentMask: 0b011110, wantedMask: 0b000001, 100);
        damaged.AssertEqual(whole, 0, "wanted");
        Assert.Equal(-1, damaged[5].IndexOfAnyExcept((byte)0xee));
        code.Reconstruct(pointers, presentMask: 0b011110, wantedMask: 0, 100);
    }

    [Fact]
    public void The_pattern_cache_is_bounded()
    {
        ReedSolomon code = new(16, 16, CodingKernels.Best);
        using Fragments whole = Encoded(code, 64);
        var random = new Random(7);
        int[] order = [.. Enumerable.Range(0, 32)];
        for (int i = 0; i < ReedSolomon.MaxCachedPatterns + 200; i++)
        {
            random.Shuffle(order);
            uint erased = MaskOf(order.AsSpan(0, 8));
            Recover(code, whole, ~erased, erased, 64);
            Assert.InRange(code.CachedPatternCount, 1, ReedSolomon.MaxCachedPatterns);
        }
    }

    [Fact]
    public void Nothing_is_allocated_per_call()
    {
        ReedSolomon code = ReedSolomon.Get(4, 2);
        using Fragments fragments = Encoded(code, 256);
        nint[] pointers = fragments.Pointers;
        Calls();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Calls();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Calls()
        {
            for (int i = 0; i < 100; i++)
            {
                ReedSolomon.Get(4, 2).Encode(pointers.AsSpan(0, 4), pointers.AsSpan(4, 2), 256);
                code.Reconstruct(pointers, 0b111100, 0b000011, 256);
            }
        }
    }

    [Fact]
    public void Threads_share_a_code()
    {
        ReedSolomon code = new(8, 3, CodingKernels.Best);
        using Fragments whole = Encoded(code, 200);
        Parallel.For(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i =>
        {
            uint erased = MaskOf([i % 11, (i + 3) % 11, (i + 7) % 11]);
            Recover(code, whole, Full(11) & ~erased, erased, 200);
        });
    }

    [Fact]
    public void Every_policy_that_can_be_named_has_its_code()
    {
        Assert.Equal(RedundancyScheme.MaxWidth, ReedSolomon.MaxWidth);
        for (int k = 2; k < ReedSolomon.MaxWidth; k++)
        {
            for (int m = 1; k + m <= ReedSolomon.MaxWidth; m++)
            {
                Assert.True(RedundancyScheme.ReedSolomon(k, m).IsValid);
                Assert.Equal((k, m), (ReedSolomon.Get(k, m).DataCount, ReedSolomon.Get(k, m).ParityCount));
            }
        }
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(0, 2)]
    [InlineData(4, 0)]
    [InlineData(31, 2)]
    [InlineData(-1, 1)]
    public void Senseless_codes_are_refused(int dataCount, int parityCount) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => ReedSolomon.Get(dataCount, parityCount));

    [Theory]
    [InlineData(6, 0b000111u, 0b001000u)] // three of the four that are needed
    [InlineData(6, 0b011111u, 0b000001u)] // present and wanted
    [InlineData(6, 0b011111u, 0b1000000u)] // no such fragment
    [InlineData(6, 0b1011111u, 0b100000u)]
    [InlineData(5, 0b011110u, 0b000001u)] // too few pointers
    public void Senseless_requests_are_refused(int pointerCount, uint presentMask, uint wantedMask)
    {
        using var fragments = new Fragments(6, 64);
        Assert.Throws<ArgumentOutOfRangeException>(
            () => ReedSolomon.Get(4, 2).Reconstruct(fragments.Pointers.AsSpan(0, pointerCount), presentMask, wantedMask, 64));
    }

    private static uint Full(int width) => (uint)((1UL << width) - 1);

    private static uint MaskOf(ReadOnlySpan<int> indexes)
    {
        uint mask = 0;
        foreach (int index in indexes)
            mask |= 1u << index;
        return mask;
    }

    private static Fragments Encoded(ReedSolomon code, int lengthBytes)
    {
        var fragments = new Fragments(code.Width, lengthBytes);
        fragments.Randomize(code.Width, 0, code.DataCount);
        code.Encode(fragments.Pointers.AsSpan(0, code.DataCount), fragments.Pointers.AsSpan(code.DataCount), lengthBytes);
        return fragments;
    }

    private static void Recover(ReedSolomon code, Fragments whole, uint present, uint wanted, int lengthBytes)
    {
        using var damaged = new Fragments(code.Width, lengthBytes);
        for (int i = 0; i < code.Width; i++)
        {
            if ((present >> i & 1) != 0)
                whole[i].CopyTo(damaged[i]);
        }

        code.Reconstruct(damaged.Pointers, present, wanted, lengthBytes);
        for (uint rest = wanted; rest != 0; rest &= rest - 1)
            damaged.AssertEqual(whole, BitOperations.TrailingZeroCount(rest), $"present {present:b}, wanted {wanted:b}");
        damaged.AssertGuards();
    }
}
