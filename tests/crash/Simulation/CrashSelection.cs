using System.Collections.Immutable;
using System.Text;

namespace DynamicFs.CrashTests.Simulation;

/// <summary>
/// The fate of every pending operation of one <see cref="CrashPoint"/>, by index. Any choice is legal: what cannot survive without something that is lost
/// (a later length, a later change of the same entry) is lost with it when the state is built.
/// </summary>
public sealed class CrashSelection
{
    private readonly ImmutableArray<Survival> _fates;

    private CrashSelection(ImmutableArray<Survival> fates) => _fates = fates;

    internal static CrashSelection FromFates(ImmutableArray<Survival> fates) => new(fates);

    public int Count => _fates.Length;

    public Survival this[int index] => _fates[index];

    internal ReadOnlySpan<Survival> Fates(int first, int end) => _fates.AsSpan()[first..end];

    /// <summary>As if everything had just been synced.</summary>
    public static CrashSelection All(CrashPoint point) => Of(point, _ => Survival.Kept);

    /// <summary>Only what barriers have made durable.</summary>
    public static CrashSelection None(CrashPoint point) => Of(point, _ => Survival.Lost);

    public static CrashSelection Of(CrashPoint point, Func<PendingOperation, Survival> fate) => new([.. point.Pending.Select(fate)]);

    public static CrashSelection Of(CrashPoint point, Func<PendingOperation, bool> isKept) =>
        Of(point, operation => isKept(operation) ? Survival.Kept : Survival.Lost);

    /// <summary>Every operation kept, lost, torn or partly there, by chance.</summary>
    public static CrashSelection Random(CrashPoint point, int seed)
    {
        var random = new Random(seed);
        // Some states lose nearly nothing, some nearly everything: bugs hide at both ends.
        double lossRate = random.NextDouble();
        return Of(point, operation => RandomFate(operation, random, lossRate));
    }

    public CrashSelection With(int index, Survival fate) => new(_fates.SetItem(index, fate));

    /// <summary>Keeps an operation and everything that it cannot be without.</summary>
    public CrashSelection Keeping(CrashPoint point, PendingOperation kept)
    {
        ImmutableArray<Survival>.Builder fates = _fates.ToBuilder();
        fates[kept.Index] = Survival.Kept;
        HashSet<(int, string)> touched = [.. Keys(kept)];
        for (int i = kept.Index - 1; i >= 0 && point.Pending[i].Disk == kept.Disk; i--)
        {
            PendingOperation earlier = point.Pending[i];
            bool isNeeded = earlier.Part switch
            {
                PendingPart.Entry => Keys(earlier).Any(touched.Contains),
                PendingPart.Length => kept.Part == PendingPart.Length && earlier.Inode == kept.Inode,
                _ => false,
            };
            if (!isNeeded)
                continue;
            fates[i] = Survival.Kept;
            touched.UnionWith(Keys(earlier));
        }

        return new CrashSelection(fates.ToImmutable());
    }

    /// <summary>The fates in a short form for reports: runs of equal ones together.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        for (int i = 0, end; i < _fates.Length; i = end)
        {
            for (end = i + 1; end < _fates.Length && _fates[end] == _fates[i];)
                end++;
            text.Append(text.Length == 0 ? "" : " ").Append(_fates[i]).Append(' ').Append(i).Append(end == i + 1 ? "" : $"-{end - 1}");
        }

        return text.Length == 0 ? "nothing pending" : text.ToString();
    }

    private static Survival RandomFate(PendingOperation operation, Random random, double lossRate)
    {
        double chance = random.NextDouble();
        if (operation.SectorCount > 1 && chance < 0.2)
            return Survival.Some(random.Next());
        if (operation.SectorCount > 0 && chance < 0.3)
            return Survival.First(random.Next(operation.SectorCount), (Tear)random.Next(3)) with { Seed = random.Next() };
        if (operation.BoundaryCount > 0 && chance < 0.2)
            return new Survival(SurvivalKind.Boundary, random.Next(operation.BoundaryCount));
        return random.NextDouble() < lossRate ? Survival.Lost : Survival.Kept;
    }

    private static IEnumerable<(int Directory, string Name)> Keys(PendingOperation operation) =>
        operation.Entries?.Settings.Select(s => (s.Directory, s.Name)) ?? [];
}
