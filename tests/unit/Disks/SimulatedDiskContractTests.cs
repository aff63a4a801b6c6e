using DynamicFs.CrashTests.Simulation;
using DynamicFs.Disks;

namespace DynamicFs.UnitTests.Disks;

/// <summary>The contract on a simulated disk: what the crash campaign runs on behaves as the real one while there is power.</summary>
public sealed class SimulatedDiskContractTests : DiskContract
{
    private readonly SimulatedDisk _disk = new SimulatedWorld(1).Open(0);

    public SimulatedDiskContractTests()
    {
        foreach (string directory in DiskLayout.Subdirectories)
            _disk.MakeDirectory(directory);
    }

    protected override IDisk Disk => _disk;

    protected override IDisk OpenAgain() => _disk.World.Open(0);

    protected override void PlantFifo(string path) => _disk.Plant(path, isLink: false);

    protected override void PlantLink(string path, string target) => _disk.Plant(path, isLink: true);
}
