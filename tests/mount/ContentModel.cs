using System.Runtime.InteropServices;

namespace DynamicFs.MountTests;

/// <summary>What a file must contain: bytes, nothing else. The pattern is the one of tests/mount/client (a function of seed and place).</summary>
internal sealed class ContentModel
{
    private byte[] _bytes = [];

    public int Length => _bytes.Length;

    public ReadOnlySpan<byte> Bytes => _bytes;

    public void Write(int offset, int length, ulong seed)
    {
        Grow(offset + length);
        Fill(_bytes.AsSpan(offset, length), seed, (ulong)offset);
    }

    public void Append(int length, ulong seed)
    {
        int offset = Length;
        Grow(offset + length);
        Fill(_bytes.AsSpan(offset, length), seed, 0);
    }

    public void Truncate(int length) => Array.Resize(ref _bytes, length);

    public void Grow(int length)
    {
        if (length > Length)
            Array.Resize(ref _bytes, length);
    }

    public void Punch(int offset, int length)
    {
        if (offset < Length)
            _bytes.AsSpan(offset, Math.Min(length, Length - offset)).Clear();
    }

    public void Copy(ContentModel source, int sourceOffset, int offset, int length)
    {
        byte[] part = source._bytes.AsSpan(sourceOffset, length).ToArray();
        Grow(offset + length);
        part.CopyTo(_bytes, offset);
    }

    private static void Fill(Span<byte> destination, ulong seed, ulong offset)
    {
        Span<byte> word = stackalloc byte[8];
        for (int done = 0; done < destination.Length;)
        {
            MemoryMarshal.Write(word, WordAt(seed, (offset + (ulong)done) / 8));
            int skip = (int)((offset + (ulong)done) % 8), part = Math.Min(8 - skip, destination.Length - done);
            word.Slice(skip, part).CopyTo(destination[done..]);
            done += part;
        }
    }

    private static ulong WordAt(ulong seed, ulong index)
    {
        ulong word = unchecked(((seed + 1) * 0x9e3779b97f4a7c15) + (index * 0xbf58476d1ce4e5b9));
        word ^= word >> 31;
        word = unchecked(word * 0x94d049bb133111eb);
        return word ^ (word >> 29);
    }
}
