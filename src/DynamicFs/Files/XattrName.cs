using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>What the name of an extended attribute means to the filesystem (xattr(7)). Who may use a namespace is checked by the kernel.</summary>
internal static class XattrName
{
    public static ReadOnlySpan<byte> AccessAcl => "system.posix_acl_access"u8;
    public static ReadOnlySpan<byte> DefaultAcl => "system.posix_acl_default"u8;
    public static ReadOnlySpan<byte> Capability => "security.capability"u8;

    /// <summary>Names that a later version may answer itself.</summary>
    public static ReadOnlySpan<byte> Reserved => "user.dynfs."u8;

    /// <summary>ERANGE: length; EOPNOTSUPP: a namespace that is not kept here; EINVAL: nothing behind the namespace.</summary>
    public static Errno Check(ReadOnlySpan<byte> name)
    {
        if (name.IsEmpty || name.Length > FileSystem.MaxNameBytes)
            return Errno.ERANGE;
        if (name.Contains((byte)0))
            return Errno.EINVAL;
        if (IsAcl(name))
            return Errno.None;
        int prefix = PrefixLength(name);
        if (prefix == 0)
            return Errno.EOPNOTSUPP;
        return name.Length == prefix ? Errno.EINVAL : Errno.None;
    }

    public static bool IsAcl(ReadOnlySpan<byte> name) => FlagOf(name) is InodeFlags.HasAccessAcl or InodeFlags.HasDefaultAcl;

    public static bool IsReserved(ReadOnlySpan<byte> name) => name.StartsWith(Reserved);

    /// <summary>The flag of the inode that says that this attribute is there.</summary>
    public static InodeFlags FlagOf(ReadOnlySpan<byte> name)
    {
        if (name.SequenceEqual(AccessAcl))
            return InodeFlags.HasAccessAcl;
        if (name.SequenceEqual(DefaultAcl))
            return InodeFlags.HasDefaultAcl;
        return name.SequenceEqual(Capability) ? InodeFlags.HasCapability : InodeFlags.None;
    }

    private static int PrefixLength(ReadOnlySpan<byte> name)
    {
        if (name.StartsWith("user."u8))
            return 5;
        if (name.StartsWith("trusted."u8))
            return 8;
        return name.StartsWith("security."u8) ? 9 : 0;
    }
}
