using DynamicFs.Files;
using DynamicFs.Primitives;

namespace DynamicFs.Maintenance;

/// <summary>
/// What scrub keeps in the pool tree. Kind 4, 1 byte 's': the scrub under way (<see cref="WriteRun"/>). Kind 5, group (8, big-endian): when all extents of a group
/// were verified (Unix seconds, 8) and 1 when that was a scrub, 0 when the group was only seen first then (1). Kind 6, extent (8, big-endian): a poisoned extent,
/// with the time it was found (8). Numbers in values are little-endian.
/// </summary>
internal sealed class ScrubNotes(PoolNotes notes)
{
    private const byte RunKind = 4;
    private const byte VerifiedKind = 5;
    private const byte PoisonKind = 6;
    private const byte RunVersion = 1;
    private const int RunHeadBytes = 8;
    private const int RunBytes = RunHeadBytes + (12 * 8);

    private static readonly byte[] s_runKey = [RunKind, (byte)'s'];

    private int _poisonedCount = notes.All(PoisonKind).Count;

    /// <summary>From memory.</summary>
    public int PoisonedCount => Volatile.Read(ref _poisonedCount);

    public void SetVerified(ulong group, DateTimeOffset time, bool isScrubbed)
    {
        byte[] value = new byte[9];
        PoolNotes.WriteNumbers(value, [time.ToUnixTimeSeconds()]);
        value[8] = isScrubbed ? (byte)1 : (byte)0;
        notes.Put(PoolNotes.KeyOf(VerifiedKind, group), value);
    }

    /// <summary>Null when the group was never seen.</summary>
    public (DateTimeOffset Time, bool IsScrubbed)? Verified(ulong group) =>
        notes.Find(PoolNotes.KeyOf(VerifiedKind, group)) is { Length: 9 } value
            ? (DateTimeOffset.FromUnixTimeSeconds(PoolNotes.ReadNumber(value, 0)), value[8] != 0)
            : null;

    public void Poison(ExtentId extent, DateTimeOffset time)
    {
        byte[] key = PoolNotes.KeyOf(PoisonKind, extent.Value);
        if (notes.Find(key) is not null)
            return;
        byte[] value = new byte[8];
        PoolNotes.WriteNumbers(value, [time.ToUnixTimeSeconds()]);
        notes.Put(key, value);
        notes.IsUrgent = true;
        Interlocked.Increment(ref _poisonedCount);
    }

    public bool IsPoisoned(ExtentId extent) => notes.Find(PoolNotes.KeyOf(PoisonKind, extent.Value)) is not null;

    public void Clear(ExtentId extent)
    {
        if (!IsPoisoned(extent))
            return;
        notes.Delete(PoolNotes.KeyOf(PoisonKind, extent.Value));
        Interlocked.Decrement(ref _poisonedCount);
    }

    public List<(ExtentId Extent, DateTimeOffset Since)> Poisoned() =>
        [.. notes.All(PoisonKind).Select(note => (new ExtentId(PoolNotes.NumberOf(note.Key)), DateTimeOffset.FromUnixTimeSeconds(PoolNotes.ReadNumber(note.Value, 0))))];

    public void WriteRun(ScrubStatus status, ExtentId cursor)
    {
        byte[] value = new byte[RunBytes];
        (value[0], value[1]) = (RunVersion, (byte)status.Phase);
        value[2] = (byte)((status.Request.Repairs ? 1 : 0) | (status.Request.IsDryRun ? 2 : 0) | (status.Request.IsBackground ? 4 : 0));
        PoolNotes.WriteNumbers(value.AsSpan(RunHeadBytes),
        [
            status.StartedAt?.ToUnixTimeSeconds() ?? 0, status.EndedAt?.ToUnixTimeSeconds() ?? 0, (long)cursor.Value, status.Request.Disk, (long)status.Request.OlderThan.TotalSeconds,
            status.TotalBytes, status.DoneBytes, status.Extents, status.Healthy, status.Degraded, status.Repaired, status.Unrecoverable,
        ]);
        notes.Put(s_runKey, value);
    }

    /// <summary>The scrub that was under way, or the last one; null when there was none, or a newer version wrote it.</summary>
    public (ScrubStatus Status, ExtentId Cursor)? ReadRun()
    {
        if (notes.Find(s_runKey) is not { Length: RunBytes } value || value[0] != RunVersion || value[1] > (byte)ScrubPhase.Cancelled)
            return null;
        long Number(int index) => PoolNotes.ReadNumber(value.AsSpan(RunHeadBytes), index);
        DateTimeOffset? Time(int index) => Number(index) == 0 ? null : DateTimeOffset.FromUnixTimeSeconds(Number(index));
        var request = new ScrubRequest
        {
            Repairs = (value[2] & 1) != 0,
            IsDryRun = (value[2] & 2) != 0,
            IsBackground = (value[2] & 4) != 0,
            Disk = (int)Number(3),
            OlderThan = TimeSpan.FromSeconds(Number(4)),
        };
        var status = new ScrubStatus
        {
            Phase = (ScrubPhase)value[1],
            Request = request,
            StartedAt = Time(0),
            EndedAt = Time(1),
            TotalBytes = Number(5),
            DoneBytes = Number(6),
            Extents = Number(7),
            Healthy = Number(8),
            Degraded = Number(9),
            Repaired = Number(10),
            Unrecoverable = Number(11),
        };
        return (status, new ExtentId((ulong)Number(2)));
    }
}
