namespace DynamicFs.Files;

/// <summary>Data of one file that is not in an extent yet, and how it is being read. Guarded by the lock of its inode.</summary>
internal sealed class FileData(SegmentPool pool)
{
    public DirtySegments Dirty { get; } = new(pool);

    /// <summary>On the list of inodes with dirty data.</summary>
    public bool IsListed;
}
