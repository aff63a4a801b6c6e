using DynamicFs.CrashTests.Simulation;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Extents;

/// <summary>Extents on simulated disks: power cuts at every moment, and disks that lie.</summary>
public sealed class ExtentCrashTests
{
    private const int LengthBytes = 20_000;
    private static readonly RedundancyScheme s_scheme = RedundancyScheme.ReedSolomon(2, 1);
    private static readonly byte[] s_data = ExtentPool.Bytes(LengthBytes, 1);
    private static readonly ExtentId s_first = new(0x4ff);
    private static readonly ExtentId s_second = new(0x500);

    [Fact]
    public void After_the_barrier_an_extent_survives_any_power_cut_and_before_it_nothing_is_left_to_find()
    {
        var world = new SimulatedWorld(3) { KeepsHistory = true };
        var records = new List<(ExtentRecord Record, long Durable)>();
        using (var pool = new SimulatedPool(world, isNew: true))
        {
            foreach (ExtentId id in (ExtentId[])[s_first, s_second])
            {
                ExtentRecord record = pool.Write(id);
                Assert.Empty(pool.Store.SyncDirectories());
                records.Add((record, world.Sequence));
            }
        }

        int stateCount = 0;
        HashSet<ulong> seen = [];
        for (long sequence = FirstCreate(world); sequence <= world.Sequence; sequence++)
        {
            foreach ((_, SimulatedWorld after) in world.CrashPointAt(sequence).States(seen, new CrashStates(ExhaustiveLimit: 6, SampleCount: 16)))
            {
                stateCount++;
                using var pool = new SimulatedPool(after, isNew: false);
                foreach ((ExtentRecord record, long durable) in records)
                    pool.AssertReadsRightOrNotAtAll(record, mustRead: sequence >= durable);
                ExtentId firstUncommitted = sequence >= records[1].Durable ? new ExtentId(0x501) : sequence >= records[0].Durable ? s_second : s_first;
                pool.Store.RemoveUncommitted(firstUncommitted, (_, _, _) => false);
                Assert.Equal(ExtentPool.FilesOf(records.Where(r => r.Record.Id.CompareTo(firstUncommitted) < 0).Select(r => r.Record)), pool.Files());
                foreach ((ExtentRecord record, _) in records.Where(r => r.Durable <= sequence))
                    Assert.All(pool.Store.Verify(record), verdict => Assert.Equal(FragmentVerdict.Good, verdict));
            }
        }

        Assert.True(stateCount > 300, $"{stateCount} states");

        static long FirstCreate(SimulatedWorld world) => world.Log.First(call => call.Call == DiskCalls.Create).Sequence - 1;
    }

    [Fact]
    public void What_was_deleted_before_the_barrier_stays_deleted_after_any_power_cut()
    {
        var world = new SimulatedWorld(3);
        using (var pool = new SimulatedPool(world, isNew: true))
        {
            ExtentRecord record = pool.Write(s_first);
            Assert.Empty(pool.Store.SyncDirectories());
            pool.Store.Delete(record);
            CrashPoint before = world.CrashPointNow();
            using (var unsynced = new SimulatedPool(before.Build(CrashSelection.None(before)), isNew: false))
                Assert.NotEmpty(unsynced.Files());
            pool.Store.SyncDeletions(record.Fragments.Select(place => (record.Id, (int)place.DiskIndex)));
        }

        CrashPoint point = world.CrashPointNow();
        using var afterwards = new SimulatedPool(point.Build(CrashSelection.None(point)), isNew: false);
        Assert.Empty(afterwards.Files());
    }

    /// <summary>The proof that the first test can fail.</summary>
    [Theory]
    [InlineData(DiskCalls.Sync, "tmp/")]
    [InlineData(DiskCalls.SyncDirectory, "fragments/")]
    [InlineData(DiskCalls.SyncDirectory, "fragments")]
    public void Without_a_sync_a_power_cut_is_noticed(DiskCalls skipped, string path)
    {
        var world = new SimulatedWorld(3);
        ExtentRecord record;
        using (var pool = new SimulatedPool(world, isNew: true))
        {
            Fault fault = world.Inject(new Fault(FaultKind.SkippedSync, skipped) { PathPrefix = path, Times = long.MaxValue });
            record = pool.Write(s_first);
            Assert.Empty(pool.Store.SyncDirectories());
            Assert.True(fault.HitCount >= 3);
        }

        CrashPoint point = world.CrashPointNow();
        using var afterwards = new SimulatedPool(point.Build(CrashSelection.None(point)), isNew: false);
        Assert.Contains(afterwards.Store.Verify(record), verdict => verdict != FragmentVerdict.Good);
    }

