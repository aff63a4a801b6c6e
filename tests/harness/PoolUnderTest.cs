using System.Globalization;

namespace DynamicFs.Harness;

/// <summary>
/// One pool made of directories below a scratch directory, driven through the command line tool only, with a state directory of its own.
/// "Pulling" a disk is renaming its directory away while the pool is not mounted. Disposing unmounts, or ends the daemon it started.
/// With DYNFS_TEST_PLAIN=1 the mount point is a plain directory: the tests of the shared mount then test themselves against the local filesystem.
/// </summary>
public sealed class PoolUnderTest : IDisposable
{
    private readonly Dictionary<string, string> _environment;
    private string[] _lastOptions = [];

    public PoolUnderTest(Scratch scratch, string name, int diskCount, string? policy = null)
    {
        Name = name;
        Policy = policy;
        Home = scratch.Sub(name);
        Disks = [.. Enumerable.Range(1, diskCount).Select(number => Path.Combine(Home, $"d{number}"))];
        MountPoint = Path.Combine(Home, "mnt");
        StateDirectory = Path.Combine(Home, "state");
        _environment = new() { ["DYNFS_STATE_DIR"] = StateDirectory };
        foreach (string directory in (string[])[.. Disks, MountPoint, StateDirectory])
            Directory.CreateDirectory(directory);
    }

    public static bool IsPlain { get; } = Environment.GetEnvironmentVariable("DYNFS_TEST_PLAIN") == "1";

    /// <summary>The tool under test: DYNFS_CLI, or the one of this repository.</summary>
    public static string Tool { get; } = Environment.GetEnvironmentVariable("DYNFS_CLI") ?? Repository.File("tools/dynfs");

    /// <summary>The program that this pool is driven with; a build of its own where a test needs one.</summary>
    public string Program { get; init; } = Tool;

    public string Name { get; }
    public string Home { get; }
    public string? Policy { get; }
    public IReadOnlyList<string> Disks { get; }
    public string MountPoint { get; }
    public string StateDirectory { get; }
    public IReadOnlyDictionary<string, string> Variables => _environment;

    /// <summary>A variable of every command, and of the daemons that they start.</summary>
    public void SetVariable(string name, string value) => _environment[name] = value;

    public bool IsMounted => IsPlain || MountedDevice() is not null;

    /// <summary>Runs the tool with this pool's state directory; any exit code.</summary>
    public Outcome Cli(params string[] arguments) => Cli(60, arguments);

    public Outcome Cli(int limitSeconds, params string[] arguments) => Shell.Run([Program, .. arguments], limitSeconds, _environment);

    public PoolUnderTest Create(params string[] options)
    {
        if (!IsPlain)
            TryCreate(options).Succeeded();
        return this;
    }

    public Outcome TryCreate(params string[] options)
    {
        string[] policy = Policy is null ? [] : ["--policy", Policy];
        return Cli(["create", Name, .. Disks, "--allow-same-device", .. policy, .. options]);
    }

    public PoolUnderTest Mount(params string[] options)
    {
        if (!IsPlain)
        {
            _lastOptions = options;
            TryMount(options).Succeeded();
            if (!IsMounted)
                throw new CommandException($"mount returned 0, but nothing is mounted at {MountPoint}");
        }

        return this;
    }

    public Outcome TryMount(params string[] options) => Cli(["mount", Name, MountPoint, .. options]);

    /// <summary>Unmounts and waits for the daemon's end, which <c>umount</c> promises.</summary>
    public void Unmount(int limitSeconds = 60)
    {
        if (IsPlain)
            return;
        Cli(limitSeconds, "umount", MountPoint).Succeeded();
        if (IsMounted)
            throw new CommandException($"umount returned 0, but {MountPoint} is still mounted");
        WaitForDaemonEnd();
    }

    /// <summary>Unmounts and mounts again with the options of the last mount.</summary>
    public void Remount()
    {
        Unmount();
        Mount([.. _lastOptions]);
    }

