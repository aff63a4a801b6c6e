using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>Why a fragment is an erasure.</summary>
public enum FragmentDamageKind
{
    None,

    /// <summary>The extent was written without this fragment.</summary>
    Unplaced,

    /// <summary>Its disk is missing or FAILED.</summary>
    DiskMissing,

    /// <summary>The disk answers but has no such file.</summary>
    Missing,

    /// <summary>A call failed.</summary>
    Unreadable,

    /// <summary>Not a regular file, too short, or its header or block table is not what the extent record says.</summary>
    Header,

    /// <summary>Some blocks are missing or do not match their checksum.</summary>
    Blocks,

    /// <summary>Its directory could not be synced: the name may be gone after a crash.</summary>
    NameNotDurable,
}

/// <summary>What a full verification found of one fragment.</summary>
internal enum FragmentFindingKind
{
    Unplaced,
    DiskMissing,
    Missing,
    Unreadable,
    Header,
    Block,

    /// <summary>Good by its own checksums, but not what the others encode to.</summary>
    Mismatch,
}

/// <param name="Index">Fragment index.</param>
/// <param name="Kind">What is wrong.</param>
/// <param name="Offset">Where in the fragment file.</param>
/// <param name="Expected">What should be there.</param>
/// <param name="Found">What is.</param>
internal sealed record FragmentFinding(int Index, FragmentFindingKind Kind, long Offset, string Expected, string Found);

/// <summary>Damage met on a present disk: its kind, the disk, and what was expected and found in words for the log.</summary>
public sealed record FragmentDamage(FragmentDamageKind Kind, string Disk, string Text);

/// <summary>What the extent layer met and did since the start; every path that is not the plain one is counted. Thread-safe.</summary>
public sealed class ExtentCounters
{
    internal long ReadBackCached;
    internal long ReadBackDirect;
    internal long Decoded;
    internal long Damaged;
    internal long Rerouted;
    internal long FallenBack;
    internal long Narrowed;
    internal long Lost;

    /// <summary>Bytes of new fragments that were compared with what the page cache gave back.</summary>
    public long ReadBackCachedBytes => Volatile.Read(ref ReadBackCached);

    /// <summary>Bytes of new fragments that were compared with what the medium gave back.</summary>
    public long ReadBackDirectBytes => Volatile.Read(ref ReadBackDirect);

    /// <summary>Blocks that were decoded from other fragments, or read from another copy.</summary>
    public long DecodedBlocks => Volatile.Read(ref Decoded);

    /// <summary>Times that a fragment was found damaged on a present disk.</summary>
    public long DamagedFragments => Volatile.Read(ref Damaged);

    /// <summary>Fragments that another disk took after the first one failed.</summary>
    public long ReroutedFragments => Volatile.Read(ref Rerouted);

    /// <summary>Extents stored as replicas because too few disks were writable for their scheme.</summary>
    public long FallbackExtents => Volatile.Read(ref FallenBack);

    /// <summary>Extents stored with fewer fragments than their scheme has, min_write honoured.</summary>
    public long NarrowExtents => Volatile.Read(ref Narrowed);

    /// <summary>Reads that failed because too few good fragments were left.</summary>
    public long LostReads => Volatile.Read(ref Lost);
}
