using System.Buffers.Binary;
using DynamicFs.Interop;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>All that a root record holds. <see cref="Public"/> is what other layers see of it.</summary>
/// <param name="Previous">Generation of the root before this one, 0 for the first.</param>
/// <param name="PreviousChecksum">Checksum of that root's record: roots form a chain, so two histories cannot be taken for one.</param>
/// <param name="Checksum">Checksum of this record; zero until it was encoded.</param>
internal sealed record Root(
    RootRecord Public,
    PagePointer Namespace,
    PagePointer Pool,
    PagePointer SpaceMap,
    Generation Previous,
    Checksum PreviousChecksum,
    Checksum Checksum)
{
    public Generation Generation => Public.Generation;
}

internal enum RootSlotState
{
    /// <summary>All zero: never written.</summary>
    Empty,
    Valid,

    /// <summary>No record, but the number of one that a mount may write: see <see cref="RootClaim"/>.</summary>
    Claim,
    Damaged,
    OtherPool,

    /// <summary>Intact, but of a format version or with features this build does not know.</summary>
    Unknown,
}

/// <summary>
/// Layout of the file <c>roots</c>: 64 slots of 4096 bytes, the record of generation g in slot g mod 64. A record is checked by its own BLAKE3 over all bytes
/// before it; everything that is not named here is zero. Numbers little-endian, ids in the order in which they are printed. A slot may also have a claim
/// (<see cref="RootClaim"/>): another magic, then only version, features, pool and generation as in a record.
/// </summary>
internal static class RootFormat
{
    public const int SlotBytes = 4096;
    public const int SlotCount = 64;
    public const int FileBytes = SlotBytes * SlotCount;
    public const uint Version = 1;

    /// <summary>Feature bits this build knows; a record with others is refused.</summary>
    public const ulong KnownFeatures = 0;

    public const int MagicOffset = 0;
    public const int VersionOffset = MagicOffset + 8;
    public const int MemberCountOffset = VersionOffset + 4;
    public const int MetadataDiskCountOffset = MemberCountOffset + 2;
    public const int FeaturesOffset = MetadataDiskCountOffset + 2;
    public const int PoolOffset = FeaturesOffset + 8;
    public const int GenerationOffset = PoolOffset + 16;
    public const int TimeOffset = GenerationOffset + 8;
    public const int OldestKeptOffset = TimeOffset + 8;
    public const int PreviousOffset = OldestKeptOffset + 8;
    public const int PreviousChecksumOffset = PreviousOffset + 8;
    public const int NamespaceOffset = PreviousChecksumOffset + Checksum.Size;
    public const int PoolTreeOffset = NamespaceOffset + PageFormat.PointerBytes;
    public const int SpaceMapOffset = PoolTreeOffset + PageFormat.PointerBytes;
    public const int NextInodeOffset = SpaceMapOffset + PageFormat.PointerBytes;
    public const int NextExtentOffset = NextInodeOffset + 8;
    public const int UsedBytesOffset = NextExtentOffset + 8;
    public const int InodeCountOffset = UsedBytesOffset + 8;
    public const int DataCountOffset = InodeCountOffset + 8;
    public const int ParityCountOffset = DataCountOffset + 1;
    public const int ReservedOffset = ParityCountOffset + 1;
    public const int MetadataDisksOffset = ReservedOffset + 6;
    public const int MetadataDiskBytes = 2;
    public const int MaxMetadataDisks = RedundancyScheme.MaxWidth;
    public const int MembersOffset = MetadataDisksOffset + (MaxMetadataDisks * MetadataDiskBytes);
    public const int MemberBytes = 16;
    public const int ChecksumOffset = SlotBytes - Checksum.Size;
    public const int MaxMembers = (ChecksumOffset - MembersOffset) / MemberBytes;
    public const int MembersEnd = MembersOffset + (MaxMembers * MemberBytes);

    public static ReadOnlySpan<byte> Magic => "DYNFSROT"u8;
    public static ReadOnlySpan<byte> ClaimMagic => "DYNFSCLM"u8;

    private const byte RoomCheck = MaxMembers >= 200 ? 0 : -1;

    public static int SlotOf(Generation generation) => (int)(generation.Value % SlotCount);

