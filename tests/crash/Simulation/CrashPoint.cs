using System.Collections.Concurrent;

namespace DynamicFs.CrashTests.Simulation;

/// <summary>Which aspect of a call may be lost on its own.</summary>
public enum PendingPart
{
    /// <summary>A change of names: create, unlink, mkdir, rmdir, or both sides of a rename.</summary>
    Entry,

    /// <summary>A new length of a file.</summary>
    Length,

    /// <summary>The bytes of a write.</summary>
    Data,
}

/// <summary>Something done before a power cut that no barrier has made durable: it may survive, be lost, or be torn, on its own.</summary>
public sealed class PendingOperation
{
    internal PendingOperation(int index, int disk, PendingPart part, int inode, FileChange? change, EntryChange? entries)
    {
        (Index, Disk, Part, Inode, Change, Entries) = (index, disk, part, inode, change, entries);
        Sequence = change?.Sequence ?? entries!.Sequence;
    }

    /// <summary>Its place in <see cref="CrashPoint.Pending"/>.</summary>
    public int Index { get; }
    public int Disk { get; }

    /// <summary>The call that it is a part of.</summary>
    public long Sequence { get; }
    public PendingPart Part { get; }

    /// <summary>Sectors that a write touches; 0 for everything else.</summary>
    public int SectorCount => Part == PendingPart.Data ? Change!.SectorCount : 0;

    /// <summary>The file of a change of contents; 0 for a change of names.</summary>
    internal int Inode { get; }
    internal FileChange? Change { get; }
    internal EntryChange? Entries { get; }

    /// <summary>Blocks between the old and the new end of a file that grows: places where it may end after the cut.</summary>
    internal int BoundaryCount => Part == PendingPart.Length
        ? (int)Math.Max(0, ((Change!.LengthAfter - 1) / Block.Size) - (Change.LengthBefore / Block.Size))
        : 0;

    public override string ToString() => Part switch
    {
        PendingPart.Entry => $"#{Index} d{Disk + 1}@{Sequence} {Entries!.Description}",
        PendingPart.Length => $"#{Index} d{Disk + 1}@{Sequence} length {Change!.Path} {Change.LengthBefore} -> {Change.LengthAfter}",
        _ => $"#{Index} d{Disk + 1}@{Sequence} data {Change!.Path} {Change.Offset}+{Change.LengthBytes}",
    };
}

/// <summary>
/// A moment at which the power may go: all disks as they were, and everything that was pending. Immutable; any number of states can be built from it, also by
/// several threads.
/// </summary>
public sealed class CrashPoint
{
    private readonly DiskImage[] _images;

    /// <summary>Per disk where its operations begin in <see cref="Pending"/>; one more for the end.</summary>
    private readonly int[] _starts;

    /// <summary>
    /// Images by disk and fates: the states of one crash point have most of their disks in common, so each of a disk's outcomes is built (and hashed)
    /// once.
    /// </summary>
    private readonly ConcurrentDictionary<Outcome, DiskImage> _built = new();

    internal CrashPoint(long sequence, DiskImage[] images)
    {
        (Sequence, _images) = (sequence, images);
        Pending = ListPending(images);
        _starts = [.. Enumerable.Range(0, images.Length + 1).Select(disk => Pending.Count(operation => operation.Disk < disk))];
    }

    public long Sequence { get; }

    public int DiskCount => _images.Length;

    /// <summary>What may be lost, disk by disk, each disk's in the order in which it was done.</summary>
    public IReadOnlyList<PendingOperation> Pending { get; }

    /// <summary>The world after the cut: what survives is what programs see, and durable.</summary>
    /// <param name="selection">What happens to each pending operation; made for this crash point.</param>
    /// <param name="seed">Seed of the new world.</param>
    public SimulatedWorld Build(CrashSelection selection, int seed = 1)
    {
        var images = new DiskImage[_images.Length];
        for (int disk = 0; disk < images.Length; disk++)
        {
            var outcome = new Outcome(disk, selection, _starts[disk], _starts[disk + 1]);
            if (!_built.TryGetValue(outcome, out DiskImage? image))
            {
                image = Survivors.Build(_images[disk], Pending, selection, outcome.First, outcome.End);
                _built[outcome] = image;
            }

            images[disk] = image;
        }

        return new SimulatedWorld(images, seed);
    }

    /// <summary>
    /// The states that <see cref="CrashStates.Enumerate"/> chooses, each one once: a state whose hash is in <paramref name="seen"/> is left out, the others are
    /// added to it.
    /// </summary>
    public IEnumerable<(CrashSelection Selection, SimulatedWorld World)> States(HashSet<ulong> seen, CrashStates? options = null)
    {
        foreach (CrashSelection selection in (options ?? new CrashStates()).Enumerate(this))
        {
            SimulatedWorld world = Build(selection);
            if (seen.Add(world.Hash()))
                yield return (selection, world);
        }
    }

    private static List<PendingOperation> ListPending(DiskImage[] images)
    {
        List<PendingOperation> all = [];
        for (int disk = 0; disk < images.Length; disk++)
        {
            List<(long Sequence, PendingPart Part, int Inode, FileChange? Change, EntryChange? Entries)> found = [];
            foreach (EntryChange entries in images[disk].PendingEntries.ToArray())
                found.Add((entries.Sequence, PendingPart.Entry, 0, null, entries));
            foreach (int inode in images[disk].DirtyFiles)
            {
                foreach (FileChange change in images[disk].File(inode).Pending.ToArray())
                {
                    if (change.ChangesLength)
                        found.Add((change.Sequence, PendingPart.Length, inode, change, null));
                    if (change.LengthBytes > 0)
                        found.Add((change.Sequence, PendingPart.Data, inode, change, null));
                }
            }

            found.Sort((a, b) => (a.Sequence, a.Part).CompareTo((b.Sequence, b.Part)));
            foreach (var item in found)
                all.Add(new PendingOperation(all.Count, disk, item.Part, item.Inode, item.Change, item.Entries));
        }

        return all;
    }

    /// <summary>What happens to one disk: the fates of its operations.</summary>
    private readonly record struct Outcome(int Disk, CrashSelection Selection, int First, int End)
    {
        public bool Equals(Outcome other) =>
            Disk == other.Disk && Selection.Fates(First, End).SequenceEqual(other.Selection.Fates(First, End));

        public override int GetHashCode()
        {
            ulong hash = (ulong)Disk;
            foreach (Survival fate in Selection.Fates(First, End))
                hash = Mixing.Mix(hash + Mixing.Prime + ((ulong)fate.Kind << 56) + ((ulong)fate.Tear << 52) + ((ulong)(uint)fate.Sector << 32) + (uint)fate.Seed);
            return (int)hash;
        }
    }
}
