using DynamicFs.CrashTests.Simulation;
using DynamicFs.Maintenance;
using DynamicFs.Primitives;

namespace DynamicFs.CrashTests;

/// <summary>Why a post-crash state is wrong, with the line that reproduces it.</summary>
public sealed record CrashViolation(string Reproduce, string What)
{
    public CrashCase? Case { get; init; }
}

/// <summary>
/// Opens a post-crash state as a mount does and checks it: it mounts, the tree is the model's at one allowed moment, everything verifies and nothing leaks, mounting
/// again changes nothing, the model's operations go on from there, and what they did is there after one more mount.
/// </summary>
public sealed class CrashJudge
{
    private const int OperationsAfter = 5;
    private const int MaxSteps = 60;

    private readonly RecordedRun _run;
    private readonly CrashCase _case;
    private readonly SimulatedWorld _world;
    private readonly HashSet<int> _missing;
    private readonly bool _isThorough;

    /// <summary>A mount that could commit nothing decided nothing: what was never acknowledged may be seen by the next one, when its disk answers.</summary>
    private bool _wasReadOnly;

    /// <param name="run">The workload of the case.</param>
    /// <param name="judged">Its moment says which states of the model are allowed.</param>
    /// <param name="world">The disks after the power cut, damaged as the case says.</param>
    /// <param name="isThorough">Also reads every fragment, and mounts a third time.</param>
    private CrashJudge(RecordedRun run, CrashCase judged, SimulatedWorld world, bool isThorough)
    {
        (_run, _case, _world, _isThorough) = (run, judged, world, isThorough);
        _missing = [.. judged.Damages.Where(damage => damage.Kind is DamageKind.Missing or DamageKind.TooMany).Select(damage => damage.Disk)];
    }

    private bool IsTooMany => _case.Damages.Any(damage => damage.Kind == DamageKind.TooMany);

    private bool IsWhole => _case.Damages.Count == 0 && _run.Plan.IsClean;

    /// <summary>A full disk may keep a pool from being mounted; nothing may be lost by it.</summary>
    private bool MayRefuse => _case.Damages.Any(IsShortOfSpace);

    private static bool IsShortOfSpace(Damage damage) =>
        damage.Kind == DamageKind.Full || (damage.Kind == DamageKind.FailsInRecovery && StateDamage.FaultOf(damage).Errno == Errno.ENOSPC);

    /// <summary>Null when the state is right.</summary>
    public static CrashViolation? Judge(RecordedRun run, CrashCase judged, SimulatedWorld world, bool isThorough)
    {
        try
        {
            string? wrong = new CrashJudge(run, judged, world, isThorough).Run();
            return wrong is null ? null : new CrashViolation(judged.ToString(), wrong) { Case = judged };
        }
        catch (Exception e)
        {
            return new CrashViolation(judged.ToString(), e.ToString()) { Case = judged };
        }
    }

    private string? Run()
    {
        if (IsTooMany)
            return MountTooFew();
        if (_case.Damages.Count == 1 && StateDamage.IsLimit(_case.Damages[0].Kind))
            return LimitJudge.Judge(_run, _case.At.Min(), _world, _case.Damages[0]);
        string? first = null;
        try
        {
            if (FirstMount(out first) is { } wrong)
                return wrong;
        }
        catch (Exception e) when (MayRefuse && e is PoolException or DiskException or InvalidOperationException)
        {
            first = null;
        }

        _world.ClearFaults();
        foreach (Damage damage in _case.Damages.Where(damage => damage.Kind == DamageKind.Full))
            _world.Open(damage.Disk).SetCapacity(1L << 40);
        return SecondMount(first, out ModelFileSystem? model) ?? (model is not null && _isThorough ? ThirdMount(model) : null);
    }

    private string? FirstMount(out string tree)
    {
        using EnginePool engine = Open();
        tree = FileSystemReader.Describe(engine.Files);
        if (StateOf(tree) < 0)
            return NoState(tree);
        if (IsWhole && engine.Files.IsReadOnly)
            return $"read-only although no disk is missing: {engine.Files.Failure}";
        _wasReadOnly = engine.Files.IsReadOnly;
        return engine.Files.IsReadOnly || MayRefuse || HasFaults ? null : Check(engine, _isThorough);
    }

    /// <summary>
    /// More disks are away than the policy survives: refused, because the newest commit may be on them alone; also by a host that has not seen any. On the disks that are there
    /// nothing was written then.
    /// </summary>
    private string? MountTooFew()
    {
        Generation seen = _case.At.Min() % 2 == 0 ? Generation.None : _run.NewestSeen(_case.At.Min());
        try
        {
            using EnginePool engine = _run.Open(_world, _missing, newestSeen: seen);
            return $"mounted for writing without disks {string.Join('+', _missing.Order())}";
        }
        catch (PoolException)
        {
            return null;
        }
    }

    private bool HasFaults => _case.Damages.Any(damage => damage.Kind == DamageKind.FailsInRecovery);

