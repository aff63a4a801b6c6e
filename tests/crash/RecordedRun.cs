using DynamicFs.CrashTests.Simulation;
using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.CrashTests;

/// <summary>The workload met something wrong while it was recorded: in an operation, or after a power cut in the middle of it.</summary>
public sealed class RunException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The power goes in the middle of a call: nothing that the engine does from here on reaches a disk.</summary>
public sealed class PowerCutException : Exception;

/// <summary>
/// A workload that ran once on simulated disks, with everything needed to judge any moment of it: which model states a crash at that moment may
/// leave. It may have several lives, with power cuts, missing and failing disks between and in them.
/// </summary>
public sealed class RecordedRun
{
    /// <summary>Of a disk of 1 TiB: more than the others ever have.</summary>
    private const long BallastBytes = 1L << 38;

    private readonly List<(long Sequence, int DigestIndex)> _begun = [];
    private readonly List<(long Sequence, int DigestIndex)> _acknowledged = [];
    private readonly List<(long Sequence, Generation Generation)> _generations = [];

    /// <summary>States that a power cut took back: they must not come again.</summary>
    private readonly List<(long Sequence, int First, int Last)> _undone = [];
    private readonly List<Fault> _active = [];
    private Workload _workload = null!;
    private EnginePool _engine = null!;

    private RecordedRun(RunPlan plan)
    {
        Plan = plan;
        World = new SimulatedWorld(plan.Disks + (plan.Maintenance.HasJoining ? 1 : 0), plan.Seed) { KeepsHistory = true };
        if (plan.Maintenance.FullestDisk is { } fullest)
            World.Ballast[fullest] = BallastBytes;
        byte[] id = new byte[16];
        new Random(plan.Seed).NextBytes(id);
        Pool = new PoolId(new Guid(id));
    }

    public RunPlan Plan { get; }
    public PoolId Pool { get; }
    public SimulatedWorld World { get; }

    /// <summary>Call numbers between the first operation and the end.</summary>
    public long FirstSequence { get; private set; }
    public long LastSequence { get; private set; }

    /// <summary>Faults that struck while it was recorded, by kind.</summary>
    public Dictionary<string, long> Faults { get; } = [];

    /// <summary>Maintenance that came to its end and changed something, by kind.</summary>
    public Dictionary<MaintenanceKind, long> Maintained { get; } = [];

    /// <summary>Power cuts and restarts while it was recorded.</summary>
    public int LaterLives { get; private set; }

    /// <summary>What was done, a line each.</summary>
    public IReadOnlyList<string> History => _workload.History;

    /// <summary>Runs the workload of a plan on a new pool. Throws <see cref="RunException"/> when anything is not as the model says.</summary>
    public static RecordedRun Record(RunPlan plan)
    {
        var run = new RecordedRun(plan);
        run._engine = EnginePool.Create(run.Pool, [.. Disks(run.World).Take(plan.Disks)], plan.Scheme, readsBackDirect: plan.ReadsBackDirect);
        try
        {
            run.Run();
            return run;
        }
        finally
        {
            run._engine.Dispose();
        }
    }

    /// <summary>The newest state that must not be lost by a crash right after call <paramref name="sequence"/>.</summary>
    public int OldestAllowed(long sequence) => _acknowledged.Last(a => a.Sequence <= sequence).DigestIndex;

    /// <summary>The newest state that a crash right after call <paramref name="sequence"/> can leave: that of the operation under way.</summary>
    public int NewestAllowed(long sequence)
    {
        int index = _begun.FindLastIndex(b => b.Sequence < sequence);
        return index < 0 ? 0 : Math.Min(_begun[index].DigestIndex, _workload.Digests.Count - 1);
    }

    /// <summary>The newest generation whose commit was acknowledged before call <paramref name="sequence"/>; the host remembers it.</summary>
    public Generation NewestSeen(long sequence) => _generations.Last(g => g.Sequence <= sequence).Generation;

