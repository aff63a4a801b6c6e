using System.Numerics;
using DynamicFs.Metadata;
using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// The inodes in memory: a cache of their records in the namespace tree, and the list of those that the current transaction changed. Keeps true: one
/// live <see cref="Inode"/> per number; a record is loaded at most once at a time; dirty, open and data-holding inodes are never evicted, so the
/// bound of <c>capacity</c> is one of clean idle inodes. Look-ups of what is in memory take no lock.
/// </summary>
internal sealed class InodeTable
{
    private const int LoadStripeCount = 64;

    private readonly Tree _tree;
    private readonly int _capacity;
    private readonly Inode?[] _buckets;
    private readonly Lock _change = new();
    private readonly object[] _loadStripes = new object[LoadStripeCount];
    private readonly Lock _dirtyLock = new();
    private List<Inode> _dirty = [];
    private List<Inode> _spare = [];
    private int _count;
    private int _trimAt;
    private int _hand;
    private long _nextInode;
    private long _inodeCount;

    /// <param name="tree">The namespace tree.</param>
    /// <param name="capacity">Clean idle inodes kept in memory.</param>
    /// <param name="nextInode">First number that was never used.</param>
    /// <param name="inodeCount">Inodes that exist.</param>
    public InodeTable(Tree tree, int capacity, ulong nextInode, long inodeCount)
    {
        Invariant.Check(capacity > 0 && nextInode > InodeNumber.Root.Value, "an inode table has a size and numbers to give out");
        (_tree, _capacity, _nextInode, _inodeCount) = (tree, capacity, (long)nextInode, inodeCount);
        _trimAt = capacity + Slack;
        _buckets = new Inode?[BitOperations.RoundUpToPowerOf2((uint)capacity)];
        for (int i = 0; i < LoadStripeCount; i++)
            _loadStripes[i] = new object();
    }

    /// <summary>For the root record: the next number that was never given out.</summary>
    public ulong NextInode => (ulong)Interlocked.Read(ref _nextInode);

    /// <summary>For the root record: inodes that exist, orphans included.</summary>
    public long InodeCount => Interlocked.Read(ref _inodeCount);

    public int CachedCount => Volatile.Read(ref _count);

    public int DirtyCount
    {
        get
        {
            lock (_dirtyLock)
                return _dirty.Count;
        }
    }

    /// <summary>Time to call <see cref="Trim"/>.</summary>
    public bool IsOverfull => CachedCount > Volatile.Read(ref _trimAt);

    /// <summary>After the journal was replayed: numbers below <paramref name="nextInode"/> may be used.</summary>
    public void Recover(ulong nextInode, long inodeCountChange)
    {
        Invariant.Check(nextInode >= NextInode, "inode numbers never go back");
        Interlocked.Exchange(ref _nextInode, (long)nextInode);
        Interlocked.Add(ref _inodeCount, inodeCountChange);
    }

    private int Slack => (_capacity >> 3) + 1;

    public InodeNumber AllocateNumber() => new((ulong)Interlocked.Increment(ref _nextInode) - 1);

    /// <summary>
    /// The inode, from memory or from its record; null when there is none (ENOENT). Throws <see cref="CorruptionException"/> for a bad record.
    /// Call it inside the gate when you mean to change the inode.
    /// </summary>
    public Inode? Find(InodeNumber number) => FindCached(number) ?? Load(number);

    public Inode? FindCached(InodeNumber number)
    {
        for (Inode? inode = Volatile.Read(ref _buckets[BucketOf(number)]); inode is not null; inode = Volatile.Read(ref inode.NextInBucket))
        {
            if (inode.Number != number)
                continue;
            if (!inode.WasUsed)
                inode.WasUsed = true;
            return inode.IsRemoved ? null : inode;
        }

        return null;
    }

    /// <summary>Takes in a new inode and puts it on the dirty list: the transaction that holds its name holds its record too.</summary>
    public void Add(Inode inode)
    {
        Invariant.Check(TransactionGate.IsHeldByThisThread, "a new inode belongs to a transaction");
        Interlocked.Increment(ref _inodeCount);
        MarkDirty(inode);
        lock (_change)
            Insert(inode);
    }

    /// <summary>
    /// Puts a changed inode on the dirty list of the current transaction. The caller is inside the gate and holds the inode's lock (or is the
    /// only one who knows a new inode).
    /// </summary>
    public void MarkDirty(Inode inode)
    {
        Invariant.Check(TransactionGate.IsHeldByThisThread, "an inode is changed inside a transaction");
        if (inode.IsDirty || inode.IsRemoved)
            return;
        inode.IsDirty = true;
        lock (_dirtyLock)
            _dirty.Add(inode);
    }

    /// <summary>Deletes the record of an inode that nothing refers to any more and forgets the inode. Inside the gate, inode lock held.</summary>
    public void Remove(Inode inode)
    {
        Invariant.Check(TransactionGate.IsHeldByThisThread && inode.OpenCount == 0, "an inode in use is not freed");
        Span<byte> key = stackalloc byte[NamespaceFormat.InodeKeyBytes];
        NamespaceFormat.WriteInodeKey(key, inode.Number);
        lock (StripeOf(inode.Number))
        {
            inode.IsRemoved = true;
            _tree.Delete(key);
            lock (_change)
                Unlink(inode);
        }

        Interlocked.Decrement(ref _inodeCount);
    }

