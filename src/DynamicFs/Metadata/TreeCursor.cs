using System.Runtime.CompilerServices;

namespace DynamicFs.Metadata;

public sealed unsafe partial class Tree
{
    [InlineArray(PageFormat.MaxLevel + 1)]
    private struct FrameStack
    {
        private PageFrame? _frame;
    }

    [InlineArray(PageFormat.MaxLevel + 1)]
    private struct IndexStack
    {
        private int _index;
    }

    /// <summary>
    /// A place in the tree: the pinned pages from the root to a leaf and the index in each. Lives under the tree's read lock. Empty leaves
    /// (left behind where a neighbour could not be read for a merge) are stepped over.
    /// </summary>
    private ref struct Cursor(Tree tree)
    {
        private FrameStack _frames;
        private IndexStack _indexes;
        private int _top = -1;

        public readonly bool IsOnEntry => _top >= 0 && _frames[0] is { } leaf && (uint)_indexes[0] < (uint)leaf.Count;
        public readonly ReadOnlySpan<byte> Key => PageFormat.LeafKey(PageFormat.Cell(_frames[0]!.Data, _indexes[0]));
        public readonly ReadOnlySpan<byte> Value => PageFormat.LeafValue(PageFormat.Cell(_frames[0]!.Data, _indexes[0]));

        /// <summary>Goes down to the leaf that covers the key. False when a page is missing in memory and may not be loaded.</summary>
        public bool Seek(ReadOnlySpan<byte> key, bool mayLoad, out PagePointer missing)
        {
            PageFrame? frame = tree.PinRoot(mayLoad, out missing);
            if (frame is null)
                return false;
            _top = frame.Level;
            _frames[_top] = frame;
            for (int level = _top; level > 0; level--)
            {
                frame = _frames[level]!;
                _indexes[level] = TreePage.ChildIndex(frame.Data, key);
                _frames[level - 1] = tree.PinChild(frame, _indexes[level], mayLoad, out missing);
                if (_frames[level - 1] is null)
                    return false;
            }

            return true;
        }

        public void StepToFirstAtOrAfter(ReadOnlySpan<byte> key)
        {
            int index = TreePage.Search(_frames[0]!.Data, key);
            _indexes[0] = index < 0 ? ~index : index;
            SkipForward();
        }

        public void StepToLastAtOrBefore(ReadOnlySpan<byte> key)
        {
            int index = TreePage.Search(_frames[0]!.Data, key);
            _indexes[0] = index < 0 ? ~index - 1 : index;
            SkipBackward();
        }

        public void Next()
        {
            _indexes[0]++;
            SkipForward();
        }

        public void Previous()
        {
            _indexes[0]--;
            SkipBackward();
        }

        public void Dispose()
        {
            for (int level = 0; level <= _top; level++)
                _frames[level]?.Unpin();
            _top = -1;
        }

        private void SkipForward()
        {
            while (!IsOnEntry && MoveLeaf(+1))
                _indexes[0] = 0;
        }

        private void SkipBackward()
        {
            while (!IsOnEntry && MoveLeaf(-1))
                _indexes[0] = _frames[0]!.Count - 1;
        }

        /// <summary>Goes to the next or previous leaf; false, and on no entry, at the end of the tree.</summary>
        private bool MoveLeaf(int step)
        {
            int level = 1;
            while (level <= _top && (uint)(_indexes[level] + step) >= (uint)_frames[level]!.Count)
                level++;
            if (level > _top)
                return false;
            _indexes[level] += step;
            for (; level > 0; level--)
            {
                _frames[level - 1]!.Unpin();
                _frames[level - 1] = null;
                _frames[level - 1] = tree.PinChild(_frames[level]!, _indexes[level], mayLoad: true, out _);
                if (level > 1)
                    _indexes[level - 1] = step > 0 ? 0 : _frames[level - 1]!.Count - 1;
            }

            return true;
        }
    }
}