    /// <summary>Index of the model state with this digest among the allowed ones; -1 when there is none.</summary>
    public int FindState(string digest, long oldest, long newest)
    {
        for (int i = NewestAllowed(newest); i >= OldestAllowed(oldest); i--)
        {
            if (_workload.Digests[i] == digest && !_undone.Exists(undone => undone.Sequence <= oldest && i >= undone.First && i <= undone.Last))
                return i;
        }

        return -1;
    }

    /// <summary>The model at a moment, as a new mount finds it: nothing is open.</summary>
    public ModelFileSystem ModelAt(int index) => _workload.Snapshots[index].Reopened();

    public static IReadOnlyList<IDisk?> Disks(SimulatedWorld world, IReadOnlyCollection<int>? missing = null) =>
        [.. Enumerable.Range(0, world.DiskCount).Select(i => missing is not null && missing.Contains(i) ? null : (IDisk)world.Open(i))];

    /// <summary>Opens the pool of this run on disks as they were some time, without those that are away.</summary>
    public EnginePool Open(SimulatedWorld world, IReadOnlyCollection<int>? missing = null, bool isReadOnly = false, Generation newestSeen = default) =>
        EnginePool.Open(Pool, Disks(world, missing), isReadOnly: isReadOnly, newestSeen: newestSeen, founders: Plan.Maintenance.ChangesMembers ? Plan.Disks : null);

    private void Run()
    {
        _workload = new Workload(Plan.Seed, _engine.Files) { MaxFileBytes = Plan.Seed % 3 == 0 ? 250_000 : 60_000, Rebuild = () => _engine.TryRebuild() };
        _workload.Kept = () => _begun.Add((World.Sequence, _workload.Digests.Count));
        _engine.Files.SyncAll();
        FirstSequence = World.Sequence;
        _acknowledged.Add((World.Sequence, 0));
        _begun.Add((World.Sequence, 1));
        NoteGeneration();
        for (int i = 0; i < Plan.Operations; i++)
        {
            if (!Plan.Skipped.Contains(i) && !Do(i))
                break;
        }

        EndFaults();
        LastSequence = World.Sequence;
    }

    /// <summary>One operation, and what happens before it. False when the run ends here.</summary>
    private bool Do(int index)
    {
        if (Plan.Maintenance.At(index) is { } care && _engine.CanWrite)
            Maintain(care, index);
        if (Plan.EventAt(index) is { } happening)
            Happen(happening, index);
        if (Plan.IsShort && index == Plan.ShortageAt)
            _active.AddRange(Plan.Shortages.Select(fault => World.Inject(fault with { })));
        if (!_engine.CanWrite && !Plan.IsClean)
            return HasLaterLife(index);
        int acknowledged = _workload.AcknowledgedIndex;
        try
        {
            _workload.Step(index);
            if (Plan.IsShort && index > Plan.ShortageAt)
                _workload.Sync(isFull: index % 2 == 0);
        }
        catch (Exception e) when (Plan.IsOverload)
        {
            _workload.History.Add($"the overload ends the run: {e.Message}");
            return false;
        }
        catch (Exception e) when (!_engine.CanWrite && !Plan.IsClean)
        {
            _workload.History.Add($"too few disks are left to write: {e.Message}");
            return HasLaterLife(index);
        }
        catch (Exception e)
        {
            throw new RunException($"operation {index}: {e.Message}\n{_engine.Files.Failure}", e);
        }

        if (_workload.AcknowledgedIndex != acknowledged)
            _acknowledged.Add((World.Mark("acknowledged"), _workload.AcknowledgedIndex));
        NoteGeneration();
        return true;
    }

    private void NoteGeneration() => _generations.Add((World.Sequence, _engine.Metadata.Root.Generation));

    /// <summary>Too few disks to write: the operations up to the next life are left out.</summary>
    private bool HasLaterLife(int index) => Enumerable.Range(index + 1, Plan.Operations).Any(i => Plan.EventAt(i) is { Kind: not RunEventKind.Fault });

