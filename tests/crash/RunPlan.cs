using DynamicFs.CrashTests.Simulation;
using DynamicFs.Primitives;

namespace DynamicFs.CrashTests;

/// <summary>Something that happens before an operation of a workload.</summary>
public enum RunEventKind
{
    /// <summary>The power goes: the state is one of those that are legal, chosen by seed. The pool is opened again.</summary>
    PowerCut,

    /// <summary>The process dies, the machine goes on.</summary>
    Restart,

    /// <summary>A fault begins; it ends with the next power cut or restart.</summary>
    Fault,
}

/// <param name="Missing">Disks that are away until the next power cut or restart.</param>
public sealed record RunEvent(RunEventKind Kind, Fault? Fault, IReadOnlyList<int> Missing, int Seed);

/// <summary>
/// Everything about a recorded workload that follows from its seed: disks and policy, and what goes wrong while it runs. Keeps true: what goes wrong touches only
/// <see cref="Victims"/>, and those are no more than the policy survives; unless it is an overload, where only acknowledged data is promised.
/// </summary>
public sealed class RunPlan
{
    private static readonly (int Disks, RedundancyScheme Scheme)[] _shapes =
    [
        (6, RedundancyScheme.ReedSolomon(4, 2)),
        (3, RedundancyScheme.Replica(3)),
        (3, RedundancyScheme.ReedSolomon(2, 1)),
        (2, RedundancyScheme.Replica(2)),
        (8, RedundancyScheme.ReedSolomon(4, 2)),
        (4, RedundancyScheme.Replica(3)),
        (1, RedundancyScheme.Replica(1)),
    ];

    private static readonly FaultKind[] _faultKinds =
        [FaultKind.Fail, FaultKind.FailAfter, FaultKind.PartialWrite, FaultKind.LostSync, FaultKind.SkippedSync, FaultKind.FlippedBit, FaultKind.DroppedWrite, FaultKind.MisdirectedWrite];

    private static readonly FaultKind[] _honestKinds = [FaultKind.Fail, FaultKind.Fail, FaultKind.FailAfter, FaultKind.PartialWrite, FaultKind.LostSync];

    private readonly Dictionary<int, RunEvent> _events = [];
    private readonly List<Fault> _shortages = [];
    private int[] _spared = [];

    public RunPlan(int seed, int operations, IReadOnlySet<int>? skipped = null, int maintenance = 0)
    {
        (Seed, Operations, Skipped, MaintenanceLevel) = (seed, operations, skipped ?? new HashSet<int>(), maintenance);
        (Disks, Scheme) = _shapes[(uint)seed % _shapes.Length];
        var random = new Random(unchecked((seed * 7919) + 1));
        if (TryMakeShort(random))
            return;
        TellStory(random);
        if (maintenance > 0)
            Maintenance = new MaintenancePlan(this);
    }

    /// <summary>What goes wrong: nothing in four of ten seeds, else up to four things.</summary>
    private void TellStory(Random random)
    {
        int story = random.Next(10);
        if (story < 4)
            return;
        IsOverload = story == 9;
        int victims = IsOverload ? 0 : random.Next(story < 6 ? 1 : Scheme.Tolerance + 1);
        Victims = [.. Enumerable.Range(0, Disks).OrderBy(_ => random.Next()).Take(victims).Order()];
        for (int count = random.Next(1, 5); count > 0; count--)
            _events[random.Next(1, Math.Max(2, Operations))] = MakeEvent(random);
    }

    /// <summary>
    /// One seed in four is about a step that fails on so many disks that what needs it must be refused: the root record, new fragments, new fragments that land elsewhere on the medium,
    /// syncs. The disks on which it works are the ones to lose then.
    /// </summary>
    private bool TryMakeShort(Random random)
    {
        int quorum = Math.Min(Scheme.Tolerance + 1, Math.Max(1, Disks - Scheme.Tolerance));
        (Fault? fault, int broken, int most) = (Seed % 16) switch
        {
            4 => (new Fault(FaultKind.Fail, DiskCalls.Write) { PathPrefix = "roots" }, Disks - quorum + 1, Scheme.Tolerance),
            7 => (new Fault(FaultKind.Fail, DiskCalls.Write) { PathPrefix = "tmp/" }, Scheme.Width - Scheme.MinWrite + 1, Scheme.Tolerance - Scheme.Width + Scheme.MinWrite),
            10 => (new Fault(FaultKind.MisdirectedWrite, DiskCalls.Write) { PathPrefix = "tmp/" }, Disks, 0),
            12 => (new Fault(FaultKind.LostSync, DiskCalls.Sync) { PathPrefix = (Seed / 16 % 3) switch { 0 => "journal", 1 => "meta", _ => "roots" } }, Disks, 0),
            _ => (null, 0, 0),
        };
        bool isPointless = quorum == 1 && fault?.PathPrefix == "roots" && fault.Kind == FaultKind.Fail;
        if (fault is null || Scheme.Tolerance == 0 || isPointless)
            return false;
        int[] order = [.. Enumerable.Range(0, Disks).OrderBy(_ => random.Next())];
        _shortages.AddRange(order.Take(broken).Select(disk => fault with { Disk = disk, Times = long.MaxValue }));
        _spared = [.. order.Skip(broken).Take(Math.Max(0, most))];
        (IsShort, IsOverload, ShortageAt) = (true, true, random.Next(2, Math.Max(3, Operations - 4)));
        ReadsBackDirect = fault.Kind == FaultKind.MisdirectedWrite;
        return true;
    }

