using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>
/// Where the trees get pages from and leave them: cache, mirrored page files and allocator behind the few calls a tree needs. Also holds the
/// one failure that ends all changes. Thread-safe.
/// </summary>
internal sealed unsafe class PageStore(PoolId pool, PageCache cache, PageMemory memory, PageAllocator allocator, PageFiles files)
{
    private readonly ulong _poolFragment = PageFormat.PoolFragment(pool);
    private PoolException? _failure;

    public PageMemory Memory => memory;

    /// <summary>Set once, by a commit that could not be made durable.</summary>
    public PoolException? Failure => Volatile.Read(ref _failure);

    public void Refuse(PoolException failure) => Interlocked.CompareExchange(ref _failure, failure, null);

    public void ThrowIfRefusing()
    {
        if (Failure is { } failure)
            throw new PoolException(failure.Id, $"no changes since an earlier failure: {failure.Message}", failure);
    }

    public PageFrame? TryPin(ulong number, ulong birth) => cache.TryPin(number, birth);

    /// <summary>The page, pinned, from memory or disk. The caller knows the pointer to be current. Throws <see cref="PoolException"/> Corrupt or Io.</summary>
    public PageFrame Load(in PagePointer pointer)
    {
        while (true)
        {
            if (cache.TryPin(pointer.Number, pointer.Birth) is { } cached)
                return cached;
            byte* page = memory.Rent();
            try
            {
                files.Read(pointer, page);
            }
            catch
            {
                memory.Return(page);
                throw;
            }

            if (cache.AddClean(pointer, page) is { } frame)
                return frame;
        }
    }

    /// <summary>
    /// Brings a page into memory while no lock is held, so that a slow disk delays nobody else. The pointer may be outdated by now, so a failure says
    /// nothing; false then.
    /// </summary>
    public bool Prefetch(in PagePointer pointer)
    {
        byte* page = memory.Rent();
        if (!files.TryRead(pointer, page))
        {
            memory.Return(page);
            return false;
        }

        cache.AddClean(pointer, page)?.Unpin();
        return true;
    }

    public PageFrame NewPage(PageKind kind, int level, TreeId tree, ulong transaction)
    {
        PageFrame frame = cache.AddDirty(allocator.Allocate(transaction), transaction);
        PageFormat.Initialize(frame.Data, kind, level, tree, _poolFragment, frame.Number, transaction);
        return frame;
    }

    /// <summary>The same content as a page of the running transaction. The old one stays pinned and allocated.</summary>
    public PageFrame CopyPage(PageFrame old, ulong transaction)
    {
        PageFrame frame = cache.AddDirty(allocator.Allocate(transaction), transaction);
        Buffer.MemoryCopy(old.Data, frame.Data, PageFormat.PageBytes, PageFormat.PageBytes);
        PageFormat.SetIdentity(frame.Data, frame.Number, transaction);
        return frame;
    }

    /// <summary>The running transaction has no use for the page any more. It must be pinned by the caller, once; the pin ends.</summary>
    public void Release(PageFrame frame, ulong transaction)
    {
        frame.Unpin();
        if (frame.Birth == transaction)
        {
            cache.DropDirty(frame);
            allocator.Free(frame.Number, transaction);
            return;
        }

        allocator.Die(frame.Number, transaction);
        if (frame.IsDirty)
            frame.IsAbandoned = true;
        else
            cache.Drop(frame);
    }

    /// <summary>The checksum of a page that was sealed for the commit under way.</summary>
    public Checksum SealedChecksum(ulong number, ulong birth)
    {
        PageFrame? frame = cache.Find(number);
        Invariant.Check(frame is not null && frame.Birth == birth && !frame.Checksum.IsZero, "a page that is being committed is in memory and sealed");
        return frame.Checksum;
    }
}
