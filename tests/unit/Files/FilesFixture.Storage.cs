using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging.Abstractions;

namespace DynamicFs.UnitTests.Files;

internal sealed partial class FilesFixture
{
    private readonly MetadataStore _metadata = new();
    private readonly ExtentStore _extents = new(PoolId.New(), [], new ExtentStoreOptions());

    private bool _isStopped;

    public Tree Tree => _metadata.Namespace;

    /// <summary>Ends the filesystem in order; what is broken or read-only ends without a commit.</summary>
    public void Stop()
    {
        if (_isStopped)
            return;
        _isStopped = true;
        if (!Files.Gate.IsBroken)
            Files.Stop();
    }

    /// <summary>Opens what is stored once more, after <see cref="Stop"/> and some damage.</summary>
    public FileSystem OpenAnew(Func<FileSystemParts, FileSystemParts>? adjust = null)
    {
        Stop();
        Files = Open(adjust);
        _isStopped = false;
        return Files;
    }

    public void Dispose()
    {
        Stop();
        _extents.Dispose();
        _metadata.Dispose();
    }

    private FileSystem Open(Func<FileSystemParts, FileSystemParts>? adjust = null)
    {
        var parts = new FileSystemParts(_metadata, _extents, Time, NullLogger.Instance) { Limits = new FileSystemLimits(ExtentWriters: 0) };
        var files = new FileSystem((adjust ?? _adjust)(parts));
        files.Start();
        return files;
    }
}