    public int Seed { get; }

    /// <summary>From <see cref="ShortageAt"/> on a step fails on more disks than what needs it can do without.</summary>
    public bool IsShort { get; private set; }

    public int ShortageAt { get; private set; }

    /// <summary>New fragments are read back from the medium: the cache has what was meant.</summary>
    public bool ReadsBackDirect { get; private set; }

    public IReadOnlyList<Fault> Shortages => _shortages;
    public int Operations { get; }
    public IReadOnlySet<int> Skipped { get; }

    /// <summary>Which kinds of maintenance there may be: lines of cases that were kept before there was any have none. See <see cref="MaintenancePlan.AllKinds"/>.</summary>
    public int MaintenanceLevel { get; }

    public MaintenancePlan Maintenance { get; } = MaintenancePlan.None;
    public int Disks { get; }
    public RedundancyScheme Scheme { get; }

    /// <summary>Disks that may fail, lie or be away in this run; what is damaged in a post-crash state on top is among them.</summary>
    public IReadOnlyList<int> Victims { get; private set; } = [];

    /// <summary>More may fail at once than the policy survives: operations may be refused; what was acknowledged must be there.</summary>
    public bool IsOverload { get; private set; }

    /// <summary>Nothing but power cuts happens to the disks: all of them are as good as new.</summary>
    public bool IsClean => !IsOverload && Victims.Count == 0;

    /// <summary>How many disks can be damaged in one post-crash state of this run, and which.</summary>
    public IReadOnlyList<int> Damageable(Random random)
    {
        if (IsShort)
            return _spared;
        if (IsOverload)
            return [];
        IEnumerable<int> candidates = Victims.Count > 0 ? Victims : Enumerable.Range(0, Disks);
        int limit = Math.Min(Scheme.Tolerance, Victims.Count > 0 ? Victims.Count : Scheme.Tolerance);
        return limit == 0 ? [] : [.. candidates.OrderBy(_ => random.Next()).Take(random.Next(1, limit + 1)).Order()];
    }

    /// <summary>What happens before operation <paramref name="index"/>.</summary>
    public RunEvent? EventAt(int index) => _events.GetValueOrDefault(index);

    /// <summary>A fault of one disk, or of any when it is null.</summary>
    public static Fault RandomFault(Random random, int? disk, bool isHonest)
    {
        FaultKind[] kinds = isHonest ? _honestKinds : _faultKinds;
        FaultKind kind = kinds[random.Next(kinds.Length)];
        DiskCalls on = kind switch
        {
            FaultKind.SkippedSync => random.Next(2) == 0 ? DiskCalls.Sync : DiskCalls.Barriers,
            FaultKind.LostSync => DiskCalls.Sync,
            FaultKind.FlippedBit => DiskCalls.Read,
            FaultKind.PartialWrite or FaultKind.DroppedWrite or FaultKind.MisdirectedWrite => DiskCalls.Write,
            _ => random.Next(6) switch
            {
                0 or 5 => DiskCalls.Write,
                1 => DiskCalls.Barriers,
                2 => DiskCalls.Create | DiskCalls.Open | DiskCalls.Rename | DiskCalls.Unlink | DiskCalls.MakeDirectory | DiskCalls.List,
                3 => DiskCalls.Read,
                _ => DiskCalls.All & ~DiskCalls.Space,
            },
        };
        Errno errno = random.Next(isHonest ? 3 : 2) switch { 0 => Errno.EIO, 1 => Errno.EROFS, _ => Errno.ENOSPC };
        bool isRead = (on & DiskCalls.Changes) == 0;
        return new Fault(kind, on, isRead ? Errno.EIO : errno)
        {
            Disk = disk,
            Nth = random.Next(1, random.Next(3) > 0 ? 3 : 20),
            Times = random.Next(3) switch { 0 => 1, 1 => random.Next(2, 6), _ => long.MaxValue },
        };
    }

    private RunEvent MakeEvent(Random random)
    {
        bool isFault = IsOverload || (Victims.Count > 0 && random.Next(5) < 3);
        if (isFault)
            return new RunEvent(RunEventKind.Fault, RandomFault(random, Victims.Count > 0 ? Victims[random.Next(Victims.Count)] : null, IsOverload), [], 0);
        IReadOnlyList<int> missing = [.. Victims.Where(_ => random.Next(2) == 0)];
        return new RunEvent(random.Next(4) == 0 ? RunEventKind.Restart : RunEventKind.PowerCut, null, missing, random.Next());
    }
}
