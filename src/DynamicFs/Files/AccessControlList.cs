using System.Buffers.Binary;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// A POSIX access control list in the form that the kernel stores and sends (linux/posix_acl_xattr.h): version 2 (4 bytes), then entries of tag (2),
/// permissions (2) and id (4), little-endian, in the order of tags. Works in place on the bytes. The rules are those of acl(5).
/// </summary>
internal readonly ref struct AccessControlList
{
    /// <summary>More than the kernel sends (one page); bounds what a create copies.</summary>
    public const int MaxBytes = 8 << 10;

    private const int HeaderBytes = 4;
    private const int EntryBytes = 8;
    private const uint Version = 2;

    private const int UserObject = 0x01;
    private const int User = 0x02;
    private const int GroupObject = 0x04;
    private const int Group = 0x08;
    private const int Mask = 0x10;
    private const int Other = 0x20;

    private const uint PermissionMask = 7;
    private const int UserShift = 6;
    private const int GroupShift = 3;

    private readonly Span<byte> _bytes;

    private AccessControlList(Span<byte> bytes) => _bytes = bytes;

    private int Count => (_bytes.Length - HeaderBytes) / EntryBytes;

    /// <summary>
    /// Checks bytes that come from a caller. <paramref name="isEmpty"/>: no entries, which means "remove it". EINVAL: malformed or against the rules of
    /// acl_valid(3); EOPNOTSUPP: another version; E2BIG: too many entries.
    /// </summary>
    public static Errno TryParse(Span<byte> bytes, out AccessControlList acl, out bool isEmpty)
    {
        acl = new AccessControlList(bytes);
        isEmpty = bytes.IsEmpty || bytes.Length == HeaderBytes;
        if (bytes.IsEmpty)
            return Errno.None;
        if (bytes.Length < HeaderBytes)
            return Errno.EINVAL;
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Version)
            return Errno.EOPNOTSUPP;
        if (bytes.Length > MaxBytes)
            return Errno.E2BIG;
        if ((bytes.Length - HeaderBytes) % EntryBytes != 0)
            return Errno.EINVAL;
        return isEmpty || acl.IsValid() ? Errno.None : Errno.EINVAL;
    }

    /// <summary>As <see cref="TryParse"/>, for bytes that were stored: throws <see cref="CorruptionException"/>.</summary>
    public static AccessControlList FromStored(InodeNumber inode, Span<byte> bytes)
    {
        if (TryParse(bytes, out AccessControlList acl, out bool isEmpty) != Errno.None || isEmpty)
            throw new CorruptionException("(pool)", $"access control list of inode {inode}", "a valid list", $"{bytes.Length} bytes of something else");
        return acl;
    }

    /// <summary>True when permission bits say all of it; <paramref name="permissions"/> are those bits (the mask stands for the group).</summary>
    public bool IsEquivalentToMode(out uint permissions)
    {
        permissions = 0;
        bool isEquivalent = true;
        bool hasMask = Find(Mask) >= 0;
        for (int i = 0; i < Count; i++)
        {
            switch (Tag(i))
            {
                case UserObject: permissions |= Permissions(i) << UserShift; break;
                case GroupObject when !hasMask: permissions |= Permissions(i) << GroupShift; break;
                case Mask: permissions |= Permissions(i) << GroupShift; break;
                case Other: permissions |= Permissions(i); break;
                default: break;
            }

            isEquivalent &= Tag(i) is UserObject or GroupObject or Other;
        }

        return isEquivalent;
    }

    /// <summary>chmod: owner, mask (or group) and others follow the permission bits.</summary>
    public void SetMode(uint mode)
    {
        SetPermissions(Find(UserObject), mode >> UserShift);
        SetPermissions(GroupClass(), mode >> GroupShift);
        SetPermissions(Find(Other), mode);
    }

    /// <summary>
    /// A new node gets this list, inherited: permissions that <paramref name="mode"/> (of the creating call) does not ask for are taken away, and the other
    /// way round. Returns the permission bits of the node.
    /// </summary>
    public uint Inherit(uint mode)
    {
        uint result = Restrict(Find(UserObject), mode >> UserShift) << UserShift;
        result |= Restrict(GroupClass(), mode >> GroupShift) << GroupShift;
        return result | Restrict(Find(Other), mode);
    }

    private uint Restrict(int entry, uint permissions)
    {
        uint both = Permissions(entry) & permissions & PermissionMask;
        SetPermissions(entry, both);
        return both;
    }

    /// <summary>The entry that the group bits stand for.</summary>
    private int GroupClass()
    {
        int mask = Find(Mask);
        return mask >= 0 ? mask : Find(GroupObject);
    }

    /// <summary>One owner, users, one group, groups, a mask (needed with users or groups), one for others; in this order.</summary>
    private bool IsValid()
    {
        int next = UserObject;
        bool needsMask = false;
        for (int i = 0; i < Count; i++)
        {
            if ((Permissions(i) & ~PermissionMask) != 0)
                return false;
            int tag = Tag(i);
            bool isNamed = tag is User or Group;
            if (isNamed && Id(i) == uint.MaxValue)
                return false;
            needsMask |= isNamed;
            int after = After(tag, next, needsMask);
            if (after < 0)
                return false;
            next = after;
        }

        return next == 0;
    }

    /// <summary>What may follow <paramref name="tag"/> where <paramref name="expected"/> may stand; -1: it may not stand there.</summary>
    private static int After(int tag, int expected, bool needsMask) => (tag, expected) switch
    {
        (UserObject, UserObject) => User,
        (User, User) => User,
        (GroupObject, User) => Group,
        (Group, Group) => Group,
        (Mask, Group) => Other,
        (Other, Other) => 0,
        (Other, Group) when !needsMask => 0,
        _ => -1,
    };

    private int Find(int tag)
    {
        for (int i = 0; i < Count; i++)
        {
            if (Tag(i) == tag)
                return i;
        }

        return -1;
    }

    private Span<byte> Entry(int index) => _bytes.Slice(HeaderBytes + index * EntryBytes, EntryBytes);

    private int Tag(int index) => BinaryPrimitives.ReadUInt16LittleEndian(Entry(index));

    private uint Permissions(int index) => BinaryPrimitives.ReadUInt16LittleEndian(Entry(index)[2..]);

    private uint Id(int index) => BinaryPrimitives.ReadUInt32LittleEndian(Entry(index)[4..]);

    private void SetPermissions(int index, uint permissions)
        => BinaryPrimitives.WriteUInt16LittleEndian(Entry(index)[2..], (ushort)(permissions & PermissionMask));
}
