using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>
/// One version of one page in memory. A frame is made for one page and never used for another. Its memory is valid while it is pinned or dirty; once
/// evicted (pin count below zero) it can never be pinned again.
/// </summary>
internal sealed unsafe class PageFrame(ulong number, ulong birth, byte* data)
{
    private const int Evicted = int.MinValue;

    private int _pinCount;

    public ulong Number { get; } = number;
    public ulong Birth { get; } = birth;
    public byte* Data { get; } = data;

    /// <summary>Not yet committed: never evicted.</summary>
    public bool IsDirty { get; set; }

    /// <summary>Used since the clock's hand last passed.</summary>
    public bool IsReferenced { get; set; }

    /// <summary>Position in the list of dirty pages of its transaction, or in the clock; -1 when in neither. Owned by whoever owns the list.</summary>
    public int ListIndex { get; set; } = -1;

    /// <summary>The tree copied or freed this page while it was being written: nothing will ask for it again.</summary>
    public bool IsAbandoned { get; set; }

    /// <summary>Hash of the page, set when it was sealed for writing.</summary>
    public Checksum Checksum { get; set; }

    public PageKind Kind => PageFormat.Kind(Data);
    public int Level => PageFormat.Level(Data);
    public int Count => PageFormat.Count(Data);
    public bool IsPinned => Volatile.Read(ref _pinCount) > 0;

    public bool TryPin()
    {
        if (Interlocked.Increment(ref _pinCount) > 0)
            return true;
        Interlocked.Decrement(ref _pinCount);
        return false;
    }

    public void Unpin() => Interlocked.Decrement(ref _pinCount);

    /// <summary>Closes the frame for good if nobody has it pinned; the caller then owns its memory.</summary>
    public bool TryEvict() => Interlocked.CompareExchange(ref _pinCount, Evicted, 0) == 0;
}
