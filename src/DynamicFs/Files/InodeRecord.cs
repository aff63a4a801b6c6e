using System.Buffers.Binary;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>The stored form of an inode (namespace tree, kind 1). Fixed size; reading checks every field and fails closed.</summary>
internal static class InodeRecord
{
    public const byte Version = 1;

    private const int VersionOffset = 0;
    private const int FlagsOffset = VersionOffset + 1;
    private const int ReservedOffset = FlagsOffset + 1;
    private const int ModeOffset = ReservedOffset + 2;
    private const int LinkCountOffset = ModeOffset + 4;
    private const int UserOffset = LinkCountOffset + 4;
    private const int GroupOffset = UserOffset + 4;
    private const int DeviceOffset = GroupOffset + 4;
    private const int SizeOffset = DeviceOffset + 4;
    private const int AllocatedOffset = SizeOffset + 8;
    private const int AccessOffset = AllocatedOffset + 8;
    private const int ModifyOffset = AccessOffset + TimeBytes;
    private const int ChangeOffset = ModifyOffset + TimeBytes;
    private const int BirthOffset = ChangeOffset + TimeBytes;
    private const int ParentOffset = BirthOffset + TimeBytes;
    private const int EntryCountOffset = ParentOffset + 8;
    private const int XattrListOffset = EntryCountOffset + 8;
    private const int XattrValuesOffset = XattrListOffset + 4;
    public const int SizeBytes = XattrValuesOffset + 4;

    private const int TimeBytes = 12;
    private const uint ModeMask = FileType.Mask | ModeBits.All;

    public static void Write(Span<byte> record, Inode inode)
    {
        ref readonly Attributes a = ref inode.Attributes;
        record[..SizeBytes].Clear();
        record[VersionOffset] = Version;
        record[FlagsOffset] = (byte)inode.Flags;
        BinaryPrimitives.WriteUInt32LittleEndian(record[ModeOffset..], a.Mode);
        BinaryPrimitives.WriteUInt32LittleEndian(record[LinkCountOffset..], a.LinkCount);
        BinaryPrimitives.WriteUInt32LittleEndian(record[UserOffset..], a.UserId);
        BinaryPrimitives.WriteUInt32LittleEndian(record[GroupOffset..], a.GroupId);
        BinaryPrimitives.WriteUInt32LittleEndian(record[DeviceOffset..], a.DeviceId);
        BinaryPrimitives.WriteInt64LittleEndian(record[SizeOffset..], a.SizeBytes);
        BinaryPrimitives.WriteInt64LittleEndian(record[AllocatedOffset..], a.AllocatedBytes);
        WriteTime(record[AccessOffset..], a.AccessTime);
        WriteTime(record[ModifyOffset..], a.ModifyTime);
        WriteTime(record[ChangeOffset..], a.ChangeTime);
        WriteTime(record[BirthOffset..], a.BirthTime);
        BinaryPrimitives.WriteUInt64LittleEndian(record[ParentOffset..], inode.Parent.Value);
        BinaryPrimitives.WriteInt64LittleEndian(record[EntryCountOffset..], inode.EntryCount);
        BinaryPrimitives.WriteInt32LittleEndian(record[XattrListOffset..], inode.XattrListBytes);
        BinaryPrimitives.WriteInt32LittleEndian(record[XattrValuesOffset..], inode.XattrValueBytes);
    }

    /// <summary>Throws <see cref="CorruptionException"/> for anything that <see cref="Write"/> cannot have written.</summary>
    public static Inode Read(InodeNumber number, ReadOnlySpan<byte> record)
    {
        Require(number, record.Length == SizeBytes, "112 bytes", record.Length);
        Require(number, record[VersionOffset] == Version, "version 1", record[VersionOffset]);
        Require(number, (record[FlagsOffset] & ~(byte)InodeFlags.All) == 0, "known flags", record[FlagsOffset]);
        Require(number, !record.Slice(ReservedOffset, 2).ContainsAnyExcept((byte)0), "reserved bytes of zero", record[ReservedOffset] | record[ReservedOffset + 1]);
        var inode = new Inode(number)
        {
            Flags = (InodeFlags)record[FlagsOffset],
            Parent = new InodeNumber(BinaryPrimitives.ReadUInt64LittleEndian(record[ParentOffset..])),
            EntryCount = BinaryPrimitives.ReadInt64LittleEndian(record[EntryCountOffset..]),
            XattrListBytes = BinaryPrimitives.ReadInt32LittleEndian(record[XattrListOffset..]),
            XattrValueBytes = BinaryPrimitives.ReadInt32LittleEndian(record[XattrValuesOffset..]),
        };
        ReadAttributes(inode, record);
        Check(inode);
        return inode;
    }

