using System.Buffers;
using System.Buffers.Binary;
using DynamicFs.Extents;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// What one journal batch says: the net change of the filesystem since the batch before it (or since the root). Layout, little-endian: magic (4), version (2),
/// zero (2), next inode (8), next extent (8), then sections, each a kind (1), zero (3) and the length of its body in bytes (4):
/// 1 extent record: the record as in the pool tree; 2 account: extent (8), live bytes change since the root (8); 3 put: key length (2), key, value; 4 delete: key;
/// 5 drop: inode (8), from (8), to (8): forget dirty bytes; 6 data: inode (8), offset (8), bytes.
/// Accounts of a batch replace those of the batch before it; everything else is applied in order.
/// </summary>
internal sealed class JournalPayload
{
    public const uint Magic = 0x424a5344; // "DSJB"
    public const ushort Version = 1;
    public const int HeaderBytes = 4 + 2 + 2 + 8 + 8;
    public const int SectionHeaderBytes = 1 + 3 + 4;

    private readonly ArrayBufferWriter<byte> _writer = new(16 << 10);

    public int LengthBytes => _writer.WrittenCount;
    public ReadOnlySpan<byte> Bytes => _writer.WrittenSpan;

    public void Begin(ulong nextInode, ulong nextExtent)
    {
        _writer.ResetWrittenCount();
        Span<byte> header = _writer.GetSpan(HeaderBytes)[..HeaderBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(header, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], Version);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], 0);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], nextInode);
        BinaryPrimitives.WriteUInt64LittleEndian(header[16..], nextExtent);
        _writer.Advance(HeaderBytes);
    }

    public void AddExtent(ReadOnlySpan<byte> record) => record.CopyTo(Section(SectionKind.Extent, record.Length));

    public void AddAccount(ExtentId extent, long change)
    {
        Span<byte> body = Section(SectionKind.Account, 16);
        BinaryPrimitives.WriteUInt64LittleEndian(body, extent.Value);
        BinaryPrimitives.WriteInt64LittleEndian(body[8..], change);
    }

    public void AddPut(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        Span<byte> body = Section(SectionKind.Put, 2 + key.Length + value.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(body, (ushort)key.Length);
        key.CopyTo(body[2..]);
        value.CopyTo(body[(2 + key.Length)..]);
    }

    public void AddDelete(ReadOnlySpan<byte> key) => key.CopyTo(Section(SectionKind.Delete, key.Length));

    public void AddDrop(InodeNumber inode, long from, long to)
    {
        Span<byte> body = Section(SectionKind.Drop, 24);
        BinaryPrimitives.WriteUInt64LittleEndian(body, inode.Value);
        BinaryPrimitives.WriteInt64LittleEndian(body[8..], from);
        BinaryPrimitives.WriteInt64LittleEndian(body[16..], to);
    }

    public void AddData(InodeNumber inode, long offset, ReadOnlySpan<byte> bytes)
    {
        Span<byte> body = Section(SectionKind.Data, 16 + bytes.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(body, inode.Value);
        BinaryPrimitives.WriteInt64LittleEndian(body[8..], offset);
        bytes.CopyTo(body[16..]);
    }

    /// <summary>Hands every section to <paramref name="target"/> in order. Throws <see cref="CorruptionException"/> before anything was handed over when the payload makes no sense.</summary>
    public static void Replay(ReadOnlySpan<byte> payload, IJournalTarget target)
    {
        Walk(payload, null);
        Walk(payload, target);
    }

    private static void Walk(ReadOnlySpan<byte> payload, IJournalTarget? target)
    {
        Expect(payload.Length >= HeaderBytes && BinaryPrimitives.ReadUInt32LittleEndian(payload) == Magic, "a batch header");
        Expect(BinaryPrimitives.ReadUInt16LittleEndian(payload[4..]) == Version && BinaryPrimitives.ReadUInt16LittleEndian(payload[6..]) == 0, "version 1");
        target?.Counters(BinaryPrimitives.ReadUInt64LittleEndian(payload[8..]), BinaryPrimitives.ReadUInt64LittleEndian(payload[16..]));
        ReadOnlySpan<byte> rest = payload[HeaderBytes..];
        while (rest.Length > 0)
        {
            Expect(rest.Length >= SectionHeaderBytes && (rest[1] | rest[2] | rest[3]) == 0, "a section header");
            int length = BinaryPrimitives.ReadInt32LittleEndian(rest[4..]);
            Expect(length >= 0 && length <= rest.Length - SectionHeaderBytes, "a section inside its batch");
            Visit((SectionKind)rest[0], rest.Slice(SectionHeaderBytes, length), target);
            rest = rest[(SectionHeaderBytes + length)..];
        }
    }

    private static void Visit(SectionKind kind, ReadOnlySpan<byte> body, IJournalTarget? target)
    {
        switch (kind)
        {
            case SectionKind.Extent:
                ExtentRecord record = ExtentRecordFormat.Read(body);
                target?.Extent(record);
                break;
            case SectionKind.Account:
                Expect(body.Length == 16, "an account of 16 bytes");
                target?.Account(new ExtentId(BinaryPrimitives.ReadUInt64LittleEndian(body)), BinaryPrimitives.ReadInt64LittleEndian(body[8..]));
                break;
            case SectionKind.Put:
                Expect(body.Length >= 3, "a key and a value");
                int keyLength = BinaryPrimitives.ReadUInt16LittleEndian(body);
                Expect(keyLength is > 0 and <= Metadata.Tree.MaxKeyBytes && keyLength <= body.Length - 2, "a key inside its section");
                Expect(body.Length - 2 - keyLength <= Metadata.Tree.MaxValueBytes, "a value that fits a page");
                target?.Put(body.Slice(2, keyLength), body[(2 + keyLength)..]);
                break;
            case SectionKind.Delete:
                Expect(body.Length is > 0 and <= Metadata.Tree.MaxKeyBytes, "a key");
                target?.Delete(body);
                break;
            case SectionKind.Drop:
                Expect(body.Length == 24, "a drop of 24 bytes");
                (long from, long to) = (BinaryPrimitives.ReadInt64LittleEndian(body[8..]), BinaryPrimitives.ReadInt64LittleEndian(body[16..]));
                Expect(from >= 0 && from < to, "a range");
                target?.Drop(new InodeNumber(BinaryPrimitives.ReadUInt64LittleEndian(body)), from, to);
                break;
            case SectionKind.Data:
                Expect(body.Length > 16, "some data");
                long offset = BinaryPrimitives.ReadInt64LittleEndian(body[8..]);
                Expect(offset >= 0 && offset <= long.MaxValue - body.Length, "an offset inside a file");
                target?.Data(new InodeNumber(BinaryPrimitives.ReadUInt64LittleEndian(body)), offset, body[16..]);
                break;
            default:
                Expect(false, $"a section kind from 1 to 6, not {(byte)kind}");
                break;
        }
    }

    private static void Expect(bool condition, string expected)
    {
        if (!condition)
            throw new CorruptionException("journal", "batch", expected, "something else");
    }

    private Span<byte> Section(SectionKind kind, int lengthBytes)
    {
        Span<byte> section = _writer.GetSpan(SectionHeaderBytes + lengthBytes)[..(SectionHeaderBytes + lengthBytes)];
        section[..4].Clear();
        section[0] = (byte)kind;
        BinaryPrimitives.WriteInt32LittleEndian(section[4..], lengthBytes);
        _writer.Advance(section.Length);
        return section[SectionHeaderBytes..];
    }

    private enum SectionKind : byte
    {
        Extent = 1,
        Account = 2,
        Put = 3,
        Delete = 4,
        Drop = 5,
        Data = 6,
    }
}

/// <summary>Takes the sections of a journal batch during replay.</summary>
internal interface IJournalTarget
{
    void Counters(ulong nextInode, ulong nextExtent);
    void Extent(ExtentRecord record);
    void Account(ExtentId extent, long change);
    void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value);
    void Delete(ReadOnlySpan<byte> key);
    void Drop(InodeNumber inode, long from, long to);
    void Data(InodeNumber inode, long offset, ReadOnlySpan<byte> bytes);
}
