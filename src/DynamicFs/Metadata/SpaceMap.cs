using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>The space map of one root as it stands on disk: what is in use, what died with that root, and the pages of the map itself.</summary>
internal sealed unsafe record SpaceMap(ulong[] Bitmap, ulong[] Dead, IReadOnlyList<ulong> Pages)
{
    /// <summary>Follows the chain. Throws <see cref="PoolException"/> Corrupt or Io.</summary>
    public static SpaceMap Load(PageFiles files, PagePointer first)
    {
        using var buffer = new NativeBuffer(PageFormat.PageBytes);
        var words = new List<ulong>();
        var pages = new List<ulong>();
        for (PagePointer pointer = first; !pointer.IsNone; pointer = SpaceMapFormat.Next(buffer.Span))
        {
            files.Read(pointer, buffer.Pointer);
            if (PageFormat.Kind(buffer.Pointer) != PageKind.SpaceMap || SpaceMapFormat.Index(buffer.Span) != pages.Count)
                throw Malformed(pointer, $"page {pages.Count} of a space map");
            pages.Add(pointer.Number);
            SpaceMapFormat.AppendWords(buffer.Span, words);
        }

        return SpaceMapFormat.Parse(words, out ulong[] bitmap, out ulong[] dead) is { } problem
            ? throw Malformed(first, problem)
            : new SpaceMap(bitmap, dead, pages);
    }

    /// <summary>Makes the pages of a new map, last to first because each names the next with its checksum. The frames own their memory; not in the cache.</summary>
    public static List<PageFrame> Build(SpaceMapImage image, PageMemory memory, ulong poolFragment, ulong birth, out PagePointer first)
    {
        ulong[] stream = [(ulong)image.Bitmap.Length, (ulong)image.Dead.Length, .. image.Bitmap, .. image.Dead];
        var frames = new List<PageFrame>();
        first = PagePointer.None;
        for (int i = image.Pages.Count - 1; i >= 0; i--)
        {
            int start = Math.Min(i * SpaceMapFormat.WordsPerPage, stream.Length);
            int count = Math.Min(SpaceMapFormat.WordsPerPage, stream.Length - start);
            var frame = new PageFrame(image.Pages[i], birth, memory.Rent());
            PageFormat.Initialize(frame.Data, PageKind.SpaceMap, 0, TreeId.None, poolFragment, frame.Number, birth);
            SpaceMapFormat.Write(new Span<byte>(frame.Data, PageFormat.PageBytes), i, first, stream.AsSpan(start, count));
            frame.Checksum = Interop.Blake3.Hash(frame.Data, PageFormat.PageBytes);
            first = new PagePointer(frame.Number, birth, frame.Checksum);
            frames.Add(frame);
        }

        return frames;
    }

    private static PoolException Malformed(in PagePointer pointer, string text) =>
        new(ErrorId.Corrupt, $"the space map at {pointer} is malformed: {text}");
}
