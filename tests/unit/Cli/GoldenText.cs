using System.Runtime.CompilerServices;
using Xunit;

namespace DynamicFs.UnitTests.Cli;

/// <summary>Compares a text with the committed one, byte for byte; GOLDEN_UPDATE=1 rewrites the committed one.</summary>
internal static class GoldenText
{
    public static void Check(string name, string actual)
    {
        string path = Path.Combine(SourceFolder(), "..", "Golden", name);
        if (Environment.GetEnvironmentVariable("GOLDEN_UPDATE") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, actual);
        }

        Assert.True(File.Exists(path), $"{path} is missing: run the test once with GOLDEN_UPDATE=1 and look at what it wrote");
        Assert.Equal(File.ReadAllText(path), actual);
    }

    private static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
