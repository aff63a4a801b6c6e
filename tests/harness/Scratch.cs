using System.Diagnostics;

namespace DynamicFs.Harness;

/// <summary>
/// A directory of its own for one run, below DYNFS_TEST_DIR or the temporary directory. Owns a watcher process that ends the run's daemons,
/// unmounts and removes everything as soon as this process is gone, however it went; <see cref="Dispose"/> does the same at once.
/// </summary>
public sealed class Scratch : IDisposable
{
    private readonly Process _watcher;

    public Scratch(string kind, string? parent = null)
    {
        parent ??= Environment.GetEnvironmentVariable("DYNFS_TEST_DIR") ?? System.IO.Path.GetTempPath();
        Path = System.IO.Path.Combine(System.IO.Path.GetFullPath(parent), $"dynfs-{kind}-{Environment.ProcessId}-{Guid.NewGuid():N}"[..40].TrimEnd('-'));
        Directory.CreateDirectory(Path);
        File.WriteAllText(System.IO.Path.Combine(Path, ".dynfs-scratch"), "");
        _watcher = Process.Start(new ProcessStartInfo("/usr/bin/setsid")
        {
            ArgumentList = { Repository.File("tests/harness/reap"), "--when-gone", $"{Environment.ProcessId}", Path },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = "/",
        })!;
    }

    public string Path { get; }

    public string Sub(params string[] parts) => System.IO.Path.Combine([Path, .. parts]);

    public void Dispose()
    {
        Shell.Run([Repository.File("tests/harness/reap"), Path], limitSeconds: 120);
        Shell.KillGroup(_watcher);
        _watcher.Dispose();
        if (Directory.Exists(Path))
            throw new CommandException($"{Path} could not be removed; see 'findmnt' for mounts below it");
    }
}

/// <summary>Where the sources of this build are.</summary>
public static class Repository
{
    public static string Root { get; } = Find();

    public static string File(string relative) => System.IO.Path.Combine(Root, relative);

    private static string Find()
    {
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (System.IO.File.Exists(System.IO.Path.Combine(directory.FullName, "DynamicFs.sln")))
                return directory.FullName;
        }

        throw new CommandException($"no DynamicFs.sln above {AppContext.BaseDirectory}");
    }
}