    /// <summary>Fills <paramref name="slot"/> with the record; the checksum of the record.</summary>
    public static Checksum Encode(PoolId pool, Root root, Span<byte> slot)
    {
        RootRecord record = root.Public;
        Begin(Magic, pool, record.Generation, slot);
        BinaryPrimitives.WriteInt64LittleEndian(slot[TimeOffset..], record.Time.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks);
        BinaryPrimitives.WriteUInt64LittleEndian(slot[OldestKeptOffset..], record.OldestKept.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(slot[PreviousOffset..], root.Previous.Value);
        root.PreviousChecksum.Write(slot[PreviousChecksumOffset..]);
        PageFormat.WritePointer(slot[NamespaceOffset..], root.Namespace);
        PageFormat.WritePointer(slot[PoolTreeOffset..], root.Pool);
        PageFormat.WritePointer(slot[SpaceMapOffset..], root.SpaceMap);
        BinaryPrimitives.WriteUInt64LittleEndian(slot[NextInodeOffset..], record.Counters.NextInode);
        BinaryPrimitives.WriteUInt64LittleEndian(slot[NextExtentOffset..], record.Counters.NextExtent);
        BinaryPrimitives.WriteInt64LittleEndian(slot[UsedBytesOffset..], record.Counters.UsedBytes);
        BinaryPrimitives.WriteInt64LittleEndian(slot[InodeCountOffset..], record.Counters.InodeCount);
        WriteShape(record.Shape, slot);
        return End(slot);
    }

    /// <summary>Fills <paramref name="slot"/> with a claim of <paramref name="generation"/>.</summary>
    public static void EncodeClaim(PoolId pool, Generation generation, Span<byte> slot)
    {
        Begin(ClaimMagic, pool, generation, slot);
        End(slot);
    }

    /// <summary>
    /// Reads slot <paramref name="index"/>; a record only when the state is <see cref="RootSlotState.Valid"/>, its generation also when it is <see cref="RootSlotState.Claim"/>.
    /// </summary>
    public static RootSlotState Decode(PoolId pool, ReadOnlySpan<byte> slot, int index, out Root? root, out Generation generation)
    {
        (root, generation) = (null, Generation.None);
        slot = slot[..SlotBytes];
        if (!slot.ContainsAnyExcept((byte)0))
            return RootSlotState.Empty;
        Checksum checksum = Checksum.Read(slot[ChecksumOffset..]);
        bool isClaim = slot[MagicOffset..].StartsWith(ClaimMagic);
        if ((!isClaim && !slot[MagicOffset..].StartsWith(Magic)) || Blake3.Hash(slot[..ChecksumOffset]) != checksum)
            return RootSlotState.Damaged;
        if (new Guid(slot.Slice(PoolOffset, 16), bigEndian: true) != pool.Value)
            return RootSlotState.OtherPool;
        bool isKnown = BinaryPrimitives.ReadUInt32LittleEndian(slot[VersionOffset..]) == Version
            && (BinaryPrimitives.ReadUInt64LittleEndian(slot[FeaturesOffset..]) & ~KnownFeatures) == 0;
        if (!isKnown)
            return RootSlotState.Unknown;
        generation = new Generation(BinaryPrimitives.ReadUInt64LittleEndian(slot[GenerationOffset..]));
        if (SlotOf(generation) != index || generation == Generation.None)
            return RootSlotState.Damaged;
        if (isClaim)
            return IsClaimSound(slot) ? RootSlotState.Claim : RootSlotState.Damaged;
        root = Parse(slot, generation, checksum);
        return root is null ? RootSlotState.Damaged : RootSlotState.Valid;
    }

    private static void Begin(ReadOnlySpan<byte> magic, PoolId pool, Generation generation, Span<byte> slot)
    {
        slot[..SlotBytes].Clear();
        magic.CopyTo(slot[MagicOffset..]);
        BinaryPrimitives.WriteUInt32LittleEndian(slot[VersionOffset..], Version);
        pool.Value.TryWriteBytes(slot[PoolOffset..], bigEndian: true, out _);
        BinaryPrimitives.WriteUInt64LittleEndian(slot[GenerationOffset..], generation.Value);
    }

    private static Checksum End(Span<byte> slot)
    {
        Checksum checksum = Blake3.Hash(slot[..ChecksumOffset]);
        checksum.Write(slot[ChecksumOffset..]);
        return checksum;
    }

    private static bool IsClaimSound(ReadOnlySpan<byte> slot) =>
        !slot[MemberCountOffset..FeaturesOffset].ContainsAnyExcept((byte)0) && !slot[TimeOffset..ChecksumOffset].ContainsAnyExcept((byte)0);

    private static void WriteShape(PoolShape shape, Span<byte> slot)
    {
        Invariant.Check(shape.Members.Count is > 0 and <= MaxMembers, "a root record has room for the members");
        Invariant.Check(shape.MetadataDisks.Count is > 0 and <= MaxMetadataDisks, "a root record has room for the metadata disks");
        BinaryPrimitives.WriteUInt16LittleEndian(slot[MemberCountOffset..], (ushort)shape.Members.Count);
        BinaryPrimitives.WriteUInt16LittleEndian(slot[MetadataDiskCountOffset..], (ushort)shape.MetadataDisks.Count);
        slot[DataCountOffset] = (byte)shape.DefaultScheme.DataCount;
        slot[ParityCountOffset] = (byte)shape.DefaultScheme.ParityCount;
        for (int i = 0; i < shape.MetadataDisks.Count; i++)
            BinaryPrimitives.WriteUInt16LittleEndian(slot[(MetadataDisksOffset + (i * MetadataDiskBytes))..], checked((ushort)shape.MetadataDisks[i]));
        for (int i = 0; i < shape.Members.Count; i++)
            shape.Members[i].Value.TryWriteBytes(slot[(MembersOffset + (i * MemberBytes))..], bigEndian: true, out _);
    }

    private static Root? Parse(ReadOnlySpan<byte> slot, Generation generation, Checksum checksum)
    {
        if (ParseShape(slot) is not { } shape || ParseTime(slot) is not { } time)
            return null;
        var counters = new RootCounters(
            BinaryPrimitives.ReadUInt64LittleEndian(slot[NextInodeOffset..]),
            BinaryPrimitives.ReadUInt64LittleEndian(slot[NextExtentOffset..]),
            BinaryPrimitives.ReadInt64LittleEndian(slot[UsedBytesOffset..]),
            BinaryPrimitives.ReadInt64LittleEndian(slot[InodeCountOffset..]));
        var oldestKept = new Generation(BinaryPrimitives.ReadUInt64LittleEndian(slot[OldestKeptOffset..]));
        var root = new Root(
            new RootRecord(generation, time, counters, shape, oldestKept),
            PageFormat.ReadPointer(slot[NamespaceOffset..]),
            PageFormat.ReadPointer(slot[PoolTreeOffset..]),
            PageFormat.ReadPointer(slot[SpaceMapOffset..]),
            new Generation(BinaryPrimitives.ReadUInt64LittleEndian(slot[PreviousOffset..])),
            Checksum.Read(slot[PreviousChecksumOffset..]),
            checksum);
        return IsSound(root) ? root : null;
    }

    private static bool IsSound(Root root) =>
        root.Previous < root.Generation
        && root.Public.OldestKept > Generation.None
        && root.Public.OldestKept <= root.Generation
        && root.Generation.Value - root.Public.OldestKept.Value < SlotCount
        && IsSound(root.Namespace, root) && IsSound(root.Pool, root) && IsSound(root.SpaceMap, root);

    private static bool IsSound(PagePointer pointer, Root root) => !pointer.IsNone && pointer.Birth > 0 && pointer.Birth <= root.Generation.Value;

    private static DateTimeOffset? ParseTime(ReadOnlySpan<byte> slot)
    {
        long ticks = BinaryPrimitives.ReadInt64LittleEndian(slot[TimeOffset..]);
        bool isInRange = ticks >= DateTimeOffset.MinValue.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks
            && ticks <= DateTimeOffset.MaxValue.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks;
        return isInRange ? DateTimeOffset.UnixEpoch.AddTicks(ticks) : null;
    }

    private static PoolShape? ParseShape(ReadOnlySpan<byte> slot)
    {
        int memberCount = BinaryPrimitives.ReadUInt16LittleEndian(slot[MemberCountOffset..]);
        int metadataDiskCount = BinaryPrimitives.ReadUInt16LittleEndian(slot[MetadataDiskCountOffset..]);
        var scheme = new RedundancyScheme(slot[DataCountOffset], slot[ParityCountOffset]);
        if (memberCount is 0 or > MaxMembers || metadataDiskCount is 0 or > MaxMetadataDisks || !scheme.IsValid)
            return null;
        int disksEnd = MetadataDisksOffset + (metadataDiskCount * MetadataDiskBytes);
        int membersEnd = MembersOffset + (memberCount * MemberBytes);
        if (slot[ReservedOffset..MetadataDisksOffset].ContainsAnyExcept((byte)0)
            || slot[disksEnd..MembersOffset].ContainsAnyExcept((byte)0)
            || slot[membersEnd..ChecksumOffset].ContainsAnyExcept((byte)0))
            return null;
        var disks = new int[metadataDiskCount];
        for (int i = 0; i < disks.Length; i++)
            disks[i] = BinaryPrimitives.ReadUInt16LittleEndian(slot[(MetadataDisksOffset + (i * MetadataDiskBytes))..]);
        var members = new DiskId[memberCount];
        for (int i = 0; i < members.Length; i++)
            members[i] = new DiskId(new Guid(slot.Slice(MembersOffset + (i * MemberBytes), MemberBytes), bigEndian: true));
        bool isSound = disks.Distinct().Count() == disks.Length && disks.All(disk => disk < memberCount);
        return isSound ? new PoolShape(members, scheme, disks) : null;
    }
}
