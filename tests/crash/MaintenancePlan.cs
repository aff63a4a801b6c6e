using DynamicFs.Primitives;

namespace DynamicFs.CrashTests;

/// <summary>What maintenance does between two operations of a workload.</summary>
public enum MaintenanceKind
{
    /// <summary>Every block and page is read, what is bad is repaired.</summary>
    Scrub,

    /// <summary>A disk is emptied; one that is being emptied is HEALTHY again.</summary>
    Drain,

    /// <summary>A disk is taken offline; one that is away is taken back.</summary>
    Offline,

    /// <summary>A disk joins the pool: one more than it was made with, once.</summary>
    Join,

    /// <summary>Fragments that nothing needs go to the quarantine, what is there is deleted.</summary>
    CollectOrphans,

    /// <summary>A look of the rebuild at everything.</summary>
    Rebuild,

    /// <summary>Fragments move from the disk that is fullest.</summary>
    Rebalance,

    /// <summary>A disk is emptied and leaves the pool for good.</summary>
    Leave,
}

/// <param name="Disk">Of a drain, or of going offline.</param>
/// <param name="CutAfter">The power goes in the middle: before the call of this number that would change a disk or make something durable.</param>
/// <param name="Missing">Disks that are away after that.</param>
public sealed record MaintenanceEvent(MaintenanceKind Kind, int Disk, long? CutAfter, IReadOnlyList<int> Missing, int Seed);

/// <summary>
/// When a recorded workload has maintenance, and which. Keeps true: disks are emptied and taken away only among the plan's victims; a plan without victims empties a disk only where the pool
/// has more disks than an extent has fragments, so that all extents stay whole.
/// </summary>
public sealed class MaintenancePlan
{
    public static readonly MaintenancePlan None = new();

    /// <summary>The level of a plan that has all kinds; level 1 is without rebalance and leaving.</summary>
    public const int AllKinds = 2;

    private readonly Dictionary<int, MaintenanceEvent> _events = [];

    private MaintenancePlan()
    {
    }

    public MaintenancePlan(RunPlan plan)
    {
        var random = new Random(unchecked((plan.Seed * 104_729) + 3));
        if (random.Next(4) == 0)
            return;
        int leaving = plan.Victims.Count > 0 ? plan.Victims[random.Next(plan.Victims.Count)]
            : plan.IsClean && plan.Disks > plan.Scheme.Width ? random.Next(plan.Disks)
            : -1;
        for (int count = random.Next(1, 5); count > 0; count--)
        {
            MaintenanceEvent added = Make(plan, leaving, random);
            MovesFragments |= added.Kind is MaintenanceKind.Drain or MaintenanceKind.Rebalance or MaintenanceKind.Leave;
            HasLeaving |= added.Kind == MaintenanceKind.Leave;
            if (added.Kind == MaintenanceKind.Rebalance)
                FullestDisk = (int)((uint)plan.Seed / 7 % (uint)plan.Disks);
            HasJoining |= added.Kind == MaintenanceKind.Join;
            int index = random.Next(2, Math.Max(3, plan.Operations));
            _events[index] = added;

            // What a drain leaves behind belongs to kept roots: the moment at which a collection must not take it.
            if (added.Kind == MaintenanceKind.Drain && plan.IsClean && random.Next(2) == 0)
                _events[index + 1] = added with { Kind = MaintenanceKind.CollectOrphans, CutAfter = null };
        }
    }

    /// <summary>Fragments change their disks: a power cut may leave some to the collection of orphans.</summary>
    public bool MovesFragments { get; }

    /// <summary>The world has one disk more than the pool is made with.</summary>
    public bool HasJoining { get; }

    /// <summary>Who the members are says the newest root alone.</summary>
    public bool ChangesMembers => HasJoining || HasLeaving;

    /// <summary>The disk from which a rebalance takes; null without one.</summary>
    public int? FullestDisk { get; }

    /// <summary>A disk may be no member any more: more of them can be away then than the policy says.</summary>
    public bool HasLeaving { get; }

    /// <summary>What happens before operation <paramref name="index"/>.</summary>
    public MaintenanceEvent? At(int index) => _events.GetValueOrDefault(index);

    private static MaintenanceEvent Make(RunPlan plan, int leaving, Random random)
    {
        // Lines that were kept before there was more stay what they were.
        bool hasRoom = plan.Disks > plan.Scheme.Width;
        int choice = random.Next(plan.MaintenanceLevel < AllKinds ? 11 : 14);
        MaintenanceKind kind = choice switch
        {
            11 or 12 when hasRoom => MaintenanceKind.Rebalance,
            13 when hasRoom && leaving >= 0 && !plan.IsOverload => MaintenanceKind.Leave,
            > 10 when leaving >= 0 => MaintenanceKind.Drain,
            < 4 when leaving >= 0 => MaintenanceKind.Drain,
            < 6 when leaving >= 0 && !plan.IsClean => MaintenanceKind.Offline,
            < 7 => MaintenanceKind.Scrub,
            < 9 => MaintenanceKind.CollectOrphans,
            9 when !plan.IsOverload => MaintenanceKind.Join,
            _ => MaintenanceKind.Rebuild,
        };
        bool isCut = !plan.IsOverload && random.Next(3) == 0;
        long calls = random.Next(1, random.Next(2) == 0 ? 12 : 150);
        IReadOnlyList<int> missing = kind == MaintenanceKind.Join && plan.Victims.Count > 0 && random.Next(2) == 0 ? [plan.Disks] : [.. plan.Victims.Where(_ => random.Next(2) == 0)];
        return new MaintenanceEvent(kind, leaving, isCut ? calls : null, missing, random.Next());
    }
}
