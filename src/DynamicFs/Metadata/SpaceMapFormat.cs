using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace DynamicFs.Metadata;

/// <summary>
/// Layout of the space map: a stream of numbers cut over a chain of pages, first page named by the root record. The stream: count of bitmap words, count of
/// dead pages, the bitmap (bit i of word w: page 64 w + i is in use), the dead pages ascending. A page of the chain: page header, pointer to the next, index in the
/// chain, number of stream words in it, the words. All numbers little-endian.
/// </summary>
internal static class SpaceMapFormat
{
    public const int NextOffset = PageFormat.HeaderBytes;
    public const int IndexOffset = NextOffset + PageFormat.PointerBytes;
    public const int WordCountOffset = IndexOffset + 4;
    public const int WordsOffset = WordCountOffset + 4;
    public const int WordsPerPage = (PageFormat.PageBytes - WordsOffset) / 8;
    public const int StreamHeaderWords = 2;

    public static int PagesFor(long bitmapWords, long deadCount) =>
        checked((int)((StreamHeaderWords + bitmapWords + deadCount + WordsPerPage - 1) / WordsPerPage));

    /// <summary>Fills an initialized page with its part of the stream.</summary>
    public static void Write(Span<byte> page, int index, in PagePointer next, ReadOnlySpan<ulong> words)
    {
        PageFormat.WritePointer(page[NextOffset..], next);
        BinaryPrimitives.WriteInt32LittleEndian(page[IndexOffset..], index);
        BinaryPrimitives.WriteInt32LittleEndian(page[WordCountOffset..], words.Length);
        Span<byte> body = page[WordsOffset..];
        for (int i = 0; i < words.Length; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(body[(i * 8)..], words[i]);
    }

    public static PagePointer Next(ReadOnlySpan<byte> page) => PageFormat.ReadPointer(page[NextOffset..]);
    public static int Index(ReadOnlySpan<byte> page) => BinaryPrimitives.ReadInt32LittleEndian(page[IndexOffset..]);

    public static void AppendWords(ReadOnlySpan<byte> page, List<ulong> words)
    {
        int count = BinaryPrimitives.ReadInt32LittleEndian(page[WordCountOffset..]);
        for (int i = 0; i < count; i++)
            words.Add(BinaryPrimitives.ReadUInt64LittleEndian(page[(WordsOffset + (i * 8))..]));
    }

    public static string? Problem(ReadOnlySpan<byte> page)
    {
        int count = BinaryPrimitives.ReadInt32LittleEndian(page[WordCountOffset..]);
        if (count is < 0 or > WordsPerPage)
            return $"{count} words in a space map page";
        if (Index(page) < 0)
            return $"index {Index(page)} of a space map page";
        if (BinaryPrimitives.ReadUInt16LittleEndian(page[PageFormat.HeapOffset..]) != PageFormat.PageBytes)
            return "a space map page with a heap";
        bool isClean = !page[PageFormat.CountOffset..PageFormat.HeapOffset].ContainsAnyExcept((byte)0)
            && !page[PageFormat.FreedOffset..PageFormat.HeaderBytes].ContainsAnyExcept((byte)0)
            && !page[(WordsOffset + (count * 8))..].ContainsAnyExcept((byte)0);
        return isClean ? null : "bytes that are not zero behind the words of a space map page";
    }

    /// <summary>Takes the stream apart; what is wrong with it, or null.</summary>
    public static string? Parse(List<ulong> stream, out ulong[] bitmap, out ulong[] dead)
    {
        (bitmap, dead) = ([], []);
        ReadOnlySpan<ulong> words = CollectionsMarshal.AsSpan(stream);
        if (words.Length < StreamHeaderWords)
            return "a space map without its header";
        ulong bitmapWords = words[0];
        ulong deadCount = words[1];
        ulong rest = (ulong)(words.Length - StreamHeaderWords);
        if (bitmapWords == 0 || bitmapWords > rest || deadCount != rest - bitmapWords)
            return $"a space map of {rest} words that says {bitmapWords} and {deadCount}";
        bitmap = words.Slice(StreamHeaderWords, (int)bitmapWords).ToArray();
        dead = words[(StreamHeaderWords + (int)bitmapWords)..].ToArray();
        return DeadProblem(bitmap, dead);
    }

    private static string? DeadProblem(ulong[] bitmap, ulong[] dead)
    {
        if ((bitmap[0] & 1) == 0)
            return "a space map in which page 0 is free";
        for (int i = 0; i < dead.Length; i++)
        {
            ulong page = dead[i];
            if (page / 64 >= (ulong)bitmap.Length || (bitmap[page / 64] >> (int)(page % 64) & 1) == 0)
                return $"dead page {page} that is not in use";
            if (i > 0 && dead[i - 1] >= page)
                return "dead pages out of order";
        }

        return null;
    }
}