    private static void ReadAttributes(Inode inode, ReadOnlySpan<byte> record)
    {
        ref Attributes a = ref inode.Attributes;
        a.Inode = inode.Number;
        a.Mode = BinaryPrimitives.ReadUInt32LittleEndian(record[ModeOffset..]);
        a.LinkCount = BinaryPrimitives.ReadUInt32LittleEndian(record[LinkCountOffset..]);
        a.UserId = BinaryPrimitives.ReadUInt32LittleEndian(record[UserOffset..]);
        a.GroupId = BinaryPrimitives.ReadUInt32LittleEndian(record[GroupOffset..]);
        a.DeviceId = BinaryPrimitives.ReadUInt32LittleEndian(record[DeviceOffset..]);
        a.SizeBytes = BinaryPrimitives.ReadInt64LittleEndian(record[SizeOffset..]);
        a.AllocatedBytes = BinaryPrimitives.ReadInt64LittleEndian(record[AllocatedOffset..]);
        a.AccessTime = ReadTime(inode.Number, record[AccessOffset..]);
        a.ModifyTime = ReadTime(inode.Number, record[ModifyOffset..]);
        a.ChangeTime = ReadTime(inode.Number, record[ChangeOffset..]);
        a.BirthTime = ReadTime(inode.Number, record[BirthOffset..]);
    }

    private static void Check(Inode inode)
    {
        ref readonly Attributes a = ref inode.Attributes;
        uint type = a.Mode & FileType.Mask;
        Require(inode.Number, (a.Mode & ~ModeMask) == 0 && FileType.IsKnown(type), "a known file type and 12 bits of permissions", a.Mode);
        Require(inode.Number, a.SizeBytes >= 0 && a.AllocatedBytes >= 0, "sizes not below zero", Math.Min(a.SizeBytes, a.AllocatedBytes));
        Require(inode.Number, inode.XattrListBytes is >= 0 and <= XattrStore.MaxListBytes, "a listing of at most 64 KiB", inode.XattrListBytes);
        Require(inode.Number, inode.XattrValueBytes is >= 0 and <= XattrStore.MaxTotalBytes && (inode.XattrListBytes > 0 || inode.XattrValueBytes == 0),
            "values of at most 4 MiB", inode.XattrValueBytes);
        Require(inode.Number, inode.XattrListBytes > 0 || inode.Flags == InodeFlags.None, "flags of attributes that are listed", (long)inode.Flags);
        bool isDirectory = type == FileType.Directory;
        Require(inode.Number, isDirectory == (inode.Parent != InodeNumber.None), "a parent for directories only", (long)inode.Parent.Value);
        Require(inode.Number, inode.EntryCount >= 0 && (isDirectory || inode.EntryCount == 0), "a count of names for directories only", inode.EntryCount);
        Require(inode.Number, isDirectory || (inode.Flags & InodeFlags.HasDefaultAcl) == 0, "a default ACL on directories only", type);
    }

    private static void WriteTime(Span<byte> destination, FileTime time)
    {
        BinaryPrimitives.WriteInt64LittleEndian(destination, time.Seconds);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[8..], time.Nanoseconds);
    }

    private static FileTime ReadTime(InodeNumber number, ReadOnlySpan<byte> source)
    {
        uint nanoseconds = BinaryPrimitives.ReadUInt32LittleEndian(source[8..]);
        Require(number, nanoseconds < 1_000_000_000, "nanoseconds below a second", nanoseconds);
        return new FileTime(BinaryPrimitives.ReadInt64LittleEndian(source), nanoseconds);
    }

    private static void Require(InodeNumber number, bool condition, string expected, long found)
    {
        if (!condition)
            throw new CorruptionException("(pool)", $"record of inode {number}", expected, $"{found}");
    }
}
