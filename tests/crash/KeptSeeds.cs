namespace DynamicFs.CrashTests;

/// <summary>The lines of kept-seeds.txt.</summary>
internal static class KeptSeeds
{
    public static IReadOnlyList<CrashCase> Read()
    {
        using Stream stream = typeof(KeptSeeds).Assembly.GetManifestResourceStream("kept-seeds.txt") ?? throw new InvalidOperationException("kept-seeds.txt is not in the assembly");
        using var reader = new StreamReader(stream);
        var cases = new List<CrashCase>();
        while (reader.ReadLine() is { } line)
        {
            if (line.Length > 0 && !line.StartsWith('#'))
                cases.Add(CrashCase.Parse(line, out string problem) ?? throw new InvalidOperationException($"kept-seeds.txt: {problem}"));
        }

        return cases;
    }
}
