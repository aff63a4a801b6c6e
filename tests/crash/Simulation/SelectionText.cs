using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace DynamicFs.CrashTests.Simulation;

/// <summary>
/// A <see cref="CrashSelection"/> as one word that can be read back: for each run of equal fates its kind, where needed sector, tear and seed, and the range of
/// operations: <c>Kept@0-3,First.2.Garbage.77@4</c>.
/// </summary>
public static class SelectionText
{
    private const string None = "none";

    public static string Format(CrashSelection selection)
    {
        var text = new StringBuilder();
        for (int i = 0, end; i < selection.Count; i = end)
        {
            for (end = i + 1; end < selection.Count && selection[end] == selection[i];)
                end++;
            Survival fate = selection[i];
            text.Append(text.Length == 0 ? "" : ",").Append(fate.Kind);
            if (fate != new Survival(fate.Kind))
                text.Append('.').Append(fate.Sector).Append('.').Append(fate.Tear).Append('.').Append(fate.Seed);
            text.Append('@').Append(i).Append(end == i + 1 ? "" : $"-{end - 1}");
        }

        return text.Length == 0 ? None : text.ToString();
    }

    /// <summary>Null when the text is no selection of <paramref name="count"/> operations.</summary>
    public static CrashSelection? Parse(string text, int count)
    {
        var fates = ImmutableArray.CreateBuilder<Survival>(count);
        foreach (string run in text == None ? [] : text.Split(','))
        {
            string[] sides = run.Split('@');
            if (sides.Length != 2 || ParseFate(sides[0]) is not { } fate || ParseRange(sides[1]) is not { } range || range.First != fates.Count || range.Last >= count)
                return null;
            while (fates.Count <= range.Last)
                fates.Add(fate);
        }

        return fates.Count == count ? CrashSelection.FromFates(fates.ToImmutable()) : null;
    }

    private static Survival? ParseFate(string text)
    {
        string[] parts = text.Split('.');
        if (!Enum.TryParse(parts[0], out SurvivalKind kind) || !Enum.IsDefined(kind))
            return null;
        if (parts.Length == 1)
            return new Survival(kind);
        if (parts.Length != 4 || !TryNumber(parts[1], out int sector) || !Enum.TryParse(parts[2], out Tear tear) || !TryNumber(parts[3], out int seed))
            return null;
        return new Survival(kind, sector, tear, seed);
    }

    private static (int First, int Last)? ParseRange(string text)
    {
        string[] parts = text.Split('-');
        if (parts.Length is < 1 or > 2 || !TryNumber(parts[0], out int first) || !TryNumber(parts[^1], out int last) || last < first)
            return null;
        return (first, last);
    }

    private static bool TryNumber(string text, out int number) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
