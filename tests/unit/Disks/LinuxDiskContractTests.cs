using System.Diagnostics;
using DynamicFs.Disks;
using DynamicFs.Interop;
using Xunit;

namespace DynamicFs.UnitTests.Disks;

/// <summary>The contract on a directory of the system.</summary>
public class LinuxDiskContractTests : DiskContract, IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public LinuxDiskContractTests() => Disk = LinuxDisk.Format(_directory.Path);

    protected override IDisk Disk { get; }

    protected override IDisk OpenAgain() => LinuxDisk.Attach(_directory.Path);

    protected override void PlantFifo(string path) => Shell.Run("mkfifo", RealPath(path));

    protected override void PlantLink(string path, string target) => File.CreateSymbolicLink(RealPath(path), target);

    public void Dispose()
    {
        Disk.Dispose();
        _directory.Dispose();
        GC.SuppressFinalize(this);
    }

    private string RealPath(string path) => Path.Combine(_directory.Path, ".dynfs", path);
}

/// <summary>The contract again without openat2, as on kernels before 5.6. In a collection of its own: the switch is for the whole process.</summary>
[Collection(nameof(WithoutOpenAt2))]
public sealed class LinuxDiskWalkContractTests : LinuxDiskContractTests, IDisposable
{
    public LinuxDiskWalkContractTests() => Libc.UseOpenAt2 = false;

    void IDisposable.Dispose()
    {
        Libc.UseOpenAt2 = true;
        Dispose();
    }
}

[CollectionDefinition(nameof(WithoutOpenAt2), DisableParallelization = true)]
public sealed class WithoutOpenAt2;

internal static class Shell
{
    public static void Run(string command, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(command, arguments))!;
        Assert.True(process.WaitForExit(TimeSpan.FromSeconds(30)));
        Assert.Equal(0, process.ExitCode);
    }
}
