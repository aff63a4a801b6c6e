using System.Globalization;

namespace DynamicFs.CrashTests;

/// <summary>
/// One post-crash state as one line: which workload, where the power goes (one moment, or one for each disk), what survives, what is damaged on top. Without a
/// moment it is the whole workload.
/// </summary>
public sealed record CrashCase(int Seed, int Operations)
{
    public const int DefaultOperations = 20;

    public IReadOnlyList<int> Skipped { get; init; } = [];

    /// <summary>Which kinds of maintenance the workload has; lines that were kept before there was any have none.</summary>
    public int MaintenanceLevel { get; init; }

    public IReadOnlyList<long> At { get; init; } = [];
    public string Fates { get; init; } = "";
    public IReadOnlyList<Damage> Damages { get; init; } = [];

    public RunPlan Plan => new(Seed, Operations, Skipped.ToHashSet(), MaintenanceLevel);

    /// <summary>The whole workload of a plan.</summary>
    public static CrashCase Of(RunPlan plan) => new(plan.Seed, plan.Operations) { Skipped = [.. plan.Skipped.Order()], MaintenanceLevel = plan.MaintenanceLevel };

    public override string ToString()
    {
        string text = $"seed={Seed} ops={Operations}{(MaintenanceLevel > 0 ? $" maintenance={MaintenanceLevel}" : "")}";
        if (Skipped.Count > 0)
            text += $" skip={string.Join('+', Skipped)}";
        if (At.Count > 0)
            text += $" at={string.Join('+', At)} fates={Fates}";
        return Damages.Count > 0 ? $"{text} damage={string.Join('+', Damages)}" : text;
    }

    /// <summary>Reads a line back; <paramref name="problem"/> says what is wrong with it.</summary>
    public static CrashCase? Parse(string line, out string problem)
    {
        problem = "";
        var found = new CrashCase(-1, DefaultOperations);
        foreach (string word in line.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            string[] sides = word.Split('=');
            if (sides.Length != 2 || With(found, sides[0], sides[1]) is not { } next)
            {
                problem = $"'{word}' is not understood in a line like 'seed=1 ops=16 at=200 fates=Kept@0-3'";
                return null;
            }

            found = next;
        }

        if (found.Seed < 0)
            problem = "the line has no seed=N";
        else if (found.At.Count > 0 && found.Fates.Length == 0)
            problem = "the line has at=N but no fates=";
        return problem.Length == 0 ? found : null;
    }

    private static CrashCase? With(CrashCase found, string name, string value)
    {
        switch (name)
        {
            case "seed" when Number(value) is >= 0 and <= int.MaxValue and var seed:
                return found with { Seed = (int)seed };
            case "ops" when Number(value) is > 0 and <= 10_000 and var operations:
                return found with { Operations = (int)operations };
            case "maintenance" when Number(value) is >= 0 and <= MaintenancePlan.AllKinds and var level:
                return found with { MaintenanceLevel = (int)level };
            case "skip" when Numbers(value) is { } skipped:
                return found with { Skipped = [.. skipped.Select(n => (int)n)] };
            case "at" when Numbers(value) is { } at:
                return found with { At = at };
            case "fates":
                return found with { Fates = value };
            case "damage":
                var damages = new List<Damage>();
                foreach (string text in value.Split('+'))
                {
                    if (!Damage.TryParse(text, out Damage damage))
                        return null;
                    damages.Add(damage);
                }

                return found with { Damages = damages };
            default:
                return null;
        }
    }

    private static long? Number(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : null;

    private static long[]? Numbers(string text)
    {
        long?[] numbers = [.. text.Split('+').Select(Number)];
        return numbers.Contains(null) ? null : [.. numbers.Select(n => n!.Value)];
    }
}
