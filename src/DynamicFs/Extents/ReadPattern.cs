using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>
/// Where the last reads ended, to tell sequential reads from others. A guess: extents share slots, and readers overwrite each other's. Thread-safe.
/// </summary>
internal sealed class ReadPattern
{
    private const int SlotCount = 256;

    private readonly ulong[] _ends = new ulong[SlotCount];

    /// <summary>Notes a read; true when it begins where one before it ended, or at the start of the extent.</summary>
    public bool Note(ExtentId extent, int offset, int lengthBytes)
    {
        ref ulong slot = ref _ends[extent.Value % SlotCount];
        ulong tag = extent.Value << 24;
        bool isSequential = offset == 0 || Volatile.Read(ref slot) == (tag | (uint)offset);
        Volatile.Write(ref slot, tag | (uint)(offset + lengthBytes));
        return isSequential;
    }
}