    private string? SecondMount(string? first, out ModelFileSystem? model)
    {
        model = null;
        using EnginePool engine = Open();
        string second = FileSystemReader.Describe(engine.Files);
        int state = StateOf(second);
        if (state < 0)
            return NoState(second);
        if (first is not null && second != first && !_wasReadOnly)
            return $"mounting again changed the tree:\n{first}\nnow\n{second}";
        if (engine.Files.IsReadOnly)
            return IsWhole ? "read-only although no disk is missing" : null;
        model = _run.ModelAt(state);
        var workload = new Workload(_case.Seed + (int)_case.At[0], engine.Files, model) { MaxFileBytes = 30_000 };
        try
        {
            for (int i = 0; i < OperationsAfter; i++)
                workload.Step();
            workload.CloseAll();
            workload.Sync();
        }
        catch (InvalidOperationException) when (!IsWhole && !engine.CanWrite)
        {
            // Disks that failed on the way leave too few to acknowledge anything; what is refused is not lost.
            model = null;
            return null;
        }

        if (_isThorough && CheckHealed(engine) is { } unhealed)
            return unhealed;
        string after = FileSystemReader.Describe(engine.Files);
        return after == model.Describe() ? null : $"after going on from\n{second}\nwith\n{string.Join('\n', workload.History)}\nthe tree is\n{after}\nand not\n{model.Describe()}";
    }

    /// <summary>With all disks there, a rebuild that reads everything makes every copy good again; and so does a scrub that repairs, with a rebuild for what was never written.</summary>
    private string? CheckHealed(EnginePool engine)
    {
        bool isByScrub = _case.At.Min() % 2 == 0;
        if (isByScrub && engine.TryScrub(step => Drive(engine, step)) is null && IsWhole)
            return "the scrub does not come to an end";
        bool isAtRest = engine.TryRebuild(readsAll: !isByScrub);
        if (_missing.Count > 0 || engine.Members.Any(member => !member.IsWritable && !member.HasLeft))
            return null;
        if (!isAtRest)
            return "the rebuild does not come to an end";
        if (engine.Files.SyncAll() is var errno and not Errno.None)
            return $"the commit after the rebuild answers {errno}: {engine.Files.Failure}";
        List<string> problems = EngineCheck.Run(engine, EngineCheck.Scope.Healed, readData: true);
        if (problems.Count == 0)
            return isByScrub ? null : CheckCollected(engine);
        return $"after the {(isByScrub ? "scrub" : "rebuild")} {problems.Count} problems: {string.Join("; ", problems.Take(4))}";
    }

    /// <summary>Orphans can be told from what is needed, and without them nothing is left over.</summary>
    private string? CheckCollected(EnginePool engine)
    {
        try
        {
            engine.Orphans.Collect(engine.Orphans.Detect(), TimeSpan.Zero);
        }
        catch (PoolException e) when (e.Id == ErrorId.OrphansUnknown && !IsWhole)
        {
            return null;
        }

        // What cannot be read counts, and a disk that became SUSPECT on the way is left alone.
        if (engine.Members.Any(member => !member.IsWritable && !member.HasLeft))
            return null;
        List<string> problems = [];
        EngineCheck.CheckLeftovers(engine, problems, []);
        return problems.Count == 0 ? null : $"after the collection of orphans {problems.Count} problems: {string.Join("; ", problems.Take(4))}";
    }

    private static bool Drive(EnginePool engine, Func<StepOutcome> step)
    {
        for (int i = 0; i < MaxSteps; i++)
        {
            StepOutcome outcome = step();
            if (outcome == StepOutcome.Idle)
                return true;
            if (outcome == StepOutcome.Waiting && engine.Files.SyncAll() != Errno.None)
                return false;
        }

        return false;
    }

    private string? ThirdMount(ModelFileSystem model)
    {
        using EnginePool engine = Open();
        string tree = FileSystemReader.Describe(engine.Files);
        if (tree != model.Describe())
            return $"after going on and one more mount the tree is\n{tree}\nand not\n{model.Describe()}";
        return engine.Files.IsReadOnly ? null : Check(engine, readData: true);
    }

    private EnginePool Open() => _run.Open(_world, _missing);

    private int StateOf(string tree) => _run.FindState(ModelFileSystem.Digest(tree), _case.At.Min(), _case.At.Max());

    private string? Check(EnginePool engine, bool readData)
    {
        Errno errno = engine.Files.SyncAll();
        if (errno != Errno.None)
            return $"the first commit after the mount answers {errno}: {engine.Files.Failure}";
        List<string> problems = EngineCheck.Run(engine, IsWhole ? EngineCheck.Scope.Whole : EngineCheck.Scope.Readable, readData, _run.Plan.Maintenance.MovesFragments);
        return problems.Count == 0 ? null : $"{problems.Count} problems: {string.Join("; ", problems.Take(4))}";
    }

    private string NoState(string tree) => $"the tree is no state from {_run.OldestAllowed(_case.At.Min())} to {_run.NewestAllowed(_case.At.Max())}:\n{tree}";
}
