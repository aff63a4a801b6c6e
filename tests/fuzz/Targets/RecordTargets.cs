using System.Buffers.Binary;
using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.Fuzz.Targets;

/// <summary>
/// Records of the namespace tree and payloads of journal batches. The page or batch around them has the checksum, so the decoders alone are tried: they accept exactly
/// what some value is written as. An input of a tree entry is its key and its value.
/// </summary>
internal static class RecordTargets
{
    private const int OriginSliceBytes = 100_000;

    private static readonly InodeNumber _inode = new(77);

    public static IEnumerable<FuzzTarget> All()
    {
        yield return Codec.Target("inode-record", Inodes, _inodeFields, bytes => Declared(() => DecodeInode(bytes)));
        yield return Codec.Target("entry-record", Entries, [new(0, 8), new(8, 8), new(16, 1), new(17, 1)], bytes => Declared(() => DecodeEntry(bytes)));
        yield return Codec.Target("file-map", Slices, [new(0, 8), new(8, 1), new(9, 8), new(17, 8), new(25, 4), new(29, 4)], bytes => Declared(() => DecodeSlice(bytes)));
        yield return Codec.Target(
            "shared-slice", Shared, [new(0, 8), new(8, 1), new(9, 8), new(17, 8), new(25, 8), new(33, 4), new(37, 4)], bytes => Declared(() => DecodeShared(bytes)));
        yield return Codec.Target(
            "origin-directory", Origins, [new(0, 4), new(4, 4), new(8, 8), new(16, 8), new(24, 4), new(28, 4), new(48, 4), new(52, 4)], bytes => Declared(() => DecodeOrigins(bytes)));
        yield return Codec.Target("xattr-key", XattrKeys, [new(0, 8), new(8, 1), new(9, 1)], bytes => Declared(() => DecodeXattrKey(bytes)));
        yield return Codec.Target("journal-payload", Payloads, _payloadFields, bytes => Declared(() => DecodePayload(bytes)));
        yield return new FuzzTarget("access-control-list", StartLists);
    }

    private static byte[]? Declared(Func<byte[]?> decode)
    {
        try
        {
            return decode();
        }
        catch (CorruptionException)
        {
            return null;
        }
    }

    private static readonly Field[] _inodeFields =
    [
        new(0, 1), new(1, 1), new(2, 2), new(4, 4), new(8, 4), new(12, 4), new(16, 4), new(20, 4), new(24, 8), new(32, 8), new(40, 8), new(48, 4), new(52, 8), new(60, 4), new(64, 8),
        new(72, 4), new(76, 8), new(84, 4), new(88, 8), new(96, 8), new(104, 4), new(108, 4),
    ];

    private static byte[][] Inodes()
    {
        byte[] file = new byte[InodeRecord.SizeBytes], directory = new byte[InodeRecord.SizeBytes];
        var attributes = new Attributes { Inode = _inode, Mode = FileType.Regular | 0x1A4, LinkCount = 2, SizeBytes = 5000, AllocatedBytes = 4096, ModifyTime = new FileTime(-5, 999_999_999) };
        InodeRecord.Write(file, new Inode(_inode) { Attributes = attributes, XattrListBytes = 20, XattrValueBytes = 300, Flags = InodeFlags.HasCapability });
        attributes.Mode = FileType.Directory | 0x1FF;
        InodeRecord.Write(directory, new Inode(_inode) { Attributes = attributes, Parent = new InodeNumber(1), EntryCount = 3, XattrListBytes = 9, Flags = InodeFlags.HasDefaultAcl });
        return [file, directory];
    }

    private static byte[] DecodeInode(byte[] bytes)
    {
        byte[] again = new byte[InodeRecord.SizeBytes];
        InodeRecord.Write(again, InodeRecord.Read(_inode, bytes));
        return again;
    }

    private static byte[][] Entries() => [Entry("name"u8), Entry([.. Enumerable.Repeat((byte)'n', 255)]), Entry("\u00e4 .."u8)];

    private static byte[] Entry(ReadOnlySpan<byte> name)
    {
        byte[] bytes = new byte[8 + EntryRecord.MaxBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, 0x1234500);
        return bytes[..(8 + EntryRecord.Write(bytes.AsSpan(8), new InodeNumber(9), FileType.Regular, name))];
    }

