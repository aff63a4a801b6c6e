using System.Runtime.InteropServices;
using Xunit;

namespace DynamicFs.UnitTests.Erasure;

/// <summary>
/// Native memory of <paramref name="count"/> fragments, each at an odd address and with guard bytes on both sides, so that a kernel that needs
/// alignment or writes a byte too far is found.
/// </summary>
internal sealed unsafe class Fragments : IDisposable
{
    private const int GuardBytes = 67;
    private const byte Guard = 0xc3;

    private readonly int _lengthBytes;
    private readonly byte*[] _blocks;

    public Fragments(int count, int lengthBytes)
    {
        _lengthBytes = lengthBytes;
        _blocks = new byte*[count];
        Pointers = new nint[count];
        for (int i = 0; i < count; i++)
        {
            _blocks[i] = (byte*)NativeMemory.AlignedAlloc((nuint)(lengthBytes + (2 * GuardBytes)), 64);
            new Span<byte>(_blocks[i], lengthBytes + (2 * GuardBytes)).Fill(Guard);
            Pointers[i] = (nint)(_blocks[i] + GuardBytes);
        }
    }

    public nint[] Pointers { get; }

    public Span<byte> this[int index] => new((void*)Pointers[index], _lengthBytes);

    public void Randomize(int seed, int from, int count)
    {
        var random = new Random(seed);
        for (int i = from; i < from + count; i++)
            random.NextBytes(this[i]);
    }

    public void CopyTo(Fragments other)
    {
        for (int i = 0; i < Pointers.Length; i++)
            this[i].CopyTo(other[i]);
    }

    public void AssertEqual(Fragments expected, int index, string what) =>
        Assert.True(this[index].SequenceEqual(expected[index]), $"{what}: fragment {index} differs at byte {this[index].CommonPrefixLength(expected[index])}");

    public void AssertGuards()
    {
        for (int i = 0; i < _blocks.Length; i++)
        {
            Assert.Equal(-1, new Span<byte>(_blocks[i], GuardBytes).IndexOfAnyExcept(Guard));
            Assert.Equal(-1, new Span<byte>(_blocks[i] + GuardBytes + _lengthBytes, GuardBytes).IndexOfAnyExcept(Guard));
        }
    }

    public void Dispose()
    {
        foreach (byte* block in _blocks)
            NativeMemory.AlignedFree(block);
    }
}
