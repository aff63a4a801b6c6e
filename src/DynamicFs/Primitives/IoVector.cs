using System.Runtime.InteropServices;

namespace DynamicFs.Primitives;

/// <summary>One piece of a vectored transfer; laid out as the kernel's <c>struct iovec</c>. The memory is native or pinned by the caller.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly unsafe struct IoVector(byte* pointer, int lengthBytes)
{
    private readonly byte* _pointer = pointer;
    private readonly nint _lengthBytes = lengthBytes;

    public byte* Pointer => _pointer;
    public int LengthBytes => (int)_lengthBytes;
    public Span<byte> Span => new(_pointer, LengthBytes);
}
