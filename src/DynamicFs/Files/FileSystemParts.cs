using DynamicFs.Extents;
using DynamicFs.Metadata;
using Microsoft.Extensions.Logging;

namespace DynamicFs.Files;

/// <summary>What a <see cref="FileSystem"/> is built from. Pool.cs makes and owns all of it.</summary>
internal sealed record FileSystemParts(MetadataStore Metadata, ExtentStore Extents, TimeProvider Time, ILogger Log)
{
    public bool IsReadOnly { get; init; }
    public FileSystemLimits Limits { get; init; } = new();
}

/// <summary>Bounds of memory.</summary>
/// <param name="CachedInodes">Clean idle inodes kept in memory, about 250 bytes each.</param>
internal sealed record FileSystemLimits(int CachedInodes = 65_536);
