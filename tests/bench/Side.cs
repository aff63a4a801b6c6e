using System.Text.Json;
using DynamicFs.Harness;

namespace DynamicFs.Bench;

/// <summary>A measurement with all CPU it cost.</summary>
internal sealed record Sample(Measurement Client, CpuClock Cpu)
{
    public double TotalCpuSeconds => Client.CpuSeconds + Cpu.DaemonSeconds + Cpu.KernelSeconds;
}

/// <summary>One of the two filesystems that are compared: the plain directory, or the pool.</summary>
internal abstract class Side
{
    private const int LimitSeconds = 600;

    public abstract string Root { get; }

    protected abstract int? Daemon { get; }

    /// <summary>Everything written is on the disks and nothing is in memory.</summary>
    public abstract void MakeCold();

    /// <summary>Runs an operation of the client in directory <paramref name="place"/> below the root.</summary>
    public virtual Sample Measure(string operation, string place, params string[] arguments)
    {
        string directory = Path.Combine(Root, place);
        Shell.Run(["mkdir", "-p", directory]).Succeeded();
        CpuClock start = CpuClock.Now(Daemon);
        string self = Path.Combine(AppContext.BaseDirectory, "DynamicFs.Bench.dll");
        string line = Shell.Run(["dotnet", self, "client", operation, directory, .. arguments], LimitSeconds, Variables).Succeeded().Output;
        return new Sample(JsonSerializer.Deserialize(line, MeasurementJson.Default.Measurement)!, CpuClock.Now(Daemon) - start);
    }

    public void Remove(string name) => Shell.Run(["rm", "-rf", Path.Combine(Root, name)], LimitSeconds).Succeeded();

    /// <summary>Marks children as this run's, so that they are found when it is interrupted.</summary>
    protected abstract IReadOnlyDictionary<string, string> Variables { get; }

    public static void DropCaches() => Shell.Bash("sync; echo 3 >/proc/sys/vm/drop_caches", LimitSeconds).Succeeded();
}

/// <summary>A directory on the filesystem that the pool's disks lie on.</summary>
internal sealed class PlainSide : Side
{
    public PlainSide(Scratch scratch)
    {
        Root = scratch.Sub("plain");
        Directory.CreateDirectory(Root);
        Variables = new Dictionary<string, string> { ["DYNFS_STATE_DIR"] = scratch.Sub("none") };
    }

    public override string Root { get; }

    protected override int? Daemon => null;

    protected override IReadOnlyDictionary<string, string> Variables { get; }

    public override void MakeCold() => DropCaches();
}

/// <summary>A pool of six directories with the default policy. Keeps the highest memory use of any daemon it had.</summary>
internal sealed class PoolSide : Side, IDisposable
{
    private readonly PoolUnderTest _pool;

    public PoolSide(Scratch scratch)
    {
        _pool = new PoolUnderTest(scratch, "tank", 6);
        _pool.Create();
        _pool.Mount();
    }

    public override string Root => _pool.MountPoint;

    public MaintenanceRows Maintenance => new(_pool, () => Daemon);

    public double PeakMebibytes { get; private set; }

    protected override int? Daemon => _pool.DaemonProcess();

    protected override IReadOnlyDictionary<string, string> Variables => _pool.Variables;

    public override Sample Measure(string operation, string place, params string[] arguments)
    {
        Sample sample = base.Measure(operation, place, arguments);
        NoteMemory();
        return sample;
    }

    public override void MakeCold() => ColdMount();

    /// <summary>Time from the call of the tool until the mount answers, with nothing in memory.</summary>
    public double ColdMount()
    {
        NoteMemory();
        _pool.Unmount(limitSeconds: 300);
        DropCaches();
        double seconds = PoolUnderTest.IsPlain ? 0 : _pool.TryMount().Succeeded().Elapsed.TotalSeconds;
        return seconds + Shell.Run(["stat", Root]).Succeeded().Elapsed.TotalSeconds;
    }

    public void Dispose() => _pool.Dispose();

    private void NoteMemory()
    {
        if (Daemon is int daemon)
            PeakMebibytes = Math.Max(PeakMebibytes, Processes.StatusValue(daemon, "VmHWM") / 1024.0);
    }
}
