namespace DynamicFs.Files;

/// <summary>Extended attributes of inodes, as stored in the namespace tree.</summary>
internal static class Xattrs
{
    /// <summary>Longest value (XATTR_SIZE_MAX of the kernel).</summary>
    public const int MaxValueBytes = 64 << 10;

    /// <summary>Longest listing (XATTR_LIST_MAX of the kernel).</summary>
    public const int MaxListBytes = 64 << 10;
}
