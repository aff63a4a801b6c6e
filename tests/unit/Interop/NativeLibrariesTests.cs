using DynamicFs.Interop;
using Xunit;

namespace DynamicFs.UnitTests.Interop;

public sealed class NativeLibrariesTests
{
    [Fact]
    public void Looks_in_the_variable_the_program_folder_the_tree_then_the_system()
    {
        string[] expected =
        [
            "/opt/native/libx.so", "/src/bin/libx.so", "/src/bin/artifacts/native/libx.so", "/src/artifacts/native/libx.so",
            "/artifacts/native/libx.so", "libx.so", "libx.so.0",
        ];
        Assert.Equal(expected, NativeLibraries.Candidates("libx.so", "/opt/native", "/src/bin"));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public void Goes_without_the_variable(string? nativeDirectory) =>
        Assert.Equal("/bin/libx.so", NativeLibraries.Candidates("libx.so", nativeDirectory, "/bin").First());
}
