using System.Buffers.Binary;
using System.Text;
using DynamicFs.Files;
using DynamicFs.Interop;
using DynamicFs.Primitives;

namespace DynamicFs.Maintenance;

/// <summary>A pass that was under way.</summary>
/// <param name="Status">Its counts.</param>
/// <param name="Cursor">The first extent that was not compared with the disks.</param>
/// <param name="IgnoresGrace">It waited for no missing disk any more.</param>
/// <param name="Disks">Checksum of the states of the disks that it was for.</param>
internal sealed record RebuildRun(RebuildStatus Status, ExtentId Cursor, bool IgnoresGrace, Checksum Disks);

/// <summary>
/// Where a rebuild pass is, in the pool tree, so that a mount after a crash goes on there. Kind 4, 1 byte 'r': the pass (<see cref="WriteRun"/>). Kind 7, group (8, big-endian): a group
/// of extents some of which are to be restored; the value is how many were when it was written (4). Numbers in values are little-endian. A help only: what the notes do not know is found by the look at everything that ends a resumed pass.
/// </summary>
internal sealed class RebuildNotes(PoolNotes notes)
{
    public const int RunBytes = NumbersOffset + (10 * 8);

    private const byte RunKind = 4;
    private const byte GroupKind = 7;
    private const byte RunVersion = 1;
    private const int DisksOffset = 8;
    private const int NumbersOffset = DisksOffset + Checksum.Size;

    private static readonly byte[] s_runKey = [RunKind, (byte)'r'];

    public static Checksum Of(string states) => Blake3.Hash(Encoding.UTF8.GetBytes(states));

    public void WriteRun(RebuildRun run)
    {
        byte[] value = new byte[RunBytes];
        (value[0], value[1], value[2]) = (RunVersion, (byte)run.Status.Phase, run.IgnoresGrace ? (byte)1 : (byte)0);
        run.Disks.Write(value.AsSpan(DisksOffset));
        RebuildStatus status = run.Status;
        PoolNotes.WriteNumbers(value.AsSpan(NumbersOffset),
        [
            status.StartedAt?.ToUnixTimeSeconds() ?? 0, (long)run.Cursor.Value, status.ScannedExtents, status.QueuedExtents, status.QueuedBytes, status.DoneExtents, status.DoneBytes,
            status.RepairedExtents, status.DegradedExtents, status.LostExtents,
        ]);
        notes.Put(s_runKey, value);
    }

    /// <summary>The pass that was under way; null when there was none, or a newer version wrote it.</summary>
    public RebuildRun? ReadRun()
    {
        if (notes.Find(s_runKey) is not { Length: RunBytes } value || value[0] != RunVersion || value[1] > (byte)RebuildPhase.Publishing)
            return null;
        long Number(int index) => PoolNotes.ReadNumber(value.AsSpan(NumbersOffset), index);
        long started = Number(0);
        if (started < 0 || started > DateTimeOffset.MaxValue.ToUnixTimeSeconds())
            return null;
        var status = new RebuildStatus
        {
            Phase = (RebuildPhase)value[1],
            StartedAt = DateTimeOffset.FromUnixTimeSeconds(started),
            ScannedExtents = Number(2),
            QueuedExtents = Number(3),
            QueuedBytes = Number(4),
            DoneExtents = Number(5),
            DoneBytes = Number(6),
            RepairedExtents = Number(7),
            DegradedExtents = Number(8),
            LostExtents = Number(9),
        };
        return new RebuildRun(status, new ExtentId((ulong)Number(1)), (value[2] & 1) != 0, Checksum.Read(value.AsSpan(DisksOffset)));
    }

    public void Mark(ulong group, int extents)
    {
        byte[] value = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(value, extents);
        notes.Put(PoolNotes.KeyOf(GroupKind, group), value);
    }

    public void Unmark(ulong group) => notes.Delete(PoolNotes.KeyOf(GroupKind, group));

    /// <summary>Groups with extents that are to be restored, ascending.</summary>
    public List<ulong> Marked() => [.. notes.All(GroupKind).Where(note => note.Key.Length == 9).Select(note => PoolNotes.NumberOf(note.Key))];

    /// <summary>The pass has ended.</summary>
    public void Clear()
    {
        notes.Delete(s_runKey);
        Marked().ForEach(Unmark);
    }
}
