using System.Runtime.CompilerServices;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// POSIX access control lists. The kernel checks permissions against them; keeping list and permission bits in step, and inheriting them, is ours
/// (FUSE_POSIX_ACL, FUSE_DONT_MASK). The rules are those of acl(5).
/// </summary>
public sealed partial class FileSystem
{
    /// <summary>Inside the gate, inode lock held. The caller sets ctime and marks the inode dirty.</summary>
    [SkipLocalsInit]
    private Errno ChangeAcl(Inode inode, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, int oldBytes, bool killSetgid)
    {
        if (value.Length > AccessControlList.MaxBytes)
            return Errno.E2BIG;
        if (inode.Attributes.IsSymbolicLink)
            return Errno.EOPNOTSUPP;
        Span<byte> bytes = stackalloc byte[value.Length];
        value.CopyTo(bytes);
        Errno errno = AccessControlList.TryParse(bytes, out AccessControlList acl, out bool isEmpty);
        if (errno != Errno.None)
            return errno;
        bool isAccess = XattrName.FlagOf(name) == InodeFlags.HasAccessAcl;
        if (!isAccess && !inode.Attributes.IsDirectory)
            return isEmpty ? Errno.None : Errno.EACCES;
        if (isAccess && !isEmpty)
            return ChangeAccessAcl(inode, acl, bytes, oldBytes, killSetgid);
        if (!isEmpty)
            return StoreXattr(inode, name, bytes, oldBytes);
        EraseXattr(inode, name, oldBytes);
        return Errno.None;
    }

    private Errno ChangeAccessAcl(Inode inode, AccessControlList acl, ReadOnlySpan<byte> bytes, int oldBytes, bool killSetgid)
    {
        bool isEquivalent = acl.IsEquivalentToMode(out uint permissions);
        if (isEquivalent)
            EraseXattr(inode, XattrName.AccessAcl, oldBytes);
        else if (StoreXattr(inode, XattrName.AccessAcl, bytes, oldBytes) is var full and not Errno.None)
            return full;
        uint special = inode.Attributes.Mode & (ModeBits.All & ~ModeBits.Permissions);
        if (killSetgid)
            special &= ~ModeBits.SetGroupId;
        SetModeBits(inode, special | permissions);
        return Errno.None;
    }

    /// <summary>chmod of an inode with an access ACL: its mask follows the group bits.</summary>
    [SkipLocalsInit]
    private void ChangeAclMode(Inode inode, uint mode)
    {
        Span<byte> bytes = stackalloc byte[AccessControlList.MaxBytes];
        bytes = ReadAcl(inode, XattrName.AccessAcl, bytes);
        AccessControlList.FromStored(inode.Number, bytes).SetMode(mode);
        StoreXattr(inode, XattrName.AccessAcl, bytes, bytes.Length);
    }

    /// <summary>
    /// What a new inode gets from the default ACL of its directory, and its permission bits: the ACL takes the place of the umask. Changes only the new
    /// inode. <paramref name="buffer"/> has <see cref="InheritedAcl.BytesFor"/> bytes and holds the result.
    /// </summary>
    private InheritedAcl InheritAcl(in Caller caller, Inode directory, Inode inode, Span<byte> buffer)
    {
        ref Attributes attributes = ref inode.Attributes;
        if (attributes.IsSymbolicLink)
            return default;
        if (buffer.IsEmpty)
        {
            attributes.Mode &= ~(caller.Umask & ModeBits.Permissions);
            return default;
        }

        Span<byte> inherited;
        lock (directory.Lock)
        {
            if (!directory.Flags.HasFlag(InodeFlags.HasDefaultAcl))
                inherited = default;
            else
                inherited = ReadAcl(directory, XattrName.DefaultAcl, buffer[..AccessControlList.MaxBytes]);
        }

        if (inherited.IsEmpty)
            return InheritAcl(caller, directory, inode, default);
        Span<byte> access = buffer.Slice(AccessControlList.MaxBytes, inherited.Length);
        inherited.CopyTo(access);
        AccessControlList acl = AccessControlList.FromStored(directory.Number, access);
        uint permissions = acl.Inherit(attributes.Mode);
        SetModeBits(inode, (attributes.Mode & (ModeBits.All & ~ModeBits.Permissions)) | permissions);
        return new InheritedAcl
        {
            Access = acl.IsEquivalentToMode(out _) ? default : access,
            Default = attributes.IsDirectory ? inherited : default,
        };
    }

    private Span<byte> ReadAcl(Inode inode, ReadOnlySpan<byte> name, Span<byte> buffer)
    {
        int length = _xattrs.Read(inode, name, buffer);
        if (length < 0 || length > buffer.Length)
            throw new CorruptionException("(pool)", $"access control list of inode {inode.Number}", "one of at most 8 KiB", $"{length}");
        return buffer[..length];
    }

    private readonly ref struct InheritedAcl
    {
        public ReadOnlySpan<byte> Access { get; init; }
        public ReadOnlySpan<byte> Default { get; init; }

        /// <summary>Room for both lists; none when there is nothing to inherit.</summary>
        public static int BytesFor(Inode directory) => directory.Flags.HasFlag(InodeFlags.HasDefaultAcl) ? 2 * AccessControlList.MaxBytes : 0;
    }
}