    /// <summary>Maintenance before an operation; nothing that a program sees changes. The power may go in the middle of it.</summary>
    private void Maintain(MaintenanceEvent care, int index)
    {
        _workload.History.Add($"{care.Kind} of disk {care.Disk}{(care.CutAfter is { } calls ? $", power cut after {calls} calls" : "")}");
        Fault? cut = care.CutAfter is { } nth
            ? World.Inject(new Fault(FaultKind.Call, DiskCalls.Changes | DiskCalls.Barriers) { Nth = nth, Times = long.MaxValue, Action = () => throw new PowerCutException() })
            : null;
        try
        {
            if (new Caretaker(_engine, Plan, World, Acknowledge).Do(care))
                Maintained[care.Kind] = Maintained.GetValueOrDefault(care.Kind) + 1;
        }
        catch (Exception) when (cut is { HitCount: > 0 })
        {
        }
        catch (Exception e)
        {
            throw new RunException($"{care.Kind} before operation {index}: {e}\n{_engine.Files.Failure}", e);
        }

        if (cut is { HitCount: > 0 })
            Happen(new RunEvent(RunEventKind.PowerCut, null, care.Missing, care.Seed), index);
        else if (cut is not null)
            World.Remove(cut);
    }

    private void Acknowledge()
    {
        _workload.Acknowledge();
        _acknowledged.Add((World.Mark("acknowledged"), _workload.AcknowledgedIndex));
        NoteGeneration();
    }

    private void Happen(RunEvent happening, int index)
    {
        if (happening.Kind == RunEventKind.Fault)
        {
            _workload.History.Add($"fault {happening.Fault}");
            _active.Add(World.Inject(happening.Fault! with { }));
            return;
        }

        _workload.History.Add($"{happening.Kind} missing={string.Join('+', happening.Missing)}");
        EndFaults();
        long before = World.Sequence;
        CrashPoint point = World.CrashPointNow();
        _engine.Dispose();
        long mark = World.Mark(happening.Kind.ToString());
        if (happening.Kind == RunEventKind.PowerCut)
        {
            SimulatedWorld after = point.Build(CrashSelection.Random(point, happening.Seed));
            for (int disk = 0; disk < World.DiskCount; disk++)
                World.Replace(disk, after.Image(disk));
        }

        Reopen(happening, index, before, mark);
    }

    private void Reopen(RunEvent happening, int index, long before, long mark)
    {
        string tree;
        try
        {
            _engine = EnginePool.Open(Pool, Disks(World, happening.Missing), readsBackDirect: Plan.ReadsBackDirect, founders: Plan.Maintenance.ChangesMembers ? Plan.Disks : null);
            tree = FileSystemReader.Describe(_engine.Files);
        }
        catch (Exception e)
        {
            throw new RunException($"{happening.Kind} before operation {index}: {e}", e);
        }

        int state = FindState(ModelFileSystem.Digest(tree), before, before);
        if (state < 0)
            throw new RunException($"{happening.Kind} before operation {index}: the tree is no state from {OldestAllowed(before)} to {NewestAllowed(before)}:\n{tree}");
        _begun.Add((mark - 1, _workload.Digests.Count));
        _workload.Reopened(_engine.Files, ModelAt(state));
        _undone.Add((mark, state + 1, _workload.Digests.Count - 2));

        // Nobody has seen this state before the pool is open: a crash on the way there may go back further.
        _acknowledged.Add((World.Sequence, _workload.Digests.Count - 1));
        NoteGeneration();
        LaterLives++;
    }

    private void EndFaults()
    {
        foreach (Fault fault in _active.Where(fault => fault.HitCount > 0))
            Faults[fault.Kind.ToString()] = Faults.GetValueOrDefault(fault.Kind.ToString()) + 1;
        _active.Clear();
        World.ClearFaults();
    }
}