    /// <summary>
    /// Writes the records of all dirty inodes into the tree. Called under the exclusive gate when a transaction closes. When it throws, the
    /// transaction must not be committed: what was not written is not on the list any more.
    /// </summary>
    public void WriteDirty()
    {
        WriteTaken();
        Volatile.Write(ref _trimAt, _capacity + Slack);
    }

    /// <summary>
    /// Writes the records of what is dirty now, so that little is left for <see cref="WriteDirty"/>. Called inside the shared gate by the one who
    /// closes transactions, shortly before. As fatal as that when it throws.
    /// </summary>
    public void WriteDirtyAhead() => WriteTaken();

    /// <summary>Before the end: puts access times that only memory knows on their way. Exclusive gate only.</summary>
    public void KeepAccessTimes()
    {
        lock (_change)
        {
            foreach (Inode? head in _buckets)
            {
                for (Inode? inode = head; inode is not null; inode = inode.NextInBucket)
                    KeepAccessTime(inode);
            }
        }
    }

    /// <summary>
    /// Evicts clean idle inodes that were not looked up lately until the table is within its capacity. Exclusive gate only. What cannot go (open, dirty)
    /// raises the mark at which the next call is due.
    /// </summary>
    public void Trim()
    {
        Invariant.Check(TransactionGate.IsHeldByThisThread, "inodes are evicted under the exclusive gate");
        lock (_change)
        {
            for (int steps = 2 * _buckets.Length; steps > 0 && _count > _capacity; steps--)
            {
                EvictFrom(_hand);
                _hand = (_hand + 1) & (_buckets.Length - 1);
            }

            // In vain: again when there are twice as many too many, or after the next close.
            Volatile.Write(ref _trimAt, Math.Max(_capacity, _count) + Math.Max(Slack, _count - _capacity));
        }
    }

    private void WriteTaken()
    {
        List<Inode> dirty;
        lock (_dirtyLock)
            (dirty, _dirty, _spare) = (_dirty, _spare, _dirty);
        foreach (Inode inode in dirty)
        {
            lock (inode.Lock)
                Write(inode);
        }

        dirty.Clear();
    }

    private void Write(Inode inode)
    {
        if (!inode.IsDirty || inode.IsRemoved)
            return;
        Span<byte> key = stackalloc byte[NamespaceFormat.InodeKeyBytes];
        Span<byte> record = stackalloc byte[InodeRecord.SizeBytes];
        NamespaceFormat.WriteInodeKey(key, inode.Number);
        InodeRecord.Write(record, inode);
        _tree.Put(key, record);
        (inode.IsDirty, inode.HasNewAccessTime) = (false, false);
    }

    private Inode? Load(InodeNumber number)
    {
        Span<byte> key = stackalloc byte[NamespaceFormat.InodeKeyBytes];
        Span<byte> record = stackalloc byte[Tree.MaxValueBytes];
        NamespaceFormat.WriteInodeKey(key, number);
        lock (StripeOf(number))
        {
            if (FindCached(number) is { } cached)
                return cached;
            if (!_tree.TryGet(key, record, out int length))
                return null;
            Inode inode = InodeRecord.Read(number, record[..length]);
            lock (_change)
                Insert(inode);
            return inode;
        }
    }

    private void Insert(Inode inode)
    {
        ref Inode? head = ref _buckets[BucketOf(inode.Number)];
        inode.NextInBucket = head;
        Volatile.Write(ref head, inode);
        Volatile.Write(ref _count, _count + 1);
    }

    /// <summary>Takes it out of its chain; it keeps its own link, so that a reader standing on it walks on.</summary>
    private void Unlink(Inode inode)
    {
        ref Inode? link = ref _buckets[BucketOf(inode.Number)];
        while (link is not null && link != inode)
            link = ref link.NextInBucket;
        if (link is null)
            return;
        Volatile.Write(ref link, inode.NextInBucket);
        Volatile.Write(ref _count, _count - 1);
    }

    private void EvictFrom(int bucket)
    {
        for (Inode? inode = _buckets[bucket]; inode is not null; inode = inode.NextInBucket)
        {
            if (inode.IsDirty || inode.OpenCount > 0 || inode.Data is not null)
                continue;
            if (inode.WasUsed)
                inode.WasUsed = false;
            else if (!KeepAccessTime(inode))
                Unlink(inode);
        }
    }

    private bool KeepAccessTime(Inode inode)
    {
        lock (inode.Lock)
        {
            if (!inode.HasNewAccessTime)
                return false;
            inode.HasNewAccessTime = false;
            MarkDirty(inode);
            return true;
        }
    }

    private int BucketOf(InodeNumber number) => (int)((number.Value * 0x9E3779B97F4A7C15UL) >> 32) & (_buckets.Length - 1);

    private object StripeOf(InodeNumber number) => _loadStripes[(int)(number.Value % LoadStripeCount)];
}
