using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Architecture;

public sealed class LayerTests
{
    private static readonly string s_source = Path.Combine(Repository.Root, "src", "DynamicFs");

    private static readonly ILookup<string?, string> s_types =
        typeof(Checksum).Assembly.GetTypes().ToLookup(type => type.Namespace, type => type.Name.Split('`')[0]);

    [Fact]
    public void Every_folder_uses_only_what_the_table_allows()
    {
        var forbidden = new List<string>();
        foreach (string path in Directory.EnumerateFiles(s_source, "*.cs", SearchOption.AllDirectories))
        {
            string relative = Path.GetRelativePath(s_source, path);
            string folder = Path.GetDirectoryName(relative)!.Split('/')[0];
            if (folder.Length != 0)
                forbidden.AddRange(Forbidden(folder, File.ReadAllText(path)).Select(used => $"{relative} uses {used}"));
        }

        Assert.Empty(forbidden);
    }

    [Fact]
    public void Every_folder_is_in_the_table()
    {
        string[] folders = [.. Directory.EnumerateDirectories(s_source).Select(path => Path.GetFileName(path)!)];
        Assert.Empty(folders.Except(Layers.Folders).Except(["bin", "obj"]));
        Assert.Contains("Primitives", folders);
    }

    [Fact]
    public void Namespaces_are_the_folders()
    {
        foreach (string path in Directory.EnumerateFiles(s_source, "*.cs", SearchOption.AllDirectories))
        {
            string folder = Path.GetDirectoryName(Path.GetRelativePath(s_source, path))!;
            string expected = folder.Length == 0 ? "DynamicFs" : "DynamicFs." + folder.Replace('/', '.');
            Assert.True(SourceUses.Namespace(File.ReadAllText(path)) == expected, $"{path} is not in a file-scoped namespace {expected}");
        }
    }

    [Fact]
    public void The_table_has_no_circle()
    {
        foreach (string upper in Layers.Folders)
            Assert.DoesNotContain(Layers.Folders, lower => lower != upper && Layers.MayUse(upper, lower) && Layers.MayUse(lower, upper));
    }

    [Theory]
    [InlineData("using DynamicFs.Files;", true)]
    [InlineData("using static DynamicFs.Files.FileSystem;", true)]
    [InlineData("using Alias = DynamicFs.Files.FileSystem;", true)]
    [InlineData("class A { DynamicFs.Files.FileSystem? x; }", true)]
    [InlineData("class A { global::DynamicFs . Files.FileSystem? x; }", true)]
    [InlineData("class A { Files.FileSystem? x; }", true)]
    [InlineData("// using DynamicFs.Files;", false)]
    [InlineData("/* x\n using DynamicFs.Files;\n */", false)]
    [InlineData("class A { string x = \"DynamicFs.Files\"; }", false)]
    [InlineData("class A { char q = '\"'; DynamicFs.Files.FileSystem? x; char r = '\"'; }", true)]
    [InlineData("class A { int y = Files.Count; }", false)]
    [InlineData("using DynamicFs.Primitives; using DynamicFs.Interop;", false)]
    public void A_use_from_below_is_seen_in_any_spelling(string source, bool isForbidden) =>
        Assert.Equal(isForbidden ? ["Files"] : [], Forbidden("Disks", source));

    private static IEnumerable<string> Forbidden(string folder, string source) =>
        SourceUses.Folders(source, Layers.Folders, (name, type) => s_types["DynamicFs." + name].Contains(type))
            .Where(used => !Layers.Folders.Contains(used) || !Layers.MayUse(folder, used));
}
