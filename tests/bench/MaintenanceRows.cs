using System.Text.Json;
using DynamicFs.Harness;

namespace DynamicFs.Bench;

/// <summary>
/// What maintenance does to a pool with one large file: how fast scrub verifies it, how fast rebuild gives it back the fragments of one disk, and what 4 KiB reads of another file wait for meanwhile.
/// The program reports both times itself, because a command that waits looks only now and then.
/// </summary>
internal sealed class MaintenanceRows(PoolUnderTest pool, Func<int?> daemon)
{
    private const int LimitSeconds = 600;
    private const int Disk = 1;

    /// <summary>Bytes of fragments that were verified, and the time from the request to the verdict.</summary>
    public Sample Scrub()
    {
        CpuClock start = CpuClock.Now(daemon());
        pool.Cli(LimitSeconds, "scrub", pool.Name).Succeeded();
        CpuClock spent = CpuClock.Now(daemon()) - start;
        using JsonDocument report = Report("scrub", "status");
        return Sampled(report, report.RootElement.GetProperty("totalBytes").GetInt64(), "extents", spent);
    }

    /// <summary>One disk's fragments are gone at the mount. <paramref name="dataBytes"/>: of the extents that have them back then.</summary>
    public Sample Rebuild(long dataBytes)
    {
        pool.Unmount(LimitSeconds);
        Directory.Delete(Fragments, recursive: true);
        Directory.CreateDirectory(Fragments);
        Shell.Bash("sync; echo 3 >/proc/sys/vm/drop_caches", LimitSeconds).Succeeded();
        pool.Mount();
        CpuClock start = CpuClock.Now(daemon());
        pool.Cli(LimitSeconds, "wait", pool.Name, "rebuild", "--timeout", "10m").Succeeded();
        CpuClock spent = CpuClock.Now(daemon()) - start;
        using JsonDocument report = Report("rebuild", "status");
        if (report.RootElement.GetProperty("doneBytes").GetInt64() < dataBytes / 4)
            throw new CommandException($"the rebuild did not restore what was taken away: {report.RootElement}");
        return Sampled(report, dataBytes, "doneExtents", spent);
    }

    /// <summary>Names of what is on the disk now.</summary>
    public string[] FragmentsNow() => Directory.GetFiles(Fragments, "*", SearchOption.AllDirectories);

    /// <summary>Takes these fragments away and rebuilds them while <paramref name="meanwhile"/> runs. The second value: the rebuild was still under way when that ended.</summary>
    public (Sample Sample, bool HasCovered) During(string[] fragments, Func<Sample> meanwhile)
    {
        Array.ForEach(fragments, File.Delete);
        Task<Outcome> rebuild = Task.Run(() => pool.Cli(LimitSeconds, "rebuild", pool.Name));
        for (int i = 0; i < 200 && !rebuild.IsCompleted && !IsActive(); i++)
            Thread.Sleep(5);
        Sample sample = meanwhile();
        bool hasCovered = IsActive();
        rebuild.GetAwaiter().GetResult().Succeeded();
        return (sample, hasCovered);
    }

    private string Fragments => Path.Combine(pool.Disks[Disk], ".dynfs", "fragments");

    private bool IsActive()
    {
        using JsonDocument report = Report("rebuild", "status");
        return report.RootElement.GetProperty("isActive").GetBoolean();
    }

    private JsonDocument Report(params string[] verb) => JsonDocument.Parse(pool.Cli(LimitSeconds, [verb[0], pool.Name, .. verb[1..], "--json"]).Output);

    private static Sample Sampled(JsonDocument report, long bytes, string operations, CpuClock spent)
    {
        JsonElement root = report.RootElement;
        double seconds = (root.GetProperty("endedAt").GetDateTimeOffset() - root.GetProperty("startedAt").GetDateTimeOffset()).TotalSeconds;
        return new Sample(new Measurement(seconds, 0, bytes, root.GetProperty(operations).GetInt64()), spent);
    }
}
