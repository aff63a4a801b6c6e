using DynamicFs.Interop;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>Maps a name to 1..<see cref="NamespaceFormat.MaxNameHash"/>. Part of the on-disk format: a pool must see the same hash for ever.</summary>
internal delegate ulong NameHash(ReadOnlySpan<byte> name);

/// <summary>Rules of names.</summary>
internal static class FileName
{
    /// <summary>The first 55 bits of the BLAKE3 hash; 0 becomes 1.</summary>
    public static ulong Hash(ReadOnlySpan<byte> name) => Math.Max(1, Blake3.Hash(name).A & NamespaceFormat.MaxNameHash);

    public static bool IsDot(ReadOnlySpan<byte> name) => name.Length == 1 && name[0] == '.';

    public static bool IsDotDot(ReadOnlySpan<byte> name) => name.Length == 2 && name[0] == '.' && name[1] == '.';

    public static bool IsDots(ReadOnlySpan<byte> name) => IsDot(name) || IsDotDot(name);

    /// <summary>Whether a name can be looked up at all.</summary>
    public static Errno Check(ReadOnlySpan<byte> name)
    {
        if (name.Length > FileSystem.MaxNameBytes)
            return Errno.ENAMETOOLONG;
        if (name.IsEmpty)
            return Errno.ENOENT;
        return name.ContainsAny((byte)0, (byte)'/') ? Errno.EINVAL : Errno.None;
    }
}
