using System.Runtime.InteropServices;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>
/// Native memory for pages, handed out page by page from slabs that are kept until the end: fresh memory costs more than the disk. Pages come back with old
/// content. Thread-safe.
/// </summary>
internal sealed unsafe class PageMemory : IDisposable
{
    private const int PagesPerSlab = 64;

    private readonly Lock _lock = new();
    private readonly List<nint> _slabs = [];
    private readonly Stack<nint> _free = [];
    private bool _isDisposed;

    public byte* Rent()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (_free.Count == 0)
                AddSlab();
            return (byte*)_free.Pop();
        }
    }

    public void Return(byte* page)
    {
        lock (_lock)
            _free.Push((nint)page);
    }

    public void Dispose()
    {
        lock (_lock)
        {
            if (_isDisposed)
                return;
            _isDisposed = true;
            foreach (nint slab in _slabs)
                NativeMemory.AlignedFree((void*)slab);
            _slabs.Clear();
            _free.Clear();
        }
    }

    private void AddSlab()
    {
        byte* slab = (byte*)NativeMemory.AlignedAlloc(PagesPerSlab * PageFormat.PageBytes, NativeBuffer.Alignment);
        _slabs.Add((nint)slab);
        for (int i = PagesPerSlab - 1; i >= 0; i--)
            _free.Push((nint)(slab + (i * PageFormat.PageBytes)));
    }
}
