using System.Runtime.InteropServices;

namespace DynamicFs.Primitives;

/// <summary>A BLAKE3 hash, 32 bytes. The value only; <c>Interop.Blake3</c> computes it.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct Checksum(ulong A, ulong B, ulong C, ulong D)
{
    public const int Size = 32;

    public bool IsZero => (A | B | C | D) == 0;

    public static Checksum Read(ReadOnlySpan<byte> source) => MemoryMarshal.Read<Checksum>(source[..Size]);

    public void Write(Span<byte> destination) => MemoryMarshal.Write(destination[..Size], in this);

    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Size];
        Write(bytes);
        return Convert.ToHexStringLower(bytes);
    }
}