    /// <summary>Takes a disk out of its place (its directory is renamed); only while the pool is not mounted.</summary>
    public void Pull(int index) => Directory.Move(Disks[index], Disks[index] + ".pulled");

    public void PutBack(int index) => Directory.Move(Disks[index] + ".pulled", Disks[index]);

    /// <summary>What health says is counted every few seconds; a disk that was slow on a busy machine is SUSPECT for a while.</summary>
    public void AwaitHealthy(int limitSeconds = 60)
    {
        DateTime end = DateTime.UtcNow.AddSeconds(limitSeconds);
        for (Outcome health = Cli("health", Name); health.ExitCode != 0; health = Cli("health", Name))
        {
            if (DateTime.UtcNow > end)
                throw new CommandException($"not healthy after {limitSeconds} s:\n{health.Output}");
            Thread.Sleep(300);
        }
    }

    /// <summary>The process that serves the mount: of this pool's state directory and with /dev/fuse open.</summary>
    public int? DaemonProcess() => Processes.WithVariable("DYNFS_STATE_DIR", StateDirectory).Where(Processes.HasFuseOpen).Select(id => (int?)id).FirstOrDefault();

    /// <summary>Kills the daemon as a crash would, then clears the dead mount away.</summary>
    public void Crash()
    {
        if (IsPlain)
            return;
        Shell.KillProcess(DaemonProcess() ?? throw new CommandException("no daemon is running"));
        WaitForDaemonEnd();
        Detach();
    }

    public void WaitForDaemonEnd(int limitSeconds = 30)
    {
        DateTime end = DateTime.UtcNow.AddSeconds(limitSeconds);
        while (DaemonProcess() is int process)
        {
            if (DateTime.UtcNow > end)
                throw new CommandException($"the daemon {process} of {MountPoint} is still there after {limitSeconds} s");
            Thread.Sleep(20);
        }
    }

    public void Dispose()
    {
        if (IsPlain || !IsMounted)
            return;
        try
        {
            Unmount(limitSeconds: 30);
        }
        catch (CommandException)
        {
            Abandon();
        }
    }

    /// <summary>Frees a mount that hangs: aborts its connection, ends its daemon, detaches it.</summary>
    public void Abandon()
    {
        if (MountedDevice() is string device && device.StartsWith("0:", StringComparison.Ordinal))
            Shell.Bash($"echo 1 >/sys/fs/fuse/connections/{device[2..]}/abort || true");
        foreach (int process in Processes.WithVariable("DYNFS_STATE_DIR", StateDirectory))
            Shell.KillProcess(process);
        Detach();
    }

    private void Detach()
    {
        while (MountedDevice() is not null)
            Shell.Run(["umount", "-l", MountPoint]).Succeeded();
    }

    private string? MountedDevice()
    {
        foreach (string line in File.ReadLines("/proc/self/mountinfo"))
        {
            string[] fields = line.Split(' ');
            if (fields[4] == MountPoint)
                return fields[2];
        }

        return null;
    }
}

/// <summary>What /proc tells about processes.</summary>
public static class Processes
{
    public static IEnumerable<int> WithVariable(string name, string value)
    {
        string wanted = $"{name}={value}";
        foreach (string directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory), CultureInfo.InvariantCulture, out int process)
                && Read($"{directory}/environ").Split('\0').Contains(wanted))
                yield return process;
        }
    }

    public static bool HasFuseOpen(int process)
    {
        try
        {
            return Directory.EnumerateFiles($"/proc/{process}/fd").Any(link => new FileInfo(link).LinkTarget == "/dev/fuse");
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>A number of /proc/PID/status, in its unit there (KiB for memory); 0 when the process is gone.</summary>
    public static long StatusValue(int process, string name)
    {
        string? line = Read($"/proc/{process}/status").Split('\n').FirstOrDefault(text => text.StartsWith(name + ":", StringComparison.Ordinal));
        string digits = new([.. (line ?? "").Where(char.IsAsciiDigit)]);
        return digits.Length == 0 ? 0 : long.Parse(digits, CultureInfo.InvariantCulture);
    }

    public static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
