using DynamicFs.Disks;

namespace DynamicFs.CrashTests.Simulation;

/// <summary>One call of the disk seam as it was logged.</summary>
/// <param name="Sequence">Its place in the order of all calls of the world.</param>
/// <param name="Disk">Index of the disk; -1 for a mark.</param>
/// <param name="To">New name of a rename.</param>
public readonly record struct LoggedCall(long Sequence, int Disk, DiskCalls Call, string Path, string? To, long Offset, long LengthBytes)
{
    public bool IsChange => (Call & DiskCalls.Changes) != 0;
    public bool IsBarrier => (Call & (DiskCalls.Barriers | DiskCalls.Mark)) != 0;

    public override string ToString() =>
        Disk < 0 ? $"{Sequence} mark {Path}" : $"{Sequence} d{Disk + 1} {Call} {Path}{(To is null ? "" : $" -> {To}")} {Offset}+{LengthBytes}";
}

/// <summary>
/// Some simulated disks with one order of events. Everything that happens is numbered, everything random comes from one seed, so that a run on one thread
/// is reproduced exactly. Calls are atomic among each other (one lock for the world), also from several threads. A power cut does not change this world: it
/// makes a new one (<see cref="CrashPointAt(long)"/>, <see cref="CrashPoint.Build"/>), so one run of a workload gives the states of all its moments.
/// </summary>
public sealed class SimulatedWorld
{
    private readonly SimulatedMedium[] _media;
    private readonly List<LoggedCall> _log = [];
    private readonly List<Fault> _faults = [];
    private long _sequence;

    /// <param name="diskCount">Disks, empty, named d1, d2 and so on.</param>
    /// <param name="seed">Of everything random in this world.</param>
    public SimulatedWorld(int diskCount, int seed = 1) : this([.. Enumerable.Repeat(DiskImage.Empty, diskCount)], seed)
    {
    }

    public SimulatedWorld(IReadOnlyList<DiskImage> images, int seed = 1)
    {
        Random = new Random(seed);
        _media = [.. images.Select((image, index) => new SimulatedMedium(this, index, image))];
    }

    /// <summary>
    /// Keep the log and every image ever, so that <see cref="CrashPointAt(long)"/> knows every moment. Costs memory for all that was ever written, so it is off
    /// at first; set it before the workload.
    /// </summary>
    public bool KeepsHistory { get; set; }

    /// <summary>Bytes by disk that something else has taken there: the disk says that it is fuller, nothing else. Not part of any image.</summary>
    public Dictionary<int, long> Ballast { get; } = [];

    public int DiskCount => _media.Length;

    /// <summary>Number of the last call; calls count from 1.</summary>
    public long Sequence
    {
        get
        {
            lock (Gate)
                return _sequence;
        }
    }

    /// <summary>The calls so far, if the history is kept.</summary>
    public IReadOnlyList<LoggedCall> Log => _log;

    /// <summary>The one lock: images, log, faults, sequence.</summary>
    internal Lock Gate { get; } = new();

    internal Random Random { get; }

    /// <summary>A new opener of a disk, with a lock of its own.</summary>
    public SimulatedDisk Open(int disk) => new(_media[disk]);

    /// <summary>A new opener of every disk.</summary>
    public IReadOnlyList<SimulatedDisk> OpenAll() => [.. Enumerable.Range(0, DiskCount).Select(Open)];

    public DiskImage Image(int disk) => _media[disk].Image;

    /// <summary>Puts another content under a disk: an old image, another pool's, nothing. Open files of it see errors.</summary>
    public void Replace(int disk, DiskImage image) => _media[disk].Replace(image);

    public Fault Inject(Fault fault)
    {
        lock (Gate)
            _faults.Add(fault);
        return fault;
    }

    public void Remove(Fault fault)
    {
        lock (Gate)
            _faults.Remove(fault);
    }

    public void ClearFaults()
    {
        lock (Gate)
            _faults.Clear();
    }

    /// <summary>Notes an event outside of the disks (an answer to a client) in the order of calls; returns its number.</summary>
    public long Mark(string text)
    {
        lock (Gate)
        {
            _sequence++;
            if (KeepsHistory)
                _log.Add(new LoggedCall(_sequence, -1, DiskCalls.Mark, text, null, 0, 0));
            return _sequence;
        }
    }

    /// <summary>What the kernel does some time after a write: all that is pending becomes durable.</summary>
    public void WriteBack()
    {
        foreach (SimulatedMedium medium in _media)
            medium.WriteBack();
    }

    /// <summary>The page caches are emptied: what never reached a medium can no longer be read.</summary>
    public void DropCaches()
    {
        foreach (SimulatedMedium medium in _media)
            medium.DropCaches();
    }

    /// <summary>The process ends, the machine goes on: the same contents with everything pending, nothing open, nothing locked, no faults.</summary>
    public SimulatedWorld Restart(int seed = 1) => new([.. _media.Select(medium => medium.Image)], seed);

    /// <summary>A power cut now.</summary>
    public CrashPoint CrashPointNow() => new(Sequence, [.. _media.Select(medium => medium.Image)]);

    /// <summary>A power cut right after call number <paramref name="sequence"/> (0: before the first). Needs the history.</summary>
    public CrashPoint CrashPointAt(long sequence) => new(sequence, [.. _media.Select(medium => medium.ImageAt(sequence))]);

    /// <summary>
    /// A power cut that each disk meets at its own moment. The caller vouches that no disk had answered anything behind its moment that the caller
    /// acted on: moments may differ within one parallel round only.
    /// </summary>
    public CrashPoint CrashPointAt(IReadOnlyList<long> sequencePerDisk) =>
        new(sequencePerDisk.Max(), [.. _media.Select((medium, index) => medium.ImageAt(sequencePerDisk[index]))]);

    /// <summary>Tells worlds apart by what programs see on all disks.</summary>
    public ulong Hash()
    {
        ulong hash = 0;
        foreach (SimulatedMedium medium in _media)
            hash = Mixing.Mix(hash + medium.Image.Hash());
        return hash;
    }

    /// <summary>Numbers a call and finds the fault that strikes it. A fault's action runs here, outside of the lock.</summary>
    internal Fault? Begin(int disk, DiskCalls call, string path, string? to, long offset, long lengthBytes, out long sequence)
    {
        Fault? struck = null;
        lock (Gate)
        {
            sequence = ++_sequence;
            if (KeepsHistory)
                _log.Add(new LoggedCall(sequence, disk, call, path, to, offset, lengthBytes));
            // Every fault counts its calls, also when an earlier one strikes.
            foreach (Fault fault in _faults)
            {
                if (fault.Strikes(call, disk, path))
                    struck ??= fault;
            }
        }

        if (struck?.Kind != FaultKind.Call)
            return struck;
        struck.Action?.Invoke();
        return null;
    }
}
