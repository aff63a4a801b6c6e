using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>
/// Native buffers of different sizes for work in progress. Never makes anyone wait (who works holds a bounded buffer already); keeps at most
/// <paramref name="keptCount"/> of the largest, because fresh memory is dear. Thread-safe.
/// </summary>
internal sealed class ScratchPool(int keptCount) : IDisposable
{
    private const int GrainBytes = 256 << 10;

    /// <summary>Protects <see cref="_free"/>; a leaf lock.</summary>
    private readonly Lock _lock = new();
    private readonly List<NativeBuffer> _free = [];

    /// <summary>The smallest free buffer that is large enough, else a new one. The content is whatever it was.</summary>
    public NativeBuffer Rent(int lengthBytes)
    {
        lock (_lock)
        {
            int best = -1;
            for (int i = 0; i < _free.Count; i++)
            {
                if (_free[i].LengthBytes >= lengthBytes && (best < 0 || _free[i].LengthBytes < _free[best].LengthBytes))
                    best = i;
            }

            if (best >= 0)
            {
                NativeBuffer buffer = _free[best];
                _free.RemoveAt(best);
                return buffer;
            }
        }

        return new NativeBuffer((lengthBytes + GrainBytes - 1) / GrainBytes * GrainBytes);
    }

    public void Return(NativeBuffer buffer)
    {
        NativeBuffer? surplus = null;
        lock (_lock)
        {
            _free.Add(buffer);
            if (_free.Count > keptCount)
            {
                surplus = _free.MinBy(free => free.LengthBytes)!;
                _free.Remove(surplus);
            }
        }

        surplus?.Dispose();
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (NativeBuffer buffer in _free)
                buffer.Dispose();
            _free.Clear();
        }
    }
}
