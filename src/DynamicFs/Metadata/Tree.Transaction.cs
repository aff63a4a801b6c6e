using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>Closing a transaction of the tree and getting its pages ready to be written.</summary>
public sealed unsafe partial class Tree
{
    // Pages born in the running transaction; a frame knows its index. Only under the write lock.
    private List<PageFrame> _dirty = [];

    /// <summary>Closes the running transaction: its pages never change again, but for the checksums of children that <see cref="PageSeal"/> fills in.</summary>
    internal FrozenTree Freeze(Generation next)
    {
        _lock.EnterWriteLock();
        try
        {
            Invariant.Check(next.Value > _transaction, "transactions ascend");
            var frozen = new FrozenTree(_root, new Generation(_transaction), _dirty);
            _dirty = [];
            _transaction = next.Value;
            return frozen;
        }
        finally
        {
            _lock.ExitWriteLock();
        }
    }

    /// <summary>
    /// The pages of a frozen transaction were sealed: pages of the running transaction that were copied from them before that get the checksums too. After
    /// this, every pointer to a page of the frozen transaction or of an earlier one is complete.
    /// </summary>
    internal void TakeSealed(FrozenTree frozen)
    {
        ulong generation = frozen.Generation.Value;
        _lock.EnterWriteLock();
        try
        {
            if (_root.Birth == generation)
                _root = _root.WithChecksum(_pages.SealedChecksum(_root.Number, generation));
            foreach (PageFrame frame in _dirty)
                PageSeal.FillChildren(_pages, frame, generation);
        }
        finally
        {
            _lock.ExitWriteLock();
        }
    }

    private void AddDirty(PageFrame frame)
    {
        frame.ListIndex = _dirty.Count;
        _dirty.Add(frame);
    }

    private void RemoveDirty(PageFrame frame)
    {
        int last = _dirty.Count - 1;
        PageFrame moved = _dirty[last];
        _dirty[frame.ListIndex] = moved;
        moved.ListIndex = frame.ListIndex;
        _dirty.RemoveAt(last);
        frame.ListIndex = -1;
    }
}

/// <summary>A closed transaction of one tree: its root (checksum unknown if it is one of its pages) and the pages born in it.</summary>
internal sealed record FrozenTree(PagePointer Root, Generation Generation, List<PageFrame> Pages);

/// <summary>Computes the checksums of the pages of a closed transaction, children first, and fills them into their parents.</summary>
internal static unsafe class PageSeal
{
    /// <summary>Seals all pages; the complete pointer to the root.</summary>
    public static PagePointer Seal(PageStore pages, FrozenTree frozen)
    {
        ulong generation = frozen.Generation.Value;
        foreach (PageFrame frame in frozen.Pages.OrderBy(frame => frame.Level))
        {
            FillChildren(pages, frame, generation);
            frame.Checksum = Interop.Blake3.Hash(frame.Data, PageFormat.PageBytes);
        }

        return frozen.Root.Birth == generation ? frozen.Root.WithChecksum(pages.SealedChecksum(frozen.Root.Number, generation)) : frozen.Root;
    }

    /// <summary>
    /// Others may read number and birth of these children at the same time, and copy the page; a torn checksum in such a copy is overwritten by
    /// <see cref="Tree.TakeSealed"/>.
    /// </summary>
    public static void FillChildren(PageStore pages, PageFrame frame, ulong generation)
    {
        if (frame.Level == 0)
            return;
        int count = frame.Count;
        for (int i = 0; i < count; i++)
        {
            byte* cell = PageFormat.Cell(frame.Data, i);
            if (PageFormat.ChildBirth(cell) == generation)
                PageFormat.SetChildChecksum(cell, pages.SealedChecksum(PageFormat.ChildNumber(cell), generation));
        }
    }
}
