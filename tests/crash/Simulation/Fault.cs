using DynamicFs.Primitives;

namespace DynamicFs.CrashTests.Simulation;

/// <summary>The calls of the disk seam, as flags so that a fault can be for several.</summary>
[Flags]
public enum DiskCalls
{
    Open = 1 << 0,
    Create = 1 << 1,
    Read = 1 << 2,
    Write = 1 << 3,
    SetLength = 1 << 4,
    Allocate = 1 << 5,
    Sync = 1 << 6,
    Rename = 1 << 7,
    Unlink = 1 << 8,
    MakeDirectory = 1 << 9,
    RemoveDirectory = 1 << 10,
    List = 1 << 11,
    SyncDirectory = 1 << 12,
    Space = 1 << 13,

    /// <summary>Not a call: what <see cref="SimulatedWorld.Mark"/> puts into the log.</summary>
    Mark = 1 << 14,

    /// <summary>Calls that change what is on the disk.</summary>
    Changes = Create | Write | SetLength | Allocate | Rename | Unlink | MakeDirectory | RemoveDirectory,

    /// <summary>Calls that make changes durable.</summary>
    Barriers = Sync | SyncDirectory,

    All = (1 << 14) - 1,
}

public enum FaultKind
{
    /// <summary>The call fails and does nothing.</summary>
    Fail,

    /// <summary>The call does its work and fails all the same.</summary>
    FailAfter,

    /// <summary>A write fails after some of its sectors, chosen by the world's seed. Other calls: as <see cref="Fail"/>.</summary>
    PartialWrite,

    /// <summary>A file's sync fails; what was written since the last one is partly lost for ever, and the next sync succeeds. Other calls: as <see cref="Fail"/>.</summary>
    LostSync,

    /// <summary>
    /// A sync of a file or a directory succeeds and does nothing: the engine as if that line of its code were missing, or a disk that lies. Other calls: as
    /// <see cref="Fail"/>.
    /// </summary>
    SkippedSync,

    /// <summary>A read returns one wrong bit; the medium is right.</summary>
    FlippedBit,

    /// <summary>A write is reported done and only ever reaches the cache.</summary>
    DroppedWrite,

    /// <summary>A write is reported done and lands some sectors away.</summary>
    MisdirectedWrite,

    /// <summary><see cref="Fault.Action"/> runs before the call (it may wait, or throw to stop the workload), which then goes on.</summary>
    Call,
}

/// <summary>Something that goes wrong at chosen calls. Give it to <see cref="SimulatedWorld.Inject"/>.</summary>
/// <param name="Kind">What goes wrong.</param>
/// <param name="On">At which calls.</param>
/// <param name="Errno">What a failing call returns.</param>
public sealed record Fault(FaultKind Kind, DiskCalls On = DiskCalls.All, Errno Errno = Errno.EIO)
{
    private long _matchCount;

    /// <summary>Index of the disk; null is any.</summary>
    public int? Disk { get; init; }

    /// <summary>Only calls for paths that begin so.</summary>
    public string PathPrefix { get; init; } = "";

    /// <summary>The first matching call that it hits, counted from 1 over all disks that it is for.</summary>
    public long Nth { get; init; } = 1;

    /// <summary>How many matching calls from then on: 1 is once, <see cref="long.MaxValue"/> for ever.</summary>
    public long Times { get; init; } = 1;

    public Action? Action { get; init; }

    /// <summary>How often it has struck; a test that injects a fault checks that it did.</summary>
    public long HitCount { get; private set; }

    /// <summary>Called under the world's lock.</summary>
    internal bool Strikes(DiskCalls call, int disk, string path)
    {
        if ((On & call) == 0 || (Disk ?? disk) != disk || !path.StartsWith(PathPrefix, StringComparison.Ordinal))
            return false;
        _matchCount++;
        if (_matchCount < Nth || _matchCount - Nth >= Times)
            return false;
        HitCount++;
        return true;
    }
}
