using System.Numerics;
using System.Runtime.InteropServices;

namespace DynamicFs.CrashTests.Simulation;

/// <summary>4 KiB of a simulated file. Only the builder that made it may change it, until that builder is done; then it is shared and constant.</summary>
internal sealed class Block(object owner)
{
    public const int Size = 4096;

    private ulong _hash;
    private bool _isHashed;

    public byte[] Bytes { get; } = new byte[Size];
    public object Owner { get; } = owner;

    /// <summary>0 for zeros only, so that a block of zeros and a missing one are the same. Asked for only when the block is constant.</summary>
    public ulong Hash()
    {
        if (!Volatile.Read(ref _isHashed))
        {
            _hash = Compute(Bytes);
            Volatile.Write(ref _isHashed, true);
        }

        return _hash;
    }

    private static ulong Compute(ReadOnlySpan<byte> bytes)
    {
        if (!bytes.ContainsAnyExcept((byte)0))
            return 0;
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        ulong a = 1, b = 2, c = 3, d = 4;
        for (int i = 0; i < words.Length; i += 4)
        {
            a = BitOperations.RotateLeft(a ^ words[i], 29) * Mixing.Prime;
            b = BitOperations.RotateLeft(b ^ words[i + 1], 31) * Mixing.Prime;
            c = BitOperations.RotateLeft(c ^ words[i + 2], 37) * Mixing.Prime;
            d = BitOperations.RotateLeft(d ^ words[i + 3], 41) * Mixing.Prime;
        }

        return Mixing.Mix(Mixing.Mix(a ^ b) + Mixing.Mix(c ^ BitOperations.RotateLeft(d, 7))) | 1;
    }
}

/// <summary>64 consecutive blocks; null is zeros. The same rule of ownership as for blocks.</summary>
internal sealed class Leaf(object owner)
{
    public const int BlockCount = 64;
    public const int Size = BlockCount * Block.Size;

    private ulong _hash;
    private bool _isHashed;

    public Block?[] Blocks { get; } = new Block?[BlockCount];
    public object Owner { get; } = owner;

    public ulong Hash()
    {
        if (Volatile.Read(ref _isHashed))
            return _hash;
        ulong sum = 0;
        for (int i = 0; i < BlockCount; i++)
        {
            ulong hash = Blocks[i]?.Hash() ?? 0;
            if (hash != 0)
                sum += Mixing.Mix(hash ^ ((ulong)(i + 1) * Mixing.Prime));
        }

        _hash = sum;
        Volatile.Write(ref _isHashed, true);
        return sum;
    }
}

/// <summary>A 64-bit mixer (the finalizer of MurmurHash3) and a prime; hashes here tell states apart, nothing more.</summary>
internal static class Mixing
{
    public const ulong Prime = 0x9E3779B97F4A7C15;

    public static ulong Mix(ulong value)
    {
        value ^= value >> 33;
        value *= 0xff51afd7ed558ccd;
        value ^= value >> 33;
        value *= 0xc4ceb9fe1a85ec53;
        return value ^ (value >> 33);
    }

    /// <summary>A hash that is the same in every process, unlike string.GetHashCode.</summary>
    public static ulong Mix(string text)
    {
        ulong hash = (ulong)text.Length;
        foreach (char c in text)
            hash = Mix(hash + Prime ^ c);
        return hash;
    }
}
