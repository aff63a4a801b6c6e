using System.Buffers;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>Visits one entry of a tree; false ends the scan. Runs under the tree's read lock: it must not call the tree.</summary>
public delegate bool TreeVisitor<TState>(ref TState state, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    where TState : allows ref struct;

/// <summary>
/// A copy-on-write B+tree of byte keys (1..512 bytes, ordered bytewise) and values (0..<see cref="MaxValueBytes"/>). One writer at a time, many
/// readers; the tree's own reader-writer lock sees to it. Pages of committed transactions are never written.
/// Every method throws <see cref="PoolException"/> Corrupt or Io when a page it needs cannot be read right on any metadata disk; changing ones also
/// when the store refuses changes after a failed commit.
/// </summary>
/// <remarks>
/// What the parts keep true:
/// a page is changed only if it was born in the running transaction, else it is copied first, and with it the path up to the root;
/// every page born in the running transaction is in <c>_dirty</c> and stays in memory;
/// a child pointer's checksum is right unless the child is being written or dirty, and then the child is in memory;
/// the first key of an interior page is empty, and the key of a child is above all keys of the child before it and not above any of its own.
/// Lock order: transaction gate (Files), tree lock, allocator, cache. No lock is held while a page is read from a disk, unless an earlier try without the
/// lock was overtaken, or the page is a later one of a scan, or a neighbour to merge with.
/// </remarks>
public sealed unsafe partial class Tree
{
    public const int MaxKeyBytes = 512;
    public const int MaxValueBytes = 4000;

    /// <summary>How often a page is fetched without the lock before it is fetched under it.</summary>
    private const int UnlockedTries = 8;

    private readonly ReaderWriterLockSlim _lock = new(LockRecursionPolicy.NoRecursion);
    private readonly PageStore _pages;
    private readonly TreeId _id;
    private PagePointer _root;
    private ulong _transaction;

    /// <summary>Opens a tree whose root is committed.</summary>
    internal Tree(TreeId id, PageStore pages, PagePointer root, Generation transaction)
    {
        (_id, _pages, _root, _transaction) = (id, pages, root, transaction.Value);
        Changes = new TreeChanges(_lock);
        _scratch = pages.Memory.Rent();
    }

    /// <summary>Starts an empty tree.</summary>
    internal Tree(TreeId id, PageStore pages, Generation transaction)
        : this(id, pages, PagePointer.None, transaction)
    {
        PageFrame root = NewPage(PageKind.Leaf, level: 0);
        _root = new PagePointer(root.Number, root.Birth, default);
        root.Unpin();
    }

    /// <summary>What was put and deleted since <see cref="TreeChanges.Take"/>, for the journal.</summary>
    public TreeChanges Changes { get; }

    /// <summary>Copies the value to <paramref name="destination"/> (at least MaxValueBytes or the known size); false when the key is absent.</summary>
    public bool TryGet(ReadOnlySpan<byte> key, Span<byte> destination, out int lengthBytes)
    {
        PagePointer missing = PagePointer.None;
        for (int attempt = 0; ; attempt++)
        {
            bool mayLoad = !FetchUnlocked(missing, attempt);
            _lock.EnterReadLock();
            try
            {
                if (FindLeaf(key, mayLoad, out missing) is { } leaf)
                    return CopyValue(leaf, key, destination, out lengthBytes);
            }
            finally
            {
                _lock.ExitReadLock();
            }
        }
    }

    public byte[]? Get(ReadOnlySpan<byte> key)
    {
        Span<byte> value = stackalloc byte[MaxValueBytes];
        return TryGet(key, value, out int lengthBytes) ? value[..lengthBytes].ToArray() : null;
    }

    /// <summary>True when the next step may go on without reading under the lock: nothing was missing, or it was fetched.</summary>
    private bool FetchUnlocked(in PagePointer missing, int attempt) =>
        missing.IsNone || (attempt < UnlockedTries && _pages.Prefetch(missing));

    private static bool CopyValue(PageFrame leaf, ReadOnlySpan<byte> key, Span<byte> destination, out int lengthBytes)
    {
        try
        {
            lengthBytes = 0;
            int index = TreePage.Search(leaf.Data, key);
            if (index < 0)
                return false;
            Span<byte> value = PageFormat.LeafValue(PageFormat.Cell(leaf.Data, index));
            value.CopyTo(destination);
            lengthBytes = value.Length;
            return true;
        }
        finally
        {
            leaf.Unpin();
        }
    }

    /// <summary>The leaf that covers the key, pinned. Null with the page that is <paramref name="missing"/> in memory, if it may not be loaded.</summary>
    private PageFrame? FindLeaf(ReadOnlySpan<byte> key, bool mayLoad, out PagePointer missing)
    {
        PageFrame? frame = PinRoot(mayLoad, out missing);
        while (frame is not null && frame.Level > 0)
        {
            PageFrame? child;
            try
            {
                child = PinChild(frame, TreePage.ChildIndex(frame.Data, key), mayLoad, out missing);
            }
            finally
            {
                frame.Unpin();
            }

            frame = child;
        }

        return frame;
    }

    private PageFrame? PinRoot(bool mayLoad, out PagePointer missing)
    {
        missing = PagePointer.None;
        if (_pages.TryPin(_root.Number, _root.Birth) is { } root)
            return root;
        missing = _root;
        return mayLoad ? CheckedTree(_pages.Load(_root), _root) : null;
    }

    private PageFrame? PinChild(PageFrame parent, int index, bool mayLoad, out PagePointer missing)
    {
        missing = PagePointer.None;
        byte* cell = PageFormat.Cell(parent.Data, index);
        PageFrame? child = _pages.TryPin(PageFormat.ChildNumber(cell), PageFormat.ChildBirth(cell));
        if (child is null)
        {
            missing = PageFormat.Child(cell);
            if (!mayLoad)
                return null;
            child = CheckedTree(_pages.Load(missing), missing);
        }

        if (child.Level == parent.Level - 1)
            return child;
        child.Unpin();
        throw Misplaced(PageFormat.Child(cell), $"level {parent.Level - 1}", $"level {child.Level}");
    }

    private PageFrame CheckedTree(PageFrame frame, in PagePointer pointer)
    {
        if (PageFormat.Tree(frame.Data) == _id)
            return frame;
        frame.Unpin();
        throw Misplaced(pointer, $"the {_id} tree", $"the {PageFormat.Tree(frame.Data)} tree");
    }

    private static PoolException Misplaced(in PagePointer pointer, string expected, string found)
    {
        var corruption = new CorruptionException("all metadata disks", pointer.ToString(), expected, found);
        return new PoolException(ErrorId.Corrupt, corruption.Message, corruption);
    }
}