    private static byte[]? DecodeEntry(byte[] bytes)
    {
        if (bytes.Length < 8)
            return null;
        ReadOnlySpan<byte> name = EntryRecord.Read(_inode, BinaryPrimitives.ReadUInt64LittleEndian(bytes), bytes.AsSpan(8), out InodeNumber inode, out uint type);
        byte[] again = new byte[8 + EntryRecord.MaxBytes];
        bytes.AsSpan(0, 8).CopyTo(again);
        return again[..(8 + EntryRecord.Write(again.AsSpan(8), inode, type, name))];
    }

    private static byte[][] Slices() =>
    [
        SliceBytes(new Slice(0, 1, new ExtentId(5), 0)), SliceBytes(new Slice(1L << 40, 8 << 20, new ExtentId(ulong.MaxValue), 0)), SliceBytes(new Slice(4096, 4096, new ExtentId(6), 12_288)),
    ];

    private static byte[] SliceBytes(in Slice slice)
    {
        byte[] bytes = new byte[FileMapFormat.KeyBytes + FileMapFormat.ValueBytes];
        FileMapFormat.WriteKey(bytes, _inode, slice.FileOffset);
        FileMapFormat.WriteValue(bytes.AsSpan(FileMapFormat.KeyBytes), slice);
        return bytes;
    }

    private static byte[]? DecodeSlice(byte[] bytes)
    {
        if (bytes.Length < FileMapFormat.KeyBytes || !FileMapFormat.IsKeyOf(bytes.AsSpan(0, FileMapFormat.KeyBytes), _inode))
            return null;
        return SliceBytes(FileMapFormat.Read(bytes.AsSpan(0, FileMapFormat.KeyBytes), bytes.AsSpan(FileMapFormat.KeyBytes)));
    }

    private static byte[][] Shared() => [SharedBytes(new Origin(_inode, 0, 0, 1), 5), SharedBytes(new Origin(_inode, 1L << 40, 4096, 1 << 20), ulong.MaxValue)];

    private static byte[] SharedBytes(in Origin owner, ulong extent)
    {
        byte[] bytes = new byte[SharedFormat.KeyBytes + SharedFormat.ValueBytes];
        SharedFormat.Write(bytes, bytes.AsSpan(SharedFormat.KeyBytes), owner.Inode, new Slice(owner.FileOffset, owner.LengthBytes, new ExtentId(extent), owner.ExtentOffset));
        return bytes;
    }

    private static byte[]? DecodeShared(byte[] bytes)
    {
        if (bytes.Length < SharedFormat.KeyBytes)
            return null;
        ReadOnlySpan<byte> key = bytes.AsSpan(0, SharedFormat.KeyBytes);
        var extent = new ExtentId(BinaryPrimitives.ReadUInt64BigEndian(key[9..]));
        return SharedFormat.IsKeyOf(key, extent) ? SharedBytes(SharedFormat.Read(key, bytes.AsSpan(SharedFormat.KeyBytes)), extent.Value) : null;
    }

    private static byte[][] Origins() =>
    [
        OriginBytes([]), OriginBytes([new Origin(_inode, 0, 0, 5000)]),
        OriginBytes([.. Enumerable.Range(0, 60).Select(i => new Origin(new InodeNumber(1 + (ulong)i), i * 1000L, i * 1000, 1000))]),
    ];

    private static byte[] OriginBytes(List<Origin> origins)
    {
        byte[] bytes = new byte[OriginFormat.SizeOf(origins.Count)];
        OriginFormat.Write(bytes, origins);
        return bytes;
    }

    private static byte[] DecodeOrigins(byte[] bytes) => OriginBytes(OriginFormat.Read(new ExtentId(5), bytes, OriginSliceBytes));

    private static byte[][] XattrKeys() => [XattrKey(_inode, "user.a"u8, 0), XattrKey(_inode, [.. Enumerable.Repeat((byte)'x', 255)], 21)];

    private static byte[] XattrKey(InodeNumber inode, ReadOnlySpan<byte> name, int chunk)
    {
        byte[] key = new byte[NamespaceFormat.MaxXattrKeyBytes];
        return key[..NamespaceFormat.WriteXattrKey(key, inode, name, chunk)];
    }

