using System.Diagnostics;
using System.Globalization;
using DynamicFs.Harness;

namespace DynamicFs.MountTests;

/// <summary>A process that writes file after file and syncs each, whatever happens to the disks. Every file that it counted must be there then, with every byte.</summary>
internal sealed class SteadyWriter : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly string _directory;
    private readonly string _count;
    private readonly string _stop;

    public SteadyWriter(PoolUnderTest pool, string name = "steady")
    {
        (_directory, _count, _stop) = ($"{pool.MountPoint}/{name}", $"{pool.Home}/{name}.count", $"{pool.Home}/{name}.stop");
        _process = Shell.Start(["bash", "-c", $"""
            mkdir {_directory} || exit 1
            for ((i = 0; ; i++)); do
                seq $i 7 99999999 | head -c 700001 >{_directory}/f$i && sync {_directory}/f$i || exit 1
                echo $((i + 1)) >{_count}.new && mv {_count}.new {_count}
                [ ! -e {_stop} ] || exit 0
                sleep 0.05
            done
            """]);
    }

    public int Count => File.Exists(_count) ? int.Parse(File.ReadAllText(_count), CultureInfo.InvariantCulture) : 0;

    /// <summary>Waits until so many more files are durable.</summary>
    public void AwaitMore(int files)
    {
        int wanted = Count + files;
        DateTime end = DateTime.UtcNow + s_limit;
        while (Count < wanted)
        {
            if (_process.HasExited)
                throw new CommandException($"the writer ended with {_process.ExitCode} after {Count} files: {_process.StandardError.ReadToEnd()}");
            if (DateTime.UtcNow > end)
                throw new CommandException($"the writer stands still: {Count} files, not {wanted}, within {s_limit.TotalSeconds} s");
            Thread.Sleep(50);
        }
    }

    /// <summary>Ends it; not one write may have failed.</summary>
    public void Stop()
    {
        File.WriteAllText(_stop, "");
        if (!_process.WaitForExit(s_limit) || _process.ExitCode != 0)
            throw new CommandException($"the writer failed after {Count} files: {(_process.HasExited ? _process.StandardError.ReadToEnd() : "it hangs")}");
    }

    public void Check() => Shell.Bash($"set +o pipefail; for ((i = 0; i < {Count}; i++)); do seq $i 7 99999999 | head -c 700001 | cmp - {_directory}/f$i || exit 1; done", limitSeconds: 120).Succeeded();

    public void Dispose()
    {
        if (!_process.HasExited)
            Shell.KillGroup(_process);
        _process.Dispose();
    }
}
