using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using DynamicFs.Files;
using DynamicFs.Primitives;

namespace DynamicFs.Fuse;

/// <summary>
/// Reads the arguments behind a request's header in order: structures, then NUL-terminated names, or data. Nothing is trusted: every step checks what is
/// left. The pointers stay valid while the request's buffer is not reused.
/// </summary>
internal unsafe ref struct FuseArguments(byte* pointer, int lengthBytes)
{
    private byte* _pointer = pointer;

    public int Remaining { get; private set; } = lengthBytes;

    public bool TryTake<T>([NotNullWhen(true)] out T* value)
        where T : unmanaged => TryTake(sizeof(T), out value);

    /// <summary>For structures that grew: takes <paramref name="wireBytes"/>, which may be less than the structure; read only that much of it.</summary>
    public bool TryTake<T>(int wireBytes, [NotNullWhen(true)] out T* value)
        where T : unmanaged
    {
        value = (T*)_pointer;
        if (wireBytes < 0 || Remaining < wireBytes)
            return false;
        Skip(wireBytes);
        return true;
    }

    public bool TryTakeData(uint count, out ReadOnlySpan<byte> data)
    {
        data = default;
        if (count > (uint)Remaining)
            return false;
        data = new ReadOnlySpan<byte>(_pointer, (int)count);
        Skip((int)count);
        return true;
    }

    /// <summary>A NUL-terminated text, without the NUL. EINVAL where the NUL is missing.</summary>
    public Errno TakeText(out ReadOnlySpan<byte> text)
    {
        var rest = new ReadOnlySpan<byte>(_pointer, Remaining);
        int end = rest.IndexOf((byte)0);
        text = end < 0 ? default : rest[..end];
        if (end < 0)
            return Errno.EINVAL;
        Skip(end + 1);
        return Errno.None;
    }

    /// <summary>A name to look up: not empty, at most 255 bytes (the kernel's own limit is larger), no '/'. "." and ".." are allowed.</summary>
    public Errno TakeName(out ReadOnlySpan<byte> name)
    {
        Errno errno = TakeText(out name);
        if (errno != Errno.None)
            return errno;
        if (name.Length > FileSystem.MaxNameBytes)
            return Errno.ENAMETOOLONG;
        return name.IsEmpty || name.Contains((byte)'/') ? Errno.EINVAL : Errno.None;
    }

    /// <summary>A name to make or remove: as <see cref="TakeName"/>, and neither "." nor "..".</summary>
    public Errno TakeNewName(out ReadOnlySpan<byte> name)
    {
        Errno errno = TakeName(out name);
        return errno == Errno.None && (name.SequenceEqual("."u8) || name.SequenceEqual(".."u8)) ? Errno.EINVAL : errno;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Skip(int count)
    {
        _pointer += count;
        Remaining -= count;
    }
}
