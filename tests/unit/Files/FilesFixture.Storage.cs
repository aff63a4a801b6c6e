using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging.Abstractions;

namespace DynamicFs.UnitTests.Files;

/// <summary>A pool of one disk in a temporary directory, without syncs: these tests are not about what survives a power cut.</summary>
internal sealed partial class FilesFixture
{
    private static readonly PoolId _pool = new(Guid.Parse("00112233-4455-6677-8899-aabbccddeeff"));
    private static readonly MetadataOptions _options = new(CacheBytes: 16 << 20, NoFsync: true);

    private readonly string _folder = System.IO.Directory.CreateTempSubdirectory("dynfs-files-").FullName;
    private MemberDisk[] _members = [];
    private MetadataStore _metadata = null!;
    private ExtentStore _extents = null!;
    private bool _isStopped = true;

    public Tree Tree => _metadata.Namespace;

    /// <summary>Ends the filesystem in order; one that is broken ends without a commit.</summary>
    public void Stop()
    {
        if (_isStopped)
            return;
        _isStopped = true;
        if (Files.Gate.IsBroken)
            Assert_that_nothing_is_committed();
        else
            Files.Stop();
    }

    /// <summary>Ends the filesystem in order, changes what is stored, and opens it again.</summary>
    public FileSystem Reopen(Func<FileSystemParts, FileSystemParts>? adjust = null, Action<Tree>? damage = null)
    {
        Stop();
        if (damage is not null)
        {
            damage(Tree);
            _metadata.Commit(_metadata.Freeze(_metadata.Root.Counters), keptRoots: 16);
        }

        CloseStores();
        OpenStores();
        return Start(adjust ?? _adjust);
    }

    /// <summary>Opens what was last committed, as after a crash.</summary>
    public FileSystem Crash()
    {
        _isStopped = true;
        CloseStores();
        OpenStores();
        return Start(_adjust);
    }

    public void Dispose()
    {
        try
        {
            Stop();
            CloseStores();
        }
        finally
        {
            System.IO.Directory.Delete(_folder, recursive: true);
        }
    }

    private void Assert_that_nothing_is_committed() => Xunit.Assert.Throws<PoolException>(() => Files.Commits.Commit(force: true));

    private void CreateStores()
    {
        var id = new DiskId(_pool.Value);
        _members = [new MemberDisk(0, id, "d1", LinuxDisk.Format(_folder), DiskState.Healthy, new DiskQueue("d1", threads: 0))];
        MetadataStore.Create(_pool, _members, new PoolShape([id], RedundancyScheme.Replica(1), [0]), _options).Dispose();
        OpenStores();
    }

    private void OpenStores()
    {
        _metadata = MetadataStore.Open(_pool, _members, Generation.None, _options);
        _extents = new ExtentStore(_pool, _members, new ExtentStoreOptions(NoFsync: true));
    }

    private void CloseStores()
    {
        _extents.Dispose();
        _metadata.Dispose();
    }

    private FileSystem Start(Func<FileSystemParts, FileSystemParts> adjust)
    {
        var parts = new FileSystemParts(_metadata, _extents, Time, NullLogger.Instance) { Limits = new FileSystemLimits(ExtentWriters: 0, ExtentBuffers: 4) };
        Files = new FileSystem(adjust(parts));
        Files.Start();
        _isStopped = false;
        return Files;
    }
}
