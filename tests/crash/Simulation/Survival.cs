namespace DynamicFs.CrashTests.Simulation;

/// <summary>What a power cut does to one pending operation.</summary>
public enum SurvivalKind
{
    /// <summary>It never happened.</summary>
    Lost,

    /// <summary>It happened in full.</summary>
    Kept,

    /// <summary>Data: sectors before <see cref="Survival.Sector"/> are new; that one is torn as <see cref="Survival.Tear"/> says; those behind are old.</summary>
    First,

    /// <summary>Data: only the sectors from <see cref="Survival.Sector"/> on are new.</summary>
    Last,

    /// <summary>Data: only sector <see cref="Survival.Sector"/> is new.</summary>
    Only,

    /// <summary>Data: all sectors but <see cref="Survival.Sector"/> are new.</summary>
    AllBut,

    /// <summary>Data: each sector is old or new, by <see cref="Survival.Seed"/>.</summary>
    Some,

    /// <summary>Growth: the file ends at the boundary of the 4 KiB block number <see cref="Survival.Sector"/> behind the old end (0: the first one).</summary>
    Boundary,
}

/// <summary>What is found in the sector that was being written at the cut.</summary>
public enum Tear
{
    Old,

    /// <summary>Neither the old nor the new bytes; and so in all sectors of the write behind it.</summary>
    Garbage,

    /// <summary>Reading it fails with EIO until it is written again.</summary>
    Unreadable,
}

/// <summary>The fate of one pending operation. Sectors count from the first one that the operation touches.</summary>
public readonly record struct Survival(SurvivalKind Kind, int Sector = 0, Tear Tear = Tear.Old, int Seed = 0)
{
    public static readonly Survival Lost = new(SurvivalKind.Lost);
    public static readonly Survival Kept = new(SurvivalKind.Kept);

    public static Survival First(int sectorCount, Tear tear = Tear.Old) => new(SurvivalKind.First, sectorCount, tear);

    public static Survival Some(int seed) => new(SurvivalKind.Some, Seed: seed);

    internal bool IsKept(int sector) => Kind switch
    {
        SurvivalKind.Kept => true,
        SurvivalKind.First => sector < Sector,
        SurvivalKind.Last => sector >= Sector,
        SurvivalKind.Only => sector == Sector,
        SurvivalKind.AllBut => sector != Sector,
        SurvivalKind.Some => (Mixing.Mix(((ulong)(uint)Seed * Mixing.Prime) + (ulong)sector) & 1) == 0,
        _ => false,
    };

    internal bool IsGarbage(int sector) => Kind == SurvivalKind.First && Tear == Tear.Garbage && sector >= Sector;

    internal bool IsUnreadable(int sector) => Kind == SurvivalKind.First && Tear == Tear.Unreadable && sector == Sector;

    public override string ToString() => Kind switch
    {
        SurvivalKind.Lost => "lost",
        SurvivalKind.Kept => "kept",
        SurvivalKind.Some => $"some({Seed})",
        SurvivalKind.First when Tear != Tear.Old => $"first({Sector}, {Tear})",
        _ => $"{Kind.ToString().ToLowerInvariant()}({Sector})",
    };
}
