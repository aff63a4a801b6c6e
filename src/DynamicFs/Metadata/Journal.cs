using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>
/// The intent log on the metadata disks. Keeps true: batches are appended only on top of a root that this process wrote, each only after the one before it was
/// durable on every current metadata disk; after any failure nothing more is appended until the next root. So a chain never forks: whatever is longest
/// on any disk contains every acknowledged batch. For the commit thread.
/// </summary>
internal sealed class Journal(PoolId pool, PageFiles files, MetadataOptions options) : IDisposable
{
    public const string FileName = "journal";

    private const int FirstBufferBytes = 1 << 20;

    private NativeBuffer? _buffer;
    private bool _isOpen;
    private Generation _base;
    private Checksum _last;
    private ulong _nextSequence;
    private int _usedBytes;

    /// <summary>Starts anew on top of a root that was just written.</summary>
    public void Start(Root root)
    {
        (_base, _last) = (root.Generation, root.Checksum);
        (_nextSequence, _usedBytes, _isOpen) = (0, 0, true);
    }

    public bool HasRoom(int payloadBytes) =>
        _isOpen && payloadBytes <= JournalFormat.MaxPayloadBytes && _usedBytes + JournalFormat.SpanOf(payloadBytes) <= JournalFormat.HalfBytes;

    public bool Append(ReadOnlySpan<byte> payload)
    {
        if (!HasRoom(payload.Length))
            return false;
        int spanBytes = JournalFormat.SpanOf(payload.Length);
        NativeBuffer buffer = BufferOf(spanBytes);
        payload.CopyTo(buffer.Span[JournalFormat.HeaderBytes..]);
        Checksum checksum = JournalFormat.Seal(pool, _base, _nextSequence, _last, buffer.Span, payload.Length);
        long offset = JournalFormat.StartOf(_base) + _usedBytes;
        _isOpen = files.TryRound(mirror =>
        {
            mirror.Journal!.Write(offset, buffer.Span[..spanBytes]);
            KillPoint.Reach("journal-before-sync");
            if (!options.NoFsync && !Canary.Is("journal-not-synced"))
                mirror.Journal.Sync();
        });
        (_last, _usedBytes) = (checksum, _usedBytes + spanBytes);
        _nextSequence++;
        KillPoint.Reach("journal-before-answer");
        return _isOpen;
    }

    /// <summary>
    /// The payloads of the longest valid chain on top of a root, put together from all disks: each batch from any disk that has it right. Throws
    /// <see cref="PoolException"/> Corrupt when a batch is damaged everywhere although a later one proves that it was acknowledged.
    /// <paramref name="isWhole"/>: all of all halves could be read.
    /// </summary>
    public static IReadOnlyList<byte[]> Recover(PoolId pool, Root root, IReadOnlyList<Mirror> mirrors, MetadataProblems problems, out bool isWhole)
    {
        JournalHalf[] halves = [.. mirrors.Select(mirror => new JournalHalf(mirror, root, problems))];
        try
        {
            var payloads = new List<byte[]>();
            int offset = 0;
            for (Checksum previous = root.Checksum; TryReadAny(halves, pool, offset, (ulong)payloads.Count, ref previous, out byte[] payload);)
            {
                payloads.Add(payload);
                offset += JournalFormat.SpanOf(payload.Length);
            }

            CheckNothingFollows(pool, root, halves, offset, payloads.Count);
            isWhole = Array.TrueForAll(halves, half => half.IsWhole);
            return payloads;
        }
        finally
        {
            Array.ForEach(halves, half => half.Dispose());
        }
    }

    public void Dispose() => _buffer?.Dispose();

    private NativeBuffer BufferOf(int bytes)
    {
        if (_buffer?.LengthBytes >= bytes)
            return _buffer;
        _buffer?.Dispose();
        return _buffer = new NativeBuffer(bytes <= FirstBufferBytes ? FirstBufferBytes : JournalFormat.HalfBytes);
    }

    private static bool TryReadAny(JournalHalf[] halves, PoolId pool, int offset, ulong sequence, ref Checksum previous, out byte[] payload)
    {
        foreach (JournalHalf half in halves)
        {
            if (half.TryRead(pool, offset, sequence, previous, out ReadOnlySpan<byte> found, out Checksum checksum))
            {
                previous = checksum;
                payload = found.ToArray();
                return true;
            }
        }

        payload = [];
        return false;
    }

    /// <summary>A batch is written only after the one before it was acknowledged, so a later one behind a gap means that the gap was a batch.</summary>
    private static void CheckNothingFollows(PoolId pool, Root root, JournalHalf[] halves, int from, int count)
    {
        foreach (JournalHalf half in halves)
        {
            for (int offset = from + JournalFormat.Alignment; offset < half.LengthBytes; offset += JournalFormat.Alignment)
            {
                if (half.IsLaterBatch(pool, offset, (ulong)count))
                {
                    throw new PoolException(
                        ErrorId.Corrupt,
                        $"the journal of generation {root.Generation} is damaged on every present metadata disk: batch {count} cannot be read, but later ones were acknowledged. "
                        + "Bring the other metadata disks back and mount again");
                }
            }
        }
    }
}
