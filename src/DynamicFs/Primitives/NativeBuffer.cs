using System.Runtime.InteropServices;

namespace DynamicFs.Primitives;

/// <summary>
/// Page-aligned native memory with one owner. Usable for O_DIRECT. The content is not zeroed on rent from a pool; a fresh buffer is zero.
/// </summary>
public sealed unsafe class NativeBuffer : IDisposable
{
    public const int Alignment = 4096;

    private byte* _pointer;

    public NativeBuffer(int lengthBytes)
    {
        Invariant.Check(lengthBytes > 0, "a native buffer has a size");
        LengthBytes = lengthBytes;
        _pointer = (byte*)NativeMemory.AlignedAlloc((nuint)lengthBytes, Alignment);
        NativeMemory.Clear(_pointer, (nuint)lengthBytes);
    }

    public int LengthBytes { get; }

    public byte* Pointer => _pointer;

    public Span<byte> Span
    {
        get
        {
            ObjectDisposedException.ThrowIf(_pointer == null, this);
            return new Span<byte>(_pointer, LengthBytes);
        }
    }

    /// <summary>For those that were in use when their pool was given up: after a failure nobody brings them back.</summary>
    ~NativeBuffer() => Free();

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_pointer == null)
            return;
        NativeMemory.AlignedFree(_pointer);
        _pointer = null;
    }
}
