using DynamicFs.CrashTests.Simulation;
using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.CrashTests;

/// <summary>
/// A workload that ran once on simulated disks, with everything needed to judge any moment of it: which model states a crash at that moment may
/// leave.
/// </summary>
public sealed class RecordedRun
{
    private readonly List<(long Sequence, int DigestIndex)> _begun = [];
    private readonly List<(long Sequence, int DigestIndex)> _acknowledged = [];
    private readonly List<string> _digests;

    private RecordedRun(int seed, RedundancyScheme scheme, PoolId pool, SimulatedWorld world, List<string> digests)
        => (Seed, Scheme, Pool, World, _digests) = (seed, scheme, pool, world, digests);

    public int Seed { get; }
    public RedundancyScheme Scheme { get; }
    public PoolId Pool { get; }
    public SimulatedWorld World { get; }

    /// <summary>Call numbers between the first operation and the end.</summary>
    public long FirstSequence { get; private set; }
    public long LastSequence { get; private set; }

    /// <summary>What was done, a line each.</summary>
    public IReadOnlyList<string> History { get; private set; } = [];

    /// <summary>Runs <paramref name="operations"/> random operations of <paramref name="seed"/> on a new pool of <paramref name="diskCount"/> disks.</summary>
    public static RecordedRun Record(int seed, int operations, int diskCount, RedundancyScheme scheme)
    {
        var world = new SimulatedWorld(diskCount, seed) { KeepsHistory = true };
        byte[] id = new byte[16];
        new Random(seed).NextBytes(id);
        var pool = new PoolId(new Guid(id));
        using EnginePool engine = EnginePool.Create(pool, Disks(world), scheme);
        var workload = new Workload(seed, engine.Files) { MaxFileBytes = 60_000 };
        engine.Files.SyncAll();
        var run = new RecordedRun(seed, scheme, pool, world, workload.Digests) { FirstSequence = world.Sequence };
        run._acknowledged.Add((world.Sequence, 0));
        for (int i = 0; i < operations; i++)
        {
            run._begun.Add((world.Sequence, workload.Digests.Count));
            int acknowledged = workload.AcknowledgedIndex;
            workload.Step();
            if (workload.AcknowledgedIndex != acknowledged)
                run._acknowledged.Add((world.Mark("acknowledged"), workload.AcknowledgedIndex));
        }

        run.LastSequence = world.Sequence;
        run.History = workload.History;
        return run;
    }

    /// <summary>The newest state that must not be lost by a crash right after call <paramref name="sequence"/>.</summary>
    public int OldestAllowed(long sequence) => _acknowledged.Last(a => a.Sequence <= sequence).DigestIndex;

    /// <summary>The newest state that a crash right after call <paramref name="sequence"/> can leave: that of the operation under way.</summary>
    public int NewestAllowed(long sequence)
    {
        int index = _begun.FindLastIndex(b => b.Sequence < sequence);
        return index < 0 ? 0 : Math.Min(_begun[index].DigestIndex, _digests.Count - 1);
    }

    /// <summary>Index of the model state with this digest among the allowed ones; -1 when there is none.</summary>
    public int FindState(string digest, long sequence)
    {
        for (int i = NewestAllowed(sequence); i >= OldestAllowed(sequence); i--)
        {
            if (_digests[i] == digest)
                return i;
        }

        return -1;
    }

    public static IReadOnlyList<IDisk?> Disks(SimulatedWorld world, IReadOnlyCollection<int>? missing = null) =>
        [.. Enumerable.Range(0, world.DiskCount).Select(i => missing is not null && missing.Contains(i) ? null : (IDisk)world.Open(i))];
}
