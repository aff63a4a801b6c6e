using System.Buffers.Binary;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>The value of an extent record in the pool tree and in journal batches; whoever stores it checksums it. See docs/format.md.</summary>
internal static class ExtentRecordFormat
{
    private const byte Version = 1;

    private const int VersionAt = 0;
    private const int DataCountAt = VersionAt + 1;
    private const int ParityCountAt = DataCountAt + 1;
    private const int ReservedAt = ParityCountAt + 1;
    private const int LengthAt = ReservedAt + 1;
    private const int DirectoryAt = LengthAt + 4;
    private const int UnitAt = DirectoryAt + 4;
    private const int ExtentAt = UnitAt + 4;
    private const int BirthAt = ExtentAt + 8;
    private const int FragmentsAt = BirthAt + 8;

    private const int DiskAt = 0;
    private const int ChecksumAt = DiskAt + 2;
    private const int FragmentBytes = ChecksumAt + Checksum.Size;

    /// <summary>The widest record.</summary>
    public const int MaxBytes = FragmentsAt + (RedundancyScheme.MaxWidth * FragmentBytes);

    private const byte SizeCheck = MaxBytes <= 4000 ? 0 : -1;

    public static int SizeOf(RedundancyScheme scheme) => FragmentsAt + (scheme.Width * FragmentBytes);

    /// <summary>Returns the bytes written.</summary>
    public static int Write(Span<byte> destination, ExtentRecord record)
    {
        string? problem = Problem(record);
        Invariant.Check(problem is null, $"extent record {record.Id} makes sense: {problem}");
        int lengthBytes = SizeOf(record.Scheme);
        destination = destination[..lengthBytes];
        destination.Clear();
        destination[VersionAt] = Version;
        destination[DataCountAt] = (byte)record.Scheme.DataCount;
        destination[ParityCountAt] = (byte)record.Scheme.ParityCount;
        BinaryPrimitives.WriteInt32LittleEndian(destination[LengthAt..], record.LengthBytes);
        BinaryPrimitives.WriteInt32LittleEndian(destination[DirectoryAt..], record.DirectoryOffset);
        BinaryPrimitives.WriteInt32LittleEndian(destination[UnitAt..], record.UnitBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[ExtentAt..], record.Id.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[BirthAt..], record.Birth.Value);
        for (int i = 0; i < record.Fragments.Length; i++)
        {
            Span<byte> fragment = destination[(FragmentsAt + (i * FragmentBytes))..];
            BinaryPrimitives.WriteInt16LittleEndian(fragment[DiskAt..], record.Fragments[i].DiskIndex);
            record.Fragments[i].HeaderChecksum.Write(fragment[ChecksumAt..]);
        }

        return lengthBytes;
    }

    /// <summary>Throws <see cref="CorruptionException"/> when the bytes are not what <see cref="Write"/> makes of some record.</summary>
    public static ExtentRecord Read(ReadOnlySpan<byte> source)
    {
        if (source.Length < FragmentsAt)
            throw Corrupt("a record", $"{source.Length} bytes");
        if (source[VersionAt] != Version || source[ReservedAt] != 0)
            throw Corrupt($"version {Version}", $"version {source[VersionAt]}, reserved {source[ReservedAt]}");
        var scheme = new RedundancyScheme(source[DataCountAt], source[ParityCountAt]);
        if (!scheme.IsValid || source.Length != SizeOf(scheme))
            throw Corrupt("a valid scheme and its length", $"{scheme.DataCount}+{scheme.ParityCount} in {source.Length} bytes");

        var record = new ExtentRecord(
            new ExtentId(BinaryPrimitives.ReadUInt64LittleEndian(source[ExtentAt..])),
            new Generation(BinaryPrimitives.ReadUInt64LittleEndian(source[BirthAt..])),
            scheme,
            BinaryPrimitives.ReadInt32LittleEndian(source[LengthAt..]),
            BinaryPrimitives.ReadInt32LittleEndian(source[DirectoryAt..]),
            BinaryPrimitives.ReadInt32LittleEndian(source[UnitAt..]),
            new FragmentPlace[scheme.Width]);
        for (int i = 0; i < record.Fragments.Length; i++)
        {
            ReadOnlySpan<byte> fragment = source[(FragmentsAt + (i * FragmentBytes))..];
            record.Fragments[i] = new FragmentPlace(BinaryPrimitives.ReadInt16LittleEndian(fragment[DiskAt..]), Checksum.Read(fragment[ChecksumAt..]));
        }

        string? problem = Problem(record);
        return problem is null ? record : throw Corrupt("a record that makes sense", problem);
    }

    /// <summary>What makes no sense in a record; null when it is fine. Distinct disks are a part of it: two fragments on one disk are no redundancy.</summary>
    public static string? Problem(ExtentRecord record)
    {
        if (record.Id == ExtentId.None || record.Birth == Generation.None)
            return "no extent id or generation";
        if (!record.Scheme.IsValid || record.Fragments.Length != record.Scheme.Width)
            return "scheme and number of fragments";
        if (record.LengthBytes is <= 0 or > ExtentStore.MaxExtentBytes || record.DirectoryOffset < 0 || record.DirectoryOffset > record.LengthBytes)
            return $"length {record.LengthBytes}, directory at {record.DirectoryOffset}";
        if (record.UnitBytes != new ExtentLayout(record.Scheme, record.LengthBytes).UnitBytes)
            return $"unit of {record.UnitBytes}";
        for (int i = 0; i < record.Fragments.Length; i++)
        {
            FragmentPlace place = record.Fragments[i];
            if (!place.IsPlaced)
            {
                if (place != FragmentPlace.None)
                    return $"fragment {i} on disk {place.DiskIndex}";
                continue;
            }

            for (int j = 0; j < i; j++)
            {
                if (record.Fragments[j].DiskIndex == place.DiskIndex)
                    return $"fragments {j} and {i} on disk {place.DiskIndex}";
            }
        }

        return null;
    }

    private static CorruptionException Corrupt(string expected, string found) => new("metadata", "extent record", expected, found);
}
