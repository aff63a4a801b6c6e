using System.Collections.Immutable;

namespace DynamicFs.CrashTests.Simulation;

/// <summary>A list that grows at its end by sharing: what hangs on an older image stays as it was.</summary>
internal sealed record Chain<T>(T Value, Chain<T>? Previous)
{
    public int Count { get; } = (Previous?.Count ?? 0) + 1;
}

internal static class Chain
{
    public static Chain<T> Append<T>(this Chain<T>? chain, T value) => new(value, chain);

    /// <summary>Oldest first.</summary>
    public static T[] ToArray<T>(this Chain<T>? chain)
    {
        var values = new T[chain?.Count ?? 0];
        for (int i = values.Length; chain is not null; chain = chain.Previous)
            values[--i] = chain.Value;
        return values;
    }
}

/// <summary>
/// Something that has names on a simulated disk. There are no hard links: one name at most among the names as programs see them, and one
/// among those on the medium.
/// </summary>
internal abstract record Inode(int LiveNames, int DurableNames);

/// <summary>A fifo or a symbolic link that a test planted.</summary>
internal sealed record OtherInode(bool IsLink, int LiveNames, int DurableNames) : Inode(LiveNames, DurableNames);

internal sealed record DirectoryInode(
    ImmutableDictionary<string, int> Live, ImmutableDictionary<string, int> Durable, int LiveNames, int DurableNames) : Inode(LiveNames, DurableNames);

/// <summary>
/// A file as programs see it (<paramref name="Live"/>: the page cache), as it is on the medium for certain (<paramref name="Durable"/>), and what was done since
/// the last good sync and may or may not be there after a power cut.
/// </summary>
/// <param name="IsDiverged">The cache shows something that no sync will ever bring to the medium (dropped or misdirected writes, failed syncs).</param>
/// <param name="BadSectors">Sectors of the medium that cannot be read (EIO) until they are written again.</param>
internal sealed record FileInode(
    BlockMap Live, BlockMap Durable, Chain<FileChange>? Pending, bool IsDiverged, ImmutableHashSet<long> BadSectors, int LiveNames, int DurableNames)
    : Inode(LiveNames, DurableNames)
{
    public static FileInode New { get; } = new(BlockMap.Empty, BlockMap.Empty, null, false, [], LiveNames: 0, DurableNames: 0);
}

/// <summary>
/// One write or change of length of a file. Each sector that it touched has, right after it, the content that <paramref name="Source"/> has there: so
/// a sector's possible contents are the durable one and, in order, those after each change.
/// </summary>
/// <param name="Sequence">When it was done.</param>
/// <param name="Path">What the caller called the file, for reports.</param>
/// <param name="Offset">Where it was written.</param>
/// <param name="LengthBytes">How much; 0 for a change of length alone.</param>
/// <param name="Source">Where its bytes are kept.</param>
/// <param name="SourceOffset">Where in <paramref name="Source"/>; differs from <paramref name="Offset"/> for a misdirected write, by whole sectors.</param>
/// <param name="LengthBefore">The file's length before the change.</param>
/// <param name="LengthAfter">The file's length after the change.</param>
internal sealed record FileChange(
    long Sequence, string Path, long Offset, long LengthBytes, BlockMap Source, long SourceOffset, long LengthBefore, long LengthAfter)
{
    public bool ChangesLength => LengthBefore != LengthAfter;
    public long FirstSector => Offset / Sectors.Size;
    public int SectorCount => LengthBytes == 0 ? 0 : (int)(((Offset + LengthBytes - 1) / Sectors.Size) - FirstSector + 1);
}

/// <summary>A name in a directory and what it leads to from now on; 0 is nothing.</summary>
internal readonly record struct EntrySetting(int Directory, string Name, int Inode);

/// <summary>One atomic change of names: one setting, or two for a rename.</summary>
internal sealed record EntryChange(long Sequence, string Description, ImmutableArray<EntrySetting> Settings);

internal static class Sectors
{
    public const int Size = 512;
}
