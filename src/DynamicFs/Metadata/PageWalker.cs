using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>Fills a page from wherever the walk is to look; false when it cannot, which it has reported.</summary>
internal unsafe delegate bool PageReader(in PagePointer pointer, byte* page);

/// <summary>
/// Walks every page that roots reach, each page once over all walks, and checks what no page can tell alone: levels, trees, keys within the bounds of the
/// parent. Independent of the trees and their cache. Not thread-safe.
/// </summary>
internal sealed unsafe class PageWalker(PageReader read, Action<string> problem) : IDisposable
{
    private readonly record struct Step(PagePointer Pointer, int Level, byte[] Low, byte[]? High);

    private readonly NativeBuffer _buffer = new(PageFormat.PageBytes);
    private readonly HashSet<ulong> _seen = [];

    /// <summary>Numbers of all pages reached so far.</summary>
    public IReadOnlySet<ulong> Reached => _seen;

    /// <summary>Pages that could not be read: what is below them is unknown.</summary>
    public int UnreadableCount { get; private set; }

    public void Walk(Root root)
    {
        WalkTree(root.Namespace, TreeId.Namespace);
        WalkTree(root.Pool, TreeId.Pool);
        WalkSpaceMap(root.SpaceMap);
    }

    public void Dispose() => _buffer.Dispose();

    private void WalkTree(PagePointer root, TreeId tree)
    {
        var steps = new Stack<Step>();
        steps.Push(new Step(root, -1, [], null));
        while (steps.TryPop(out Step step))
        {
            if (!_seen.Add(step.Pointer.Number))
                continue;
            if (!TryRead(step.Pointer))
                continue;
            byte* page = _buffer.Pointer;
            if (StepProblem(page, step, tree) is { } text)
                problem($"{tree} tree, {step.Pointer}: {text}");
            else if (PageFormat.Level(page) > 0)
                PushChildren(page, step, steps);
        }
    }

    private bool TryRead(in PagePointer pointer)
    {
        if (read(pointer, _buffer.Pointer))
            return true;
        UnreadableCount++;
        return false;
    }

    private static string? StepProblem(byte* page, in Step step, TreeId tree)
    {
        if (PageFormat.Tree(page) != tree)
            return $"belongs to the {PageFormat.Tree(page)} tree";
        int level = PageFormat.Level(page);
        if (step.Level >= 0 && level != step.Level)
            return $"has level {level} instead of {step.Level}";
        int first = level == 0 ? 0 : 1;
        int count = PageFormat.Count(page);
        if (first >= count)
            return null;
        if (PageFormat.Key(page, first).SequenceCompareTo(step.Low) < 0)
            return "has a key below the bound in its parent";
        return step.High is not null && PageFormat.Key(page, count - 1).SequenceCompareTo(step.High) >= 0 ? "has a key above the bound in its parent" : null;
    }

    private static void PushChildren(byte* page, in Step step, Stack<Step> steps)
    {
        int count = PageFormat.Count(page);
        byte[]? high = step.High;
        for (int i = count - 1; i >= 0; i--)
        {
            byte[] low = i == 0 ? step.Low : PageFormat.Key(page, i).ToArray();
            steps.Push(new Step(PageFormat.Child(PageFormat.Cell(page, i)), PageFormat.Level(page) - 1, low, high));
            high = low;
        }
    }

    private void WalkSpaceMap(PagePointer first)
    {
        for (PagePointer pointer = first; !pointer.IsNone && _seen.Add(pointer.Number) && TryRead(pointer);)
        {
            if (PageFormat.Kind(_buffer.Pointer) != PageKind.SpaceMap)
            {
                problem($"space map, {pointer}: is a tree page");
                return;
            }

            pointer = SpaceMapFormat.Next(new ReadOnlySpan<byte>(_buffer.Pointer, PageFormat.PageBytes));
        }
    }
}
