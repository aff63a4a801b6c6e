namespace DynamicFs.UnitTests.Cli;

/// <summary>A directory of its own for one test, gone afterwards.</summary>
internal sealed class ScratchDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("dynfs-unit-").FullName;

    public string Sub(string name) => System.IO.Path.Combine(Path, name);

    public string Make(string name) => Directory.CreateDirectory(Sub(name)).FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