    [Theory]
    [InlineData(FaultKind.Fail, 4)]
    [InlineData(FaultKind.Fail, 3)]
    [InlineData(FaultKind.FailAfter, 4)]
    [InlineData(FaultKind.FailAfter, 3)]
    [InlineData(FaultKind.PartialWrite, 4)]
    [InlineData(FaultKind.LostSync, 4)]
    [InlineData(FaultKind.FlippedBit, 4)]
    [InlineData(FaultKind.MisdirectedWrite, 4)]
    [InlineData(FaultKind.MisdirectedWrite, 3)]
    public void Whatever_one_call_does_an_extent_is_whole_and_durable_or_gone(FaultKind kind, int diskCount)
    {
        int hits = 0;
        for (long nth = 1; ; nth++)
        {
            var world = new SimulatedWorld(diskCount, seed: (int)nth);
            using var pool = new SimulatedPool(world, isNew: true);
            ExtentRecord kept = pool.Write(new ExtentId(0x100));
            Assert.Empty(pool.Store.SyncDirectories());
            Fault fault = world.Inject(new Fault(kind) { Nth = nth });
            ExtentRecord record = pool.Write(s_first);
            IReadOnlyList<ExtentId> weak = pool.Store.SyncDirectories();
            world.ClearFaults();
            if (fault.HitCount == 0)
                break;
            hits++;

            Assert.Equal(ExtentPool.FilesOf(kept, record), pool.Files());
            Assert.Empty(weak);
            CrashPoint point = world.CrashPointNow();
            using var after = new SimulatedPool(point.Build(CrashSelection.None(point)), isNew: false);
            after.AssertReadsRightOrNotAtAll(kept, mustRead: true);
            after.AssertReadsRightOrNotAtAll(record, mustRead: true);
            Assert.InRange(after.Store.Verify(record).Count(verdict => verdict == FragmentVerdict.Good), record.Scheme.MinWrite, record.Scheme.Width);
        }

        Assert.InRange(hits, kind is FaultKind.LostSync or FaultKind.FlippedBit or FaultKind.MisdirectedWrite ? 3 : 10, 80);
    }

    /// <summary>Only reading past the cache finds a write that never reached the medium; that is what the option is for.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_write_that_only_reached_the_cache(bool readsMedium)
    {
        var world = new SimulatedWorld(4);
        using var pool = new SimulatedPool(world, isNew: true, new ExtentStoreOptions(DirectReadBack: readsMedium));
        world.Inject(new Fault(FaultKind.DroppedWrite, DiskCalls.Write) { Disk = 1, Times = long.MaxValue });
        ExtentRecord record = pool.Write(new ExtentId(0x102));
        while (!record.Fragments.Any(place => place.DiskIndex == 1) && pool.Store.Counters.ReroutedFragments == 0)
            record = pool.Write(new ExtentId(record.Id.Value + 1));
        world.DropCaches();
        int good = pool.Store.Verify(record).Count(verdict => verdict == FragmentVerdict.Good);
        Assert.Equal(readsMedium ? 3 : 2, good);
        pool.AssertReadsRightOrNotAtAll(record, mustRead: true);
    }

    private sealed class SimulatedPool : IDisposable
    {
        private readonly SimulatedWorld _world;
        private readonly List<MemberDisk> _members = [];
        private readonly NativeBuffer _buffer = new(ExtentStore.MaxExtentBytes);

        public SimulatedPool(SimulatedWorld world, bool isNew, ExtentStoreOptions? options = null)
        {
            _world = world;
            for (int i = 0; i < world.DiskCount; i++)
            {
                SimulatedDisk disk = world.Open(i);
                if (isNew)
                {
                    disk.MakeDirectory(DiskLayout.Fragments);
                    disk.MakeDirectory(DiskLayout.Temporary);
                    disk.SyncDirectory("");
                }

                _members.Add(new MemberDisk(i, DiskId.New(), disk.Name, disk, DiskState.Healthy, new DiskQueue(disk.Name, 0)));
            }

            Store = new ExtentStore(ExtentPool.Id, _members, (options ?? new ExtentStoreOptions()) with { Random = new Random(1), Time = new StepClock() });
        }

        public ExtentStore Store { get; }

        public ExtentRecord Write(ExtentId id)
        {
            s_data.CopyTo(_buffer.Span);
            return Store.Write(id, ExtentPool.Birth, s_scheme, _buffer, LengthBytes, LengthBytes);
        }

        public void AssertReadsRightOrNotAtAll(ExtentRecord record, bool mustRead)
        {
            var found = new byte[LengthBytes];
            try
            {
                Store.Read(record, 0, found);
                Assert.Equal(s_data, found);
            }
            catch (PoolException e) when (!mustRead)
            {
                Assert.Equal(ErrorId.DataLost, e.Id);
            }
        }

        /// <summary>As <see cref="ExtentPool.FilesOf"/>: index of the disk and path.</summary>
        public List<string> Files()
        {
            var files = new List<string>();
            for (int i = 0; i < _world.DiskCount; i++)
            {
                SimulatedDisk disk = _world.Open(i);
                files.AddRange(disk.List(DiskLayout.Temporary).Select(entry => $"{i}:{DiskLayout.Temporary}/{entry.Name}"));
                foreach (DiskEntry group in disk.List(DiskLayout.Fragments))
                    files.AddRange(disk.List($"{DiskLayout.Fragments}/{group.Name}").Select(entry => $"{i}:{DiskLayout.Fragments}/{group.Name}/{entry.Name}"));
            }

            files.Sort(StringComparer.Ordinal);
            return files;
        }

        public void Dispose()
        {
            Store.Dispose();
            _buffer.Dispose();
            _members.ForEach(member => member.Queue.Dispose());
        }
    }
}
