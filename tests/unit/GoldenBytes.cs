using Xunit;

namespace DynamicFs.UnitTests;

/// <summary>Compares on-disk structures byte for byte with the files in tests/unit/Golden; GOLDEN_UPDATE=1 rewrites them.</summary>
internal static class GoldenBytes
{
    public static string PathOf(string name) => Path.Combine(Repository.Root, "tests", "unit", "Golden", name);

    public static void Check(string name, ReadOnlySpan<byte> actual)
    {
        string path = PathOf(name);
        if (Repository.IsGoldenUpdate)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, actual);
        }

        byte[] expected = File.ReadAllBytes(path);
        int differs = actual.CommonPrefixLength(expected);
        Assert.True(
            differs == expected.Length && differs == actual.Length,
            $"{name}: differs from byte {differs} on ({expected.Length} bytes expected, {actual.Length} found)");
    }
}
