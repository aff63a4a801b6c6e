using System.Buffers.Binary;
using System.Text;
using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>
/// Layout of what the pool tree knows of a disk. Key: kind 16 (1), member index (2, big-endian). Value, little-endian: version (1), state (1), number of history
/// entries (2), since (8, units of 100 ns since 1970), errors (8), disk id (16, as printed), evicted generation (8, 0 for none); then reason, evidence, who, each as length (2) and UTF-8;
/// then the history, oldest first, each as time (8) and text in the same way. Old entries are left out when there is no room.
/// </summary>
internal static class DiskRecordFormat
{
    public const byte Kind = 16;
    public const byte Version = 1;
    public const int KeyBytes = 3;

    /// <summary>Bad UTF-8 is damage, not a question mark.</summary>
    private static readonly UTF8Encoding s_text = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private const int StateOffset = 1;
    private const int CountOffset = StateOffset + 1;
    private const int SinceOffset = CountOffset + 2;
    private const int ErrorsOffset = SinceOffset + 8;
    private const int IdOffset = ErrorsOffset + 8;
    private const int EvictedOffset = IdOffset + 16;
    private const int TextsOffset = EvictedOffset + 8;

    public static void WriteKey(Span<byte> key, int memberIndex)
    {
        key[0] = Kind;
        BinaryPrimitives.WriteUInt16BigEndian(key[1..], checked((ushort)memberIndex));
    }

    public static int IndexOf(ReadOnlySpan<byte> key) => BinaryPrimitives.ReadUInt16BigEndian(key[1..]);

    public static int Write(Span<byte> value, DiskRecord record)
    {
        DiskHealth health = record.Health;
        value[0] = Version;
        value[StateOffset] = (byte)health.State;
        BinaryPrimitives.WriteInt64LittleEndian(value[SinceOffset..], TicksOf(health.Since));
        BinaryPrimitives.WriteInt64LittleEndian(value[ErrorsOffset..], health.ErrorCount);
        record.Id.Value.TryWriteBytes(value[IdOffset..], bigEndian: true, out _);
        BinaryPrimitives.WriteUInt64LittleEndian(value[EvictedOffset..], record.Evicted.Value);
        int at = TextsOffset;
        foreach (string text in (string[])[health.Reason, health.Evidence, health.Who])
            WriteText(value, ref at, text);
        int first = FirstThatFits(health.History, Tree.MaxValueBytes - at);
        BinaryPrimitives.WriteUInt16LittleEndian(value[CountOffset..], (ushort)(health.History.Count - first));
        foreach (DiskEvent entry in health.History.Skip(first))
        {
            BinaryPrimitives.WriteInt64LittleEndian(value[at..], TicksOf(entry.Time));
            at += 8;
            WriteText(value, ref at, entry.Text);
        }

        return at;
    }

    /// <summary>Throws <see cref="CorruptionException"/> for anything that <see cref="Write"/> does not write.</summary>
    public static DiskRecord Read(int memberIndex, ReadOnlySpan<byte> value)
    {
        try
        {
            if (value[0] != Version || value[StateOffset] > (byte)DiskState.Failed)
                throw new FormatException($"version {value[0]}, state {value[StateOffset]}");
            int at = TextsOffset;
            string reason = ReadText(value, ref at), evidence = ReadText(value, ref at), who = ReadText(value, ref at);
            int count = BinaryPrimitives.ReadUInt16LittleEndian(value[CountOffset..]);
            if (count > DiskHealth.MaxHistory)
                throw new FormatException($"{count} entries of the history");
            var history = new DiskEvent[count];
            for (int i = 0; i < history.Length; i++)
            {
                DateTimeOffset time = TimeOf(BinaryPrimitives.ReadInt64LittleEndian(value[at..]));
                at += 8;
                history[i] = new DiskEvent(time, ReadText(value, ref at));
            }

            if (at != value.Length)
                throw new FormatException($"{value.Length - at} bytes too many");
            DateTimeOffset since = TimeOf(BinaryPrimitives.ReadInt64LittleEndian(value[SinceOffset..]));
            var health = new DiskHealth((DiskState)value[StateOffset], reason, since, evidence, who)
            {
                ErrorCount = BinaryPrimitives.ReadInt64LittleEndian(value[ErrorsOffset..]),
                History = history,
            };
            var evicted = new Generation(BinaryPrimitives.ReadUInt64LittleEndian(value[EvictedOffset..]));
            return new DiskRecord(memberIndex, new DiskId(new Guid(value.Slice(IdOffset, 16), bigEndian: true)), health, evicted);
        }
        catch (Exception e) when (e is ArgumentException or IndexOutOfRangeException or FormatException)
        {
            throw new CorruptionException("metadata", $"record of disk {memberIndex}", "a well-formed record", e.Message);
        }
    }

    private static int FirstThatFits(IReadOnlyList<DiskEvent> history, int room)
    {
        int first = history.Count;
        while (first > 0 && (room -= 8 + 2 + s_text.GetByteCount(history[first - 1].Text)) >= 0)
            first--;
        return first;
    }

    private static void WriteText(Span<byte> value, ref int at, string text)
    {
        int length = s_text.GetBytes(text, value[(at + 2)..]);
        BinaryPrimitives.WriteUInt16LittleEndian(value[at..], (ushort)length);
        at += 2 + length;
    }

    private static string ReadText(ReadOnlySpan<byte> value, ref int at)
    {
        int length = BinaryPrimitives.ReadUInt16LittleEndian(value[at..]);
        string text = s_text.GetString(value.Slice(at + 2, length));
        at += 2 + length;
        return text;
    }

    private static long TicksOf(DateTimeOffset time) => time.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks;

    private static DateTimeOffset TimeOf(long ticks) => DateTimeOffset.UnixEpoch.AddTicks(ticks);
}

/// <summary>What the pool's metadata knows of one member. It wins over the disk's own label, which cannot be written while the disk is away.</summary>
/// <param name="Evicted">The generation from which on the pool went on without this disk below its root quorum; None when it did not.</param>
public sealed record DiskRecord(int Index, DiskId Id, DiskHealth Health, Generation Evicted);

/// <summary>The records of the disks in the pool tree. Changed on the commit thread only.</summary>
internal static class DiskRecords
{
    public static IReadOnlyList<DiskRecord> Load(Tree pool)
    {
        List<DiskRecord> records = [];
        pool.Scan([DiskRecordFormat.Kind], ref records, static (ref List<DiskRecord> found, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
        {
            if (key[0] != DiskRecordFormat.Kind || key.Length != DiskRecordFormat.KeyBytes)
                return false;
            found.Add(DiskRecordFormat.Read(DiskRecordFormat.IndexOf(key), value));
            return true;
        });
        return records;
    }

    public static void Put(Tree pool, DiskRecord record)
    {
        Span<byte> key = stackalloc byte[DiskRecordFormat.KeyBytes];
        Span<byte> value = stackalloc byte[Tree.MaxValueBytes];
        DiskRecordFormat.WriteKey(key, record.Index);
        int length = DiskRecordFormat.Write(value, record);
        pool.Put(key, value[..length]);
    }

    public static void Remove(Tree pool, int index)
    {
        Span<byte> key = stackalloc byte[DiskRecordFormat.KeyBytes];
        DiskRecordFormat.WriteKey(key, index);
        pool.Delete(key);
    }
}
