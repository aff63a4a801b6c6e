using System.Numerics;
using System.Runtime.CompilerServices;

namespace DynamicFs.Extents;

/// <summary>A set of block numbers of one payload, one bit each.</summary>
[InlineArray(WordCount)]
internal struct BlockSet
{
    private const int WordCount = ExtentLayout.MaxBlocks / 64;

    private ulong _word;

    public void Add(int block) => this[block >> 6] |= 1UL << (block & 63);

    public readonly bool Has(int block) => (this[block >> 6] >> (block & 63) & 1) != 0;

    public void Clear() => this = default;

    /// <summary>True when all of [first, end) are in the set.</summary>
    public readonly bool HasAll(int first, int end) => NextMissing(first, end) == end;

    /// <summary>The first block of [first, end) that is not in the set; end when all are.</summary>
    public readonly int NextMissing(int first, int end)
    {
        while (first < end)
        {
            ulong missing = ~this[first >> 6] >> (first & 63);
            if (missing != 0)
                return Math.Min(end, first + BitOperations.TrailingZeroCount(missing));
            first = (first | 63) + 1;
        }

        return end;
    }

    /// <summary>Block <paramref name="first"/> + i as bit i, for up to 64 blocks.</summary>
    public readonly ulong Window(int first)
    {
        int word = first >> 6, shift = first & 63;
        ulong low = word < WordCount ? this[word] >> shift : 0;
        return shift == 0 || word + 1 >= WordCount ? low : low | (this[word + 1] << (64 - shift));
    }
}
