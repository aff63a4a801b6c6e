using DynamicFs.Disks;
using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Metadata;

/// <summary>
/// Power cuts before every call of a workload, with all, none or some of the bytes and names that were not synced: what is found is what was acknowledged last, or the step
/// under way as a whole, never anything else. Guards the order pages, sync, root, sync, release, and the chain of the journal.
/// </summary>
public sealed class CrashTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 3)]
    [InlineData(4, 4)]
    public void EveryCutFindsWhatWasAcknowledged(int disks, int seed)
    {
        var run = new CrashRun(disks, seed, new MetadataOptions(CacheBytes: 1 << 20));
        run.Run(commits: 6);
        Assert.Empty(run.Failures);
        Assert.True(run.StateCount > 200, $"only {run.StateCount} states");
    }

    [Fact]
    public void WithoutSyncsTheSameRunFindsLosses()
    {
        var run = new CrashRun(3, 3, new MetadataOptions(CacheBytes: 1 << 20, NoFsync: true));
        run.Run(commits: 3);
        Assert.NotEmpty(run.Failures);
    }

    [Fact]
    public void CutsInTheMiddleOfRecoveryFindItToo()
    {
        var run = new CrashRun(3, 5, new MetadataOptions(CacheBytes: 1 << 20)) { IsDeep = true };
        run.Run(commits: 2);
        Assert.Empty(run.Failures);
    }

    /// <summary>A workload on a pool, and the judgement of every crash state of it.</summary>
    private sealed class CrashRun(int diskCount, int seed, MetadataOptions options)
    {
        private readonly Random _random = new(seed);
        private readonly Dictionary<Generation, string> _contents = [];
        private readonly List<byte[]> _batches = [];
        private Generation _acknowledged;
        private int _acknowledgedBatches;
        private TestPool _pool = null!;

        public List<string> Failures { get; } = [];
        public int StateCount { get; private set; }
        public bool IsDeep { get; init; }

        public void Run(int commits)
        {
            using (_pool = new TestPool(diskCount, options: options))
            {
                Acknowledge(_pool.Store.Root.Generation);
                _contents[_acknowledged] = "|";
                foreach (MemoryDisk disk in _pool.Disks)
                    disk.Before = (kind, path) => Cut(kind, path);
                for (int i = 0; i < commits; i++)
                    Commit(i);
            }
        }

        private void Commit(int round)
        {
            RandomChanges.Make(_pool.Store, _random, 30, 300);
            if (round == 3 && diskCount > 1)
                _pool.Members[1].SetState(DiskState.Failed); // its place is taken by another, or by nobody
            if (round == 4 && diskCount > 1)
                _pool.Members[1].SetState(DiskState.Healthy);
            FrozenTransaction frozen = _pool.Store.Freeze(TestPool.Counters);
            _contents[frozen.Generation] = PoolContent.Of(_pool.Store);
            Acknowledge(_pool.Store.Commit(frozen, 3).Generation);
            for (int i = 0; i < 3; i++)
            {
                var batch = new byte[_random.Next(6000)];
                _random.NextBytes(batch);
                _batches.Add(batch);
                Assert.True(_pool.Store.AppendJournal(batch));
                _acknowledgedBatches = _batches.Count;
            }

            CutNow($"after commit {round}");
        }

        private void Acknowledge(Generation generation)
        {
            _acknowledged = generation;
            _acknowledgedBatches = 0;
            _batches.Clear();
        }

        private void Cut(string kind, string path)
        {
            if (kind != "read")
                CutNow($"before {kind} {path}");
        }

        private void CutNow(string when)
        {
            int pick = seed + StateCount;
            Judge(when + ", all lost", () => false);
            Judge(when + ", all kept", () => true);
            Judge(when + ", half kept", Chance(pick, 2));
            if (diskCount < 3)
                Judge(when + ", few kept", Chance(pick + 1, 8));
        }

        private static Func<bool> Chance(int seed, int oneIn)
        {
            var random = new Random(seed);
            return () => random.Next(oneIn) == 0;
        }

        private void Judge(string when, Func<bool> survives)
        {
            StateCount++;
            using TestPool crashed = _pool.Crashed(survives);
            try
            {
                if (IsDeep && StateCount % 5 == 0)
                    JudgeRecovery(crashed, when);
                crashed.Reopen();
                Check(crashed.Store, when);
                if (StateCount % 3 != 0)
                    return;
                RootRecord before = crashed.Store.Root;
                crashed.Tree.Put("after"u8, "crash"u8);
                crashed.Commit();
                crashed.Reopen();
                if (crashed.Store.Root.Generation <= before.Generation || crashed.Tree.Get("after"u8) is null || Problems.Of(crashed.Store).Count > 0)
                    Failures.Add($"{when}: does not go on");
            }
            catch (Exception e) when (e is PoolException or InvariantException)
            {
                Failures.Add($"{when}: {e.Message}");
            }
        }

        /// <summary>Cuts again before every call that opening makes.</summary>
        private void JudgeRecovery(TestPool crashed, string when)
        {
            var states = new List<TestPool>();
            using TestPool first = crashed.Crashed(() => true);
            foreach (MemoryDisk disk in first.Disks)
            {
                disk.Before = (kind, path) =>
                {
                    if (kind == "read")
                        return;
                    states.Add(first.Crashed(() => false));
                    states.Add(first.Crashed(Chance(states.Count, 2)));
                };
            }

            first.Reopen();
            foreach (TestPool state in states)
            {
                StateCount++;
                using (state)
                {
                    state.Reopen();
                    Check(state.Store, when + ", again in recovery");
                }
            }
        }

        private void Check(MetadataStore store, string when)
        {
            Generation found = store.Root.Generation;
            if (found < _acknowledged)
                Failures.Add($"{when}: generation {found} instead of {_acknowledged}");
            else if (!_contents.TryGetValue(found, out string? content) || content != PoolContent.Of(store))
                Failures.Add($"{when}: wrong content of generation {found}");
            Failures.AddRange(Problems.Of(store).Select(problem => $"{when}: {problem}"));
            if (found == _acknowledged)
                CheckBatches(store.JournalBatches, when);
            else if (store.JournalBatches.Count > 0)
                Failures.Add($"{when}: batches on a root that was not acknowledged");
        }

        private void CheckBatches(IReadOnlyList<byte[]> found, string when)
        {
            bool isPrefix = found.Count <= _batches.Count && found.Zip(_batches).All(pair => pair.First.AsSpan().SequenceEqual(pair.Second));
            if (!isPrefix || found.Count < _acknowledgedBatches)
                Failures.Add($"{when}: {found.Count} batches of {_acknowledgedBatches} to {_batches.Count}");
        }
    }
}
