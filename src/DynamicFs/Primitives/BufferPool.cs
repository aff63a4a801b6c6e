using System.Collections.Concurrent;

namespace DynamicFs.Primitives;

/// <summary>
/// A bounded pool of equal native buffers, made as needed up to <paramref name="capacity"/> and then kept, because fresh memory costs more than
/// the disk. <see cref="Rent"/> waits when all are out: that wait is the back-pressure on writers. Thread-safe.
/// </summary>
public sealed class BufferPool(int bufferBytes, int capacity) : IDisposable
{
    private readonly ConcurrentBag<NativeBuffer> _free = [];
    private readonly SemaphoreSlim _available = new(capacity, capacity);

    public int BufferBytes { get; } = bufferBytes;
    public int Capacity { get; } = capacity;
    public int RentedCount => Capacity - _available.CurrentCount;

    public NativeBuffer Rent()
    {
        _available.Wait();
        return _free.TryTake(out NativeBuffer? buffer) ? buffer : new NativeBuffer(BufferBytes);
    }

    public bool TryRent(TimeSpan timeout, out NativeBuffer? buffer)
    {
        buffer = null;
        if (!_available.Wait(timeout))
            return false;
        buffer = _free.TryTake(out NativeBuffer? pooled) ? pooled : new NativeBuffer(BufferBytes);
        return true;
    }

    public void Return(NativeBuffer buffer)
    {
        Invariant.Check(buffer.LengthBytes == BufferBytes, "a buffer goes back to the pool it came from");
        _free.Add(buffer);
        _available.Release();
    }

    public void Dispose()
    {
        while (_free.TryTake(out NativeBuffer? buffer))
            buffer.Dispose();
        _available.Dispose();
    }
}
