using System.Collections.Concurrent;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>
/// The pages in memory: dirty ones stay until they are committed, clean ones up to a limit, chosen by a clock. Owns the memory of all frames. Keeps true: at most
/// one frame per page number, and a dirty frame is never evicted. Thread-safe; a frame that it returns is pinned for the caller.
/// Lock order: after the trees' locks; <see cref="_clockLock"/> protects the clock only.
/// </summary>
internal sealed unsafe class PageCache(int limitBytes, PageMemory memory) : IDisposable
{
    private readonly ConcurrentDictionary<ulong, PageFrame> _frames = new();
    private readonly Lock _clockLock = new();
    private readonly List<PageFrame> _clock = [];
    private readonly int _cleanLimit = Math.Max(16, limitBytes / PageFormat.PageBytes);
    private int _hand;
    private long _dirtyCount;

    public long DirtyBytes => Interlocked.Read(ref _dirtyCount) * PageFormat.PageBytes;
    public int CleanCount => _clock.Count;

    /// <summary>The page, pinned, if that version of it is in memory.</summary>
    public PageFrame? TryPin(ulong number, ulong birth)
    {
        if (!_frames.TryGetValue(number, out PageFrame? frame) || frame.Birth != birth || !frame.TryPin())
            return null;
        if (!frame.IsReferenced)
            frame.IsReferenced = true;
        return frame;
    }

    /// <summary>Dirty pages need no pin: nothing evicts them. Null when the page is not in memory.</summary>
    public PageFrame? Find(ulong number) => _frames.GetValueOrDefault(number);

    /// <summary>A new dirty page; its content is undefined. Pinned.</summary>
    public PageFrame AddDirty(ulong number, ulong birth)
    {
        var frame = new PageFrame(number, birth, memory.Rent()) { IsDirty = true };
        frame.TryPin();
        if (!_frames.TryAdd(number, frame))
            Replace(frame);
        Interlocked.Increment(ref _dirtyCount);
        return frame;
    }

    /// <summary>
    /// Adds a verified clean page, pinned. When that version is there already, that one is returned and <paramref name="page"/> goes back to the pool.
    /// Null when a later version is there (the caller followed an outdated pointer) or it was evicted again at once.
    /// </summary>
    public PageFrame? AddClean(in PagePointer pointer, byte* page)
    {
        var frame = new PageFrame(pointer.Number, pointer.Birth, page) { IsReferenced = true, Checksum = pointer.Checksum };
        frame.TryPin();
        while (!_frames.TryAdd(pointer.Number, frame))
        {
            PageFrame? other = Find(pointer.Number);
            if (other is null)
                continue;
            if (other.Birth >= pointer.Birth)
            {
                memory.Return(page);
                return TryPin(pointer.Number, pointer.Birth);
            }

            Drop(other);
            Thread.Yield();
        }

        EnterClock(frame);
        return frame;
    }

    /// <summary>A committed page: from now on it may be evicted, at once when nothing refers to it any more.</summary>
    public void MakeClean(PageFrame frame)
    {
        Interlocked.Decrement(ref _dirtyCount);
        EnterClock(frame);
        if (frame.IsAbandoned)
            Drop(frame);
    }

    /// <summary>Forgets a dirty page that was never written; the caller guarantees that no other thread can still ask for it.</summary>
    public void DropDirty(PageFrame frame)
    {
        Invariant.Check(frame.TryEvict(), "a freed page is used by nobody");
        Interlocked.Decrement(ref _dirtyCount);
        _frames.TryRemove(KeyValuePair.Create(frame.Number, frame));
        memory.Return(frame.Data);
    }

    /// <summary>Gives up a clean page early, if nobody uses it now.</summary>
    public void Drop(PageFrame frame)
    {
        lock (_clockLock)
        {
            if (IsInClock(frame) && frame.TryEvict())
                Remove(frame);
        }
    }

    /// <summary>Gives up whatever is known of a page number that becomes free.</summary>
    public void Forget(ulong number)
    {
        if (_frames.TryGetValue(number, out PageFrame? frame))
            Drop(frame);
    }

    public void Dispose()
    {
        _frames.Clear();
        _clock.Clear();
        memory.Dispose();
    }

    private void Replace(PageFrame frame)
    {
        // A page number is allocated again only when no tree refers to its old version; what is left of that is a clean frame.
        while (!_frames.TryAdd(frame.Number, frame))
        {
            if (!_frames.TryGetValue(frame.Number, out PageFrame? old))
                continue;
            Invariant.Check(!old.IsDirty, "a page that is allocated again is not dirty");
            Drop(old);
            if (_frames.ContainsKey(frame.Number))
                Thread.Yield(); // a reader that followed an outdated pointer is about to see that it is outdated
        }
    }

    /// <summary>Under the clock's lock. A dirty frame's index is its place in another list.</summary>
    private static bool IsInClock(PageFrame frame) => !frame.IsDirty && frame.ListIndex >= 0;

    private void EnterClock(PageFrame frame)
    {
        lock (_clockLock)
        {
            frame.IsDirty = false;
            frame.ListIndex = _clock.Count;
            _clock.Add(frame);
            for (int tries = 2 * _clock.Count; _clock.Count > _cleanLimit && tries > 0; tries--)
                Turn();
        }
    }

    private void Turn()
    {
        if (_hand >= _clock.Count)
            _hand = 0;
        PageFrame frame = _clock[_hand];
        if (frame.IsReferenced && !frame.IsAbandoned)
        {
            frame.IsReferenced = false;
            _hand++;
        }
        else if (frame.TryEvict())
        {
            Remove(frame);
        }
        else
        {
            _hand++;
        }
    }

    /// <summary>Takes an evicted frame out of the clock and the table; its memory goes back. Under the clock's lock.</summary>
    private void Remove(PageFrame frame)
    {
        int last = _clock.Count - 1;
        PageFrame moved = _clock[last];
        _clock[frame.ListIndex] = moved;
        moved.ListIndex = frame.ListIndex;
        _clock.RemoveAt(last);
        frame.ListIndex = -1;
        _frames.TryRemove(KeyValuePair.Create(frame.Number, frame));
        memory.Return(frame.Data);
    }
}
