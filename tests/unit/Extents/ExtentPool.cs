using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Extents;

/// <summary>
/// Disks in a temporary directory with an extent store over them. Without queue threads everything runs on the test's thread, in a fixed order.
/// </summary>
internal sealed class ExtentPool : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("dynfs-extents-").FullName;
    private readonly ExtentStoreOptions _options;
    private ulong _nextId = 0x1234;

    public ExtentPool(int diskCount, int threads = 0, ExtentStoreOptions? options = null)
    {
        for (int i = 0; i < diskCount; i++)
        {
            // Members are not at the place of their index in the list, as after a removal.
            string path = Directory.CreateDirectory(Path.Combine(_root, $"d{i}")).FullName;
            var disk = new FaultyDisk(LinuxDisk.Format(path));
            Disks.Add(disk);
            Members.Add(new MemberDisk(i + 1, DiskId.New(), disk.Name, disk, DiskState.Healthy, new DiskQueue(disk.Name, threads)));
        }

        _options = (options ?? new ExtentStoreOptions()) with { Random = new Random(1), Time = Clock };
        Reopen();
    }

    public static PoolId Id { get; } = new(Guid.Parse("00112233-4455-6677-8899-aabbccddeeff"));
    public static Generation Birth { get; } = new(7);

    public StepClock Clock { get; } = new();
    public List<FaultyDisk> Disks { get; } = [];
    public List<MemberDisk> Members { get; } = [];
    public ExtentStore Store { get; private set; } = null!;
    public List<(ExtentId Extent, int Index, FragmentDamage Damage)> Damages { get; } = [];
    public NativeBuffer Buffer { get; } = new(ExtentStore.MaxExtentBytes);

    public static byte[] Bytes(int lengthBytes, int seed)
    {
        var bytes = new byte[lengthBytes];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public ExtentId NextId() => new(_nextId++);

    public void Reopen()
    {
        Store?.Dispose();
        Store = new ExtentStore(Id, Members, _options);
        Store.Damaged += (extent, index, damage) =>
        {
            lock (Damages)
                Damages.Add((extent, index, damage));
        };
    }

    public ExtentRecord Write(RedundancyScheme scheme, byte[] data, ExtentId? id = null)
    {
        data.CopyTo(Buffer.Span);
        Buffer.Span[data.Length..Math.Min(Buffer.LengthBytes, data.Length + (200 << 10))].Fill(0xee);
        ExtentRecord record = Store.Write(id ?? NextId(), Birth, scheme, Buffer, data.Length, data.Length);
        Assert.Null(ExtentRecordFormat.Problem(record));
        return record;
    }

    /// <summary>Reads the whole extent and a few ranges of it and compares.</summary>
    public void AssertReads(ExtentRecord record, byte[] data, int ranges = 4)
    {
        AssertRange(record, data, 0, data.Length);
        var random = new Random(data.Length);
        for (int i = 0; i < ranges; i++)
        {
            int offset = random.Next(data.Length);
            AssertRange(record, data, offset, 1 + random.Next(Math.Min(data.Length - offset, i % 2 == 0 ? 5000 : 400_000)));
        }
    }

    public void AssertRange(ExtentRecord record, byte[] data, int offset, int lengthBytes)
    {
        var found = new byte[lengthBytes + 2];
        found[0] = found[^1] = 0xa5;
        Store.Read(record, offset, found.AsSpan(1, lengthBytes));
        Assert.True(found.AsSpan(1, lengthBytes).SequenceEqual(data.AsSpan(offset, lengthBytes)), $"{record.Scheme} {data.Length}: bytes {offset}+{lengthBytes} differ");
        Assert.True(found[0] == 0xa5 && found[^1] == 0xa5, "nothing is written beside the destination");
    }

    public MemberDisk MemberOf(ExtentRecord record, int fragment) => Members[record.Fragments[fragment].DiskIndex - 1];

    public string PathOf(ExtentRecord record, int fragment) =>
        Path.Combine(MemberOf(record, fragment).Name, DiskLayout.Directory, FragmentName.File(record.Id, fragment));

    public FileStream OpenFragment(ExtentRecord record, int fragment) => new(PathOf(record, fragment), FileMode.Open, FileAccess.ReadWrite);

    public void FlipBit(ExtentRecord record, int fragment, long offset)
    {
        using FileStream file = OpenFragment(record, fragment);
        file.Position = offset;
        int value = file.ReadByte();
        file.Position = offset;
        file.WriteByte((byte)(value ^ 4));
    }

    /// <summary>Every file below fragments and tmp of all disks, as disk:path.</summary>
    public List<string> Files()
    {
        var files = new List<string>();
        for (int i = 0; i < Disks.Count; i++)
        {
            foreach (string directory in (string[])[DiskLayout.Fragments, DiskLayout.Temporary])
            {
                string root = Path.Combine(Disks[i].Name, DiskLayout.Directory);
                foreach (string file in Directory.EnumerateFiles(Path.Combine(root, directory), "*", SearchOption.AllDirectories))
                    files.Add($"{i + 1}:{Path.GetRelativePath(root, file)}");
            }
        }

        files.Sort(StringComparer.Ordinal);
        return files;
    }

    public static List<string> FilesOf(params IEnumerable<ExtentRecord> records)
    {
        var files = new List<string>();
        foreach (ExtentRecord record in records)
        {
            for (int i = 0; i < record.Fragments.Length; i++)
            {
                if (record.Fragments[i].IsPlaced)
                    files.Add($"{record.Fragments[i].DiskIndex}:{FragmentName.File(record.Id, i)}");
            }
        }

        files.Sort(StringComparer.Ordinal);
        return files;
    }

    public void Heal()
    {
        foreach (FaultyDisk disk in Disks)
            (disk.Fault, disk.CorruptsWrites, disk.ChangeSpace) = (null, false, null);
        foreach (MemberDisk member in Members)
            member.SetState(DiskState.Healthy);
        Clock.Advance(TimeSpan.FromSeconds(5));
    }

    public void Dispose()
    {
        Store.Dispose();
        foreach (MemberDisk member in Members)
            member.Dispose();
        Buffer.Dispose();
        Directory.Delete(_root, recursive: true);
    }
}

/// <summary>A clock that stands still until it is told to move.</summary>
internal sealed class StepClock : TimeProvider
{
    private long _ticks = 1;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Interlocked.Read(ref _ticks);

    public void Advance(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);
}
