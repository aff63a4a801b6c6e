using System.Buffers.Binary;
using DynamicFs.Interop;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>
/// Layout of the file <c>journal</c>: two halves; the batches on top of the root of generation g stand one after the other from the start of half
/// g mod 2, each at a multiple of 4096. A batch: header, payload, zeros up to the next multiple. Its checksum covers header (without the checksum) and
/// payload; the header holds the checksum of the batch before it, or of the root record, so that a chain belongs to one root. Little-endian.
/// </summary>
internal static class JournalFormat
{
    public const int HalfBytes = 8 << 20;
    public const int FileBytes = 2 * HalfBytes;
    public const int Alignment = 4096;
    public const uint Version = 1;

    public const int MagicOffset = 0;
    public const int VersionOffset = MagicOffset + 8;
    public const int PayloadBytesOffset = VersionOffset + 4;
    public const int PoolOffset = PayloadBytesOffset + 4;
    public const int BaseOffset = PoolOffset + 16;
    public const int SequenceOffset = BaseOffset + 8;
    public const int PreviousOffset = SequenceOffset + 8;
    public const int ReservedOffset = PreviousOffset + Checksum.Size;
    public const int ReservedBytes = 16;
    public const int ChecksumOffset = ReservedOffset + ReservedBytes;
    public const int HeaderBytes = ChecksumOffset + Checksum.Size;
    public const int MaxPayloadBytes = HalfBytes - HeaderBytes;

    public static ReadOnlySpan<byte> Magic => "DYNFSJNL"u8;

    private const byte HeaderCheck = HeaderBytes == 128 ? 0 : -1;

    public static long StartOf(Generation baseGeneration) => (long)(baseGeneration.Value & 1) * HalfBytes;

    /// <summary>Bytes a batch takes in the journal.</summary>
    public static int SpanOf(int payloadBytes) => (HeaderBytes + payloadBytes + Alignment - 1) / Alignment * Alignment;

    /// <summary>Completes a batch whose payload stands behind the header already, padding included; its checksum.</summary>
    public static Checksum Seal(PoolId pool, Generation baseGeneration, ulong sequence, in Checksum previous, Span<byte> batch, int payloadBytes)
    {
        batch[..HeaderBytes].Clear();
        Magic.CopyTo(batch[MagicOffset..]);
        BinaryPrimitives.WriteUInt32LittleEndian(batch[VersionOffset..], Version);
        BinaryPrimitives.WriteInt32LittleEndian(batch[PayloadBytesOffset..], payloadBytes);
        pool.Value.TryWriteBytes(batch[PoolOffset..], bigEndian: true, out _);
        BinaryPrimitives.WriteUInt64LittleEndian(batch[BaseOffset..], baseGeneration.Value);
        BinaryPrimitives.WriteUInt64LittleEndian(batch[SequenceOffset..], sequence);
        previous.Write(batch[PreviousOffset..]);
        batch[(HeaderBytes + payloadBytes)..SpanOf(payloadBytes)].Clear();
        Checksum checksum = ChecksumOf(batch, payloadBytes);
        checksum.Write(batch[ChecksumOffset..]);
        return checksum;
    }

    /// <summary>Bytes that the batch takes which begins with this header, if it is one: nothing of it is checked but what keeps the answer within a half.</summary>
    public static int LengthOf(ReadOnlySpan<byte> header)
    {
        if (header.Length < HeaderBytes || !header.StartsWith(Magic))
            return 0;
        int payloadBytes = BinaryPrimitives.ReadInt32LittleEndian(header[PayloadBytesOffset..]);
        return payloadBytes is >= 0 and <= MaxPayloadBytes ? SpanOf(payloadBytes) : 0;
    }

    /// <summary>
    /// Reads the batch that <paramref name="half"/> starts with, when it is the one expected there: this pool, base and sequence, chained to
    /// <paramref name="previous"/>, every byte right. Anything else is the end of the chain.
    /// </summary>
    public static bool TryRead(
        PoolId pool, Generation baseGeneration, ulong sequence, in Checksum previous, ReadOnlySpan<byte> half, out ReadOnlySpan<byte> payload, out Checksum checksum)
    {
        payload = default;
        checksum = default;
        if (half.Length < HeaderBytes || !HeaderFits(pool, baseGeneration, sequence, previous, half))
            return false;
        int payloadBytes = BinaryPrimitives.ReadInt32LittleEndian(half[PayloadBytesOffset..]);
        if (payloadBytes < 0 || payloadBytes > half.Length - HeaderBytes || SpanOf(payloadBytes) > half.Length)
            return false;
        checksum = Checksum.Read(half[ChecksumOffset..]);
        if (ChecksumOf(half, payloadBytes) != checksum || half[(HeaderBytes + payloadBytes)..SpanOf(payloadBytes)].ContainsAnyExcept((byte)0))
            return false;
        payload = half.Slice(HeaderBytes, payloadBytes);
        return true;
    }

    /// <summary>True when an intact batch of this base stands here that comes after batch <paramref name="sequence"/>.</summary>
    public static bool IsLaterBatch(PoolId pool, Generation baseGeneration, ulong sequence, ReadOnlySpan<byte> half)
    {
        if (half.Length < HeaderBytes || !half.StartsWith(Magic))
            return false;
        ulong found = BinaryPrimitives.ReadUInt64LittleEndian(half[SequenceOffset..]);
        return found > sequence && TryRead(pool, baseGeneration, found, Checksum.Read(half[PreviousOffset..]), half, out _, out _);
    }

    private static bool HeaderFits(PoolId pool, Generation baseGeneration, ulong sequence, in Checksum previous, ReadOnlySpan<byte> header) =>
        header[MagicOffset..].StartsWith(Magic)
        && BinaryPrimitives.ReadUInt32LittleEndian(header[VersionOffset..]) == Version
        && new Guid(header.Slice(PoolOffset, 16), bigEndian: true) == pool.Value
        && (BinaryPrimitives.ReadUInt64LittleEndian(header[BaseOffset..]) == baseGeneration.Value || Canary.Is("journal-of-another-root"))
        && BinaryPrimitives.ReadUInt64LittleEndian(header[SequenceOffset..]) == sequence
        && (Checksum.Read(header[PreviousOffset..]) == previous || Canary.Is("journal-of-another-root"))
        && !header.Slice(ReservedOffset, ReservedBytes).ContainsAnyExcept((byte)0);

    private static Checksum ChecksumOf(ReadOnlySpan<byte> batch, int payloadBytes)
    {
        var hasher = new Blake3Hasher();
        hasher.Update(batch[..ChecksumOffset]);
        hasher.Update(batch.Slice(HeaderBytes, payloadBytes));
        return hasher.Finish();
    }
}
