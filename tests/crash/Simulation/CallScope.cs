using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.CrashTests.Simulation;

/// <summary>One call on its way: numbered, logged, with the fault that strikes it. Making one throws if the call is to fail before it does anything.</summary>
internal readonly struct CallScope
{
    private readonly SimulatedDisk _disk;
    private readonly string _operation;
    private readonly Fault? _fault;

    public CallScope(SimulatedDisk disk, DiskCalls call, string operation, string path, string? to = null, long offset = 0, long lengthBytes = 0)
    {
        disk.ThrowIfDisposed();
        (_disk, _operation, Path) = (disk, operation, path);
        _fault = disk.World.Begin(disk.Index, call, path, to, offset, lengthBytes, out long sequence);
        Sequence = sequence;
        bool isSpecial = _fault?.Kind switch
        {
            FaultKind.PartialWrite or FaultKind.DroppedWrite or FaultKind.MisdirectedWrite => call == DiskCalls.Write,
            FaultKind.LostSync => call == DiskCalls.Sync,
            FaultKind.SkippedSync => (call & DiskCalls.Barriers) != 0,
            FaultKind.FlippedBit => call == DiskCalls.Read,
            FaultKind.FailAfter or null => true,
            _ => false,
        };
        if (!isSpecial)
            Throw(_fault!.Errno);
    }

    public long Sequence { get; }

    public string Path { get; }

    public FaultKind? Fault => _fault?.Kind;

    public void ThrowOnFailure(Errno errno)
    {
        if (errno != Errno.None)
            Throw(errno);
    }

    /// <summary>For the end of a call: throws if it is to fail in spite of its work (a partial write and a lost sync are such, too).</summary>
    public void ThrowIfFailsAfter()
    {
        if (_fault is { Kind: FaultKind.FailAfter or FaultKind.PartialWrite or FaultKind.LostSync })
            Throw(_fault.Errno);
    }

    private void Throw(Errno errno)
    {
        string path = Path.Length == 0 ? DiskLayout.Directory : Path;
        throw new DiskException(_disk.Name, $"{_operation} {path}", errno);
    }
}
