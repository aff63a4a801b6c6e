using DynamicFs.Primitives;

namespace DynamicFs.Files;

/// <summary>
/// An inode in memory: the only live copy of its attributes. Owned by <see cref="InodeTable"/>; there is one object per number as long as
/// somebody who may change it holds the transaction gate shared (objects are evicted only under the exclusive gate). A reader outside the gate may
/// be left with an evicted object: it then sees the inode as it was when it looked it up, which is a right answer for a call that began before.
/// </summary>
internal sealed class Inode(InodeNumber number)
{
    /// <summary>What stat(2) tells. Guarded by <see cref="Lock"/>; after a change call <see cref="InodeTable.MarkDirty"/> before letting go of it.</summary>
    public Attributes Attributes;

    /// <summary>Next inode in the same bucket; the table's.</summary>
    internal Inode? NextInBucket;

    /// <summary>Looked up since the table's hand last passed; the table's.</summary>
    internal bool WasUsed;

    public InodeNumber Number { get; } = number;

    /// <summary>Guards everything here. The object is its own monitor: one allocation per inode.</summary>
    public object Lock => this;

    /// <summary>Directories: where '..' leads. Guarded by the namespace lock and <see cref="Lock"/>.</summary>
    public InodeNumber Parent;

    /// <summary>Directories: number of names, '.' and '..' not counted.</summary>
    public long EntryCount;

    /// <summary>Bytes that a listing of the extended attributes takes; 0 when there are none.</summary>
    public int XattrListBytes;

    /// <summary>Bytes of the values of the extended attributes.</summary>
    public int XattrValueBytes;

    public InodeFlags Flags;

    /// <summary>On the orphan list on disk.</summary>
    public bool IsListedOrphan;

    /// <summary>The access time was set by a read and is not on its way to the tree: it goes with the next change, at eviction or at the end.</summary>
    public bool HasNewAccessTime;

    /// <summary>Users counted by Open; an unlinked inode lives until it is 0.</summary>
    public int OpenCount;

    /// <summary>On the dirty list of the current transaction.</summary>
    public bool IsDirty;

    /// <summary>Freed: its record is gone. Whoever finds this set after taking <see cref="Lock"/> answers ENOENT (ESTALE for a handle).</summary>
    public bool IsRemoved;

    /// <summary>Data that is not in an extent yet, and cached pieces of the file map; null when there is none. An inode with data is not evicted.</summary>
    public FileData? Data;

    /// <summary>Where a sequential reader would go on.</summary>
    public long NextReadOffset;

    /// <summary>The extent that was last fetched ahead of a sequential reader.</summary>
    public ExtentId Prefetched;

    /// <summary>Nobody can get at it any more: removed, or without names and users and about to be freed.</summary>
    public bool IsGone => IsRemoved || (Attributes.LinkCount == 0 && OpenCount == 0);
}

/// <summary>Stored with the inode so that the usual questions about attributes cost no look-up in the tree.</summary>
[Flags]
internal enum InodeFlags : byte
{
    None = 0,
    HasAccessAcl = 1,
    HasDefaultAcl = 2,
    HasCapability = 4,
    All = HasAccessAcl | HasDefaultAcl | HasCapability,
}
