using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DynamicFs.Primitives;

namespace DynamicFs.Interop;

/// <summary>BLAKE3 (256-bit, unkeyed) by the official C library. Pure, thread-safe, allocates nothing.</summary>
public static unsafe partial class Blake3
{
    public static Checksum Hash(ReadOnlySpan<byte> source)
    {
        fixed (byte* pointer = source)
            return Hash(pointer, source.Length);
    }

    [SkipLocalsInit]
    public static Checksum Hash(byte* source, int lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(lengthBytes);
        HasherState state;
        Checksum checksum;
        Init(&state);
        Update(&state, source, (nuint)lengthBytes);
        Finish(&state, &checksum, Checksum.Size);
        return checksum;
    }

    /// <summary>The hash of all pieces one after the other.</summary>
    [SkipLocalsInit]
    public static Checksum Hash(ReadOnlySpan<IoVector> pieces)
    {
        HasherState state;
        Checksum checksum;
        Init(&state);
        foreach (ref readonly IoVector piece in pieces)
            Update(&state, piece.Pointer, (nuint)piece.LengthBytes);
        Finish(&state, &checksum, Checksum.Size);
        return checksum;
    }

    /// <summary>
    /// Room for the library's <c>blake3_hasher</c>: 1912 bytes in every release so far (tools/setup asserts it for the one it builds), and some
    /// to spare for a distribution's newer one.
    /// </summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct HasherState
    {
        public const int Size = 2048;

        private fixed ulong _words[Size / sizeof(ulong)];
    }

    // The short calls skip the switch of the collector's mode; Update may run for a millisecond and must not.
    [SuppressGCTransition]
    [LibraryImport(NativeLibraries.Blake3, EntryPoint = "blake3_hasher_init")]
    internal static partial void Init(HasherState* state);

    [LibraryImport(NativeLibraries.Blake3, EntryPoint = "blake3_hasher_update")]
    internal static partial void Update(HasherState* state, void* input, nuint lengthBytes);

    [SuppressGCTransition]
    [LibraryImport(NativeLibraries.Blake3, EntryPoint = "blake3_hasher_finalize")]
    internal static partial void Finish(HasherState* state, void* output, nuint lengthBytes);
}

/// <summary>
/// A hash over bytes that come in pieces. Lives on the stack (2 KiB; pass it by reference): <c>var hasher = new Blake3Hasher()</c>, any number of
/// <see cref="Update"/>, then <see cref="Finish"/>, which changes nothing, so more may follow.
/// </summary>
public unsafe ref struct Blake3Hasher
{
    private Blake3.HasherState _state;
    private readonly bool _isStarted;

    public Blake3Hasher()
    {
        Unsafe.SkipInit(out _state);
        _isStarted = true;
        fixed (Blake3.HasherState* state = &_state)
            Blake3.Init(state);
    }

    public void Update(ReadOnlySpan<byte> source)
    {
        Invariant.Check(_isStarted, "a hasher is made by its constructor");
        fixed (Blake3.HasherState* state = &_state)
        fixed (byte* pointer = source)
            Blake3.Update(state, pointer, (nuint)source.Length);
    }

    public readonly Checksum Finish()
    {
        Invariant.Check(_isStarted, "a hasher is made by its constructor");
        Checksum checksum;
        fixed (Blake3.HasherState* state = &_state)
            Blake3.Finish(state, &checksum, Checksum.Size);
        return checksum;
    }
}
