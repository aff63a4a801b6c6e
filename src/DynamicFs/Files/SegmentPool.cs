using System.Collections.Concurrent;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// Memory for bytes that were written but are not in an extent yet. Blocks come in five sizes and are kept for reuse: fresh memory costs more than
/// the disk. Counts what is in use; the limit is enforced by who writes (see <see cref="FileSystem"/>), not here. Thread-safe.
/// </summary>
internal sealed class SegmentPool : IDisposable
{
    public const int SmallestBlock = 4 << 10;
    public const int LargestBlock = 1 << 20;

    private static readonly int[] _sizes = [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20];

    private readonly ConcurrentBag<NativeBuffer>[] _free = [[], [], [], [], []];
    private long _usedBytes;

    public long UsedBytes => Volatile.Read(ref _usedBytes);

    /// <summary>A block of at least <paramref name="lengthBytes"/> (at most <see cref="LargestBlock"/>); its content is undefined.</summary>
    public NativeBuffer Rent(int lengthBytes)
    {
        int sizeClass = ClassOf(lengthBytes);
        Interlocked.Add(ref _usedBytes, _sizes[sizeClass]);
        return _free[sizeClass].TryTake(out NativeBuffer? block) ? block : new NativeBuffer(_sizes[sizeClass]);
    }

    public void Return(NativeBuffer block)
    {
        int sizeClass = ClassOf(block.LengthBytes);
        Invariant.Check(_sizes[sizeClass] == block.LengthBytes, "a block goes back to the pool it came from");
        Interlocked.Add(ref _usedBytes, -block.LengthBytes);
        _free[sizeClass].Add(block);
    }

    public void Dispose()
    {
        foreach (ConcurrentBag<NativeBuffer> free in _free)
        {
            while (free.TryTake(out NativeBuffer? block))
                block.Dispose();
        }
    }

    private static int ClassOf(int lengthBytes)
    {
        Invariant.Check(lengthBytes is > 0 and <= LargestBlock, "a block is 1 byte to 1 MiB");
        int sizeClass = 0;
        while (_sizes[sizeClass] < lengthBytes)
            sizeClass++;
        return sizeClass;
    }
}