    private static byte[]? DecodeXattrKey(byte[] bytes)
    {
        if (!NamespaceFormat.HasPrefix(bytes, _inode, NamespaceKind.Xattr))
            return null;
        ReadOnlySpan<byte> name = NamespaceFormat.XattrNameOf(bytes, out int chunk);
        return XattrKey(_inode, name, chunk);
    }

    private static readonly PayloadCopy _payloadCopy = new();

    private static readonly Field[] _payloadFields =
    [
        new(0, 4), new(4, 2), new(6, 2), new(8, 8), new(16, 8), new(24, 1), new(25, 1), new(28, 4), new(32, 1), new(33, 1), new(34, 2), new(36, 8),
    ];

    private static byte[][] Payloads()
    {
        var payload = new JournalPayload();
        payload.Begin(5, 6);
        byte[] empty = payload.Bytes.ToArray();
        payload.AddExtent(DiskTargets.Records()[0]);
        payload.AddAccount(new ExtentId(9), -5);
        payload.AddPut("key"u8, "value"u8);
        payload.AddPut("k"u8, []);
        payload.AddDelete("another key"u8);
        payload.AddDrop(_inode, 4, 8);
        payload.AddData(_inode, 1L << 50, new byte[300]);
        byte[] all = payload.Bytes.ToArray();
        return [empty, all, [.. empty, .. all[(all.Length - 324)..]], [.. empty, .. all[24..]]];
    }

    private static byte[] DecodePayload(byte[] bytes)
    {
        JournalPayload.Replay(bytes, _payloadCopy);
        return _payloadCopy.Payload.Bytes.ToArray();
    }

    private sealed class PayloadCopy : IJournalTarget
    {
        private readonly byte[] _record = new byte[ExtentRecordFormat.MaxBytes];

        public JournalPayload Payload { get; } = new();

        public void Counters(ulong nextInode, ulong nextExtent) => Payload.Begin(nextInode, nextExtent);
        public void Extent(ExtentRecord record) => Payload.AddExtent(_record.AsSpan(0, ExtentRecordFormat.Write(_record, record)));
        public void Account(ExtentId extent, long change) => Payload.AddAccount(extent, change);
        public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => Payload.AddPut(key, value);
        public void Delete(ReadOnlySpan<byte> key) => Payload.AddDelete(key);
        public void Drop(InodeNumber inode, long from, long to) => Payload.AddDrop(inode, from, to);
        public void Data(InodeNumber inode, long offset, ReadOnlySpan<byte> bytes) => Payload.AddData(inode, offset, bytes);
    }

    private static FuzzSession StartLists()
    {
        byte[][] valid = [AccessControl((1, 6), (2, 7), (4, 5), (16, 7), (32, 4)), AccessControl((1, 7), (4, 5), (32, 5)), [2, 0, 0, 0]];
        Field[] fields = [new(0, 4), new(4, 2), new(6, 2), new(8, 4), new(12, 2), new(14, 2), new(16, 4), new(20, 2), new(28, 2)];
        return new FuzzSession(random => Codec.Make(valid, fields, null, Fit.Any, random), input =>
        {
            Errno errno = AccessControlList.TryParse(input.Bytes, out AccessControlList list, out bool isEmpty);
            if (errno is not (Errno.None or Errno.EINVAL or Errno.EOPNOTSUPP or Errno.E2BIG) || (input.Origin == FuzzOrigin.Valid && errno != Errno.None))
                throw new FuzzException($"{errno} for an access control list");
            if (errno == Errno.None && !isEmpty && list.IsEquivalentToMode(out uint permissions) && permissions > 0x1FF)
                throw new FuzzException($"permissions {permissions:x}");
            return errno == Errno.None;
        });
    }

    private static byte[] AccessControl(params (int Tag, int Permissions)[] entries)
    {
        byte[] bytes = new byte[4 + (entries.Length * 8)];
        bytes[0] = 2;
        for (int i = 0; i < entries.Length; i++)
        {
            bytes[4 + (i * 8)] = (byte)entries[i].Tag;
            bytes[6 + (i * 8)] = (byte)entries[i].Permissions;
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8 + (i * 8)), entries[i].Tag == 2 ? 1000 : uint.MaxValue);
        }

        return bytes;
    }
}
