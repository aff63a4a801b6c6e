namespace DynamicFs.UnitTests;

/// <summary>Where the sources are, for tests that read them.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    /// <summary>True when fixtures and generated parts of documents are to be rewritten instead of compared.</summary>
    public static bool IsGoldenUpdate => Environment.GetEnvironmentVariable("GOLDEN_UPDATE") == "1";

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "DynamicFs.sln")))
                return folder.FullName;
        }

        throw new DirectoryNotFoundException($"no DynamicFs.sln above {AppContext.BaseDirectory}");
    }
}
