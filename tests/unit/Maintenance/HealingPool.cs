using System.Text;
using DynamicFs.CrashTests;
using DynamicFs.CrashTests.Simulation;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Maintenance;

/// <summary>
/// The whole engine on simulated disks, single-threaded, with a few files whose content is known. Disks can be taken away, damaged behind its back, and
/// brought back as they were; images of disks cost nothing, so that a pool is made once and damaged in a thousand ways.
/// </summary>
internal sealed class HealingPool : IDisposable
{
    private static readonly PoolId s_pool = new(Guid.Parse("00112233-4455-6677-8899-aabbccddeeff"));

    private readonly Dictionary<string, byte[]> _contents;
    private readonly HashSet<int> _away = [];

    private HealingPool(SimulatedWorld world, RedundancyScheme scheme, Dictionary<string, byte[]> contents)
        => (World, Scheme, _contents) = (world, scheme, contents);

    public SimulatedWorld World { get; }
    public RedundancyScheme Scheme { get; }
    public EnginePool Engine { get; private set; } = null!;
    public ManualClock Clock { get; } = new();

    /// <summary>A new pool with one file for each length, each with a commit of its own.</summary>
    public static HealingPool Create(int diskCount, RedundancyScheme scheme, params int[] lengths)
    {
        var pool = new HealingPool(new SimulatedWorld(diskCount), scheme, []);
        pool.Engine = EnginePool.Create(s_pool, pool.Disks(), scheme, pool.Clock);
        for (int i = 0; i < lengths.Length; i++)
        {
            pool.Write($"f{i}", lengths[i]);
            pool.Commit();
        }

        return pool;
    }

    /// <summary>An independent copy of the disks as they are now; nothing is open there yet.</summary>
    public HealingPool Copy() => new(World.Restart(), Scheme, new(_contents));

    public SimulatedDisk Disk(int index) => World.Open(index);

    public void Write(string name, int lengthBytes)
    {
        byte[] content = new byte[lengthBytes];
        new Random((name.Length * 1000) + lengthBytes).NextBytes(content);
        Errno errno = Engine.Files.Create(new Caller(0, 0, 1), InodeNumber.Root, Encoding.UTF8.GetBytes(name), FileType.Regular | 0x1A4, out Attributes made);
        Assert.Equal(Errno.None, errno);
        for (int at = 0; at < lengthBytes; at += 1 << 20)
            Assert.Equal(Errno.None, Engine.Files.Write(made.Inode, at, content.AsSpan(at, Math.Min(1 << 20, lengthBytes - at)), false));
        Engine.Files.Release(made.Inode);
        _contents[name] = content;
    }

    public void Delete(string name)
    {
        Assert.Equal(Errno.None, Engine.Files.Unlink(new Caller(0, 0, 1), InodeNumber.Root, Encoding.UTF8.GetBytes(name)));
        _contents.Remove(name);
    }

    public void Commit() => Assert.Equal(Errno.None, Engine.Files.SyncAll());

    /// <summary>Opens the pool without the disks in <paramref name="missing"/>, as a mount after a crash does.</summary>
    public EnginePool Open(params IEnumerable<int> missing)
    {
        Engine?.Dispose();
        _away.Clear();
        _away.UnionWith(missing);
        return Engine = EnginePool.Open(s_pool, Disks(), Clock);
    }

    /// <summary>Names of the files that cannot be read; anything read must be right.</summary>
    public List<string> UnreadableFiles()
    {
        var unreadable = new List<string>();
        foreach ((string name, byte[] content) in _contents)
        {
            Assert.Equal(Errno.None, Engine.Files.Lookup(InodeNumber.Root, Encoding.UTF8.GetBytes(name), out Attributes found));
            byte[] bytes = new byte[content.Length + 1];
            Errno errno = Engine.Files.Read(found.Inode, 0, bytes, out int count);
            if (errno == Errno.None)
                Assert.True(count == content.Length && bytes.AsSpan(0, count).SequenceEqual(content), $"{name} reads back wrong");
            else
                unreadable.Add(name);
        }

        return unreadable;
    }

    public void AssertReads() => Assert.Empty(UnreadableFiles());

    /// <summary>Live extents of the newest root.</summary>
    public List<ExtentRecord> Extents()
    {
        var found = new List<ExtentRecord>();
        Engine.Files.Catalog.ForEach(ExtentId.None, (record, live) =>
        {
            if (live > 0)
                found.Add(record);
            return true;
        });
        return found;
    }

    /// <summary>Every live extent has all its fragments, each on its own disk, every block right.</summary>
    public void AssertWhole()
    {
        foreach (ExtentRecord record in Extents())
        {
            Assert.Equal(record.Fragments.Length, record.Fragments.Select(place => place.DiskIndex).Distinct().Count());
            Assert.All(Engine.Extents.Verify(record), verdict => Assert.Equal(FragmentVerdict.Good, verdict));
        }
    }

    public static string PathOf(ExtentRecord record, int fragment) => FragmentName.File(record.Id, fragment);

    public SimulatedDisk DiskOf(ExtentRecord record, int fragment) => Disk(record.Fragments[fragment].DiskIndex);

    public void Dispose() => Engine?.Dispose();

    private List<IDisk?> Disks() => [.. Enumerable.Range(0, World.DiskCount).Select(i => _away.Contains(i) ? null : (IDisk)World.Open(i))];
}

/// <summary>A clock that stands still until it is told to move.</summary>
internal sealed class ManualClock : TimeProvider
{
    private long _ticks = new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero).Ticks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Interlocked.Read(ref _ticks);

    public override DateTimeOffset GetUtcNow() => new(Interlocked.Read(ref _ticks), TimeSpan.Zero);

    public void Advance(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);
}
