using System.Runtime.InteropServices;
using DynamicFs.Harness;

namespace DynamicFs.Bench;

/// <summary>
/// Measures a pool of six directories (the default policy) against the plain filesystem that these directories lie on: the same client program in the
/// same run, rounds interleaved, medians. <c>tools/bench --help</c> says how to call it; docs/performance.md says what the rows mean.
/// </summary>
internal static class Program
{
    private const string Usage = """
        usage: tools/bench [--quick] [--json] [--only NAME] [--rounds N] [--dir DIRECTORY]

          --quick      smaller amounts, ends within 5 minutes
          --json       results as JSON on standard output (progress goes to standard error)
          --only NAME  one row: seq-write seq-read random-read-4k random-write-4k-fsync32 create-4k create-fsync stat read-small delete
                       git-clone untar mount scrub rebuild read-p99-rebuild
          --rounds N   rounds of each row (default 5, with --quick 3)
          --dir DIR    where to make the scratch directory (default /var/tmp); its filesystem is the one compared with

        Needs root (drops the page cache, mounts). Removes everything it made, also when it is interrupted.
        """;

    private static int Main(string[] arguments)
    {
        if (arguments is ["client", ..])
            return Client.Run(arguments[1..]);
        if (arguments.Contains("--help"))
        {
            Console.WriteLine(Usage);
            return 0;
        }

        if (Settings.Parse(arguments) is not { } settings)
        {
            Console.Error.WriteLine(Usage);
            return 2;
        }

        using var scratch = new Scratch("bench", settings.Directory);
        using PosixSignalRegistration interrupt = OnSignal(PosixSignal.SIGINT, scratch), terminate = OnSignal(PosixSignal.SIGTERM, scratch), hangUp = OnSignal(PosixSignal.SIGHUP, scratch);
        using var run = new Run(settings, scratch);
        Results results = run.All();
        Console.WriteLine(settings.Json ? results.ToJson() : results.ToTable());
        return 0;
    }

    private static PosixSignalRegistration OnSignal(PosixSignal signal, Scratch scratch) => PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true;
        Console.Error.WriteLine("bench: interrupted, removing what was made");
        scratch.Dispose();
        Environment.Exit(130);
    });
}

/// <summary>What was asked for, and the amounts that follow from it.</summary>
internal sealed record Settings(bool Quick, bool Json, string? Only, int Rounds, string Directory)
{
    public static readonly string[] Names =
    [
        "seq-write", "seq-read", "random-read-4k", "random-write-4k-fsync32", "create-4k", "create-fsync", "stat", "read-small", "delete", "git-clone", "untar", "mount", "scrub", "rebuild", "read-p99-rebuild",
    ];

    public long StreamBytes => Quick ? 512L << 20 : 1L << 30;
    public int RandomReads => Quick ? 2000 : 5000;
    public int RandomWrites => Quick ? 1024 : 4096;
    public int SmallFiles => 10_000;
    public int SyncedFiles => Quick ? 300 : 1000;
    public int RepositoryFiles => 20_000;
    public int ArchiveFiles => 5_000;
    public int MountedFiles => 100_000;

    /// <summary>Of the file that is read while another one is rebuilt.</summary>
    public long ReadBytes => Quick ? 128L << 20 : 256L << 20;

    /// <summary>Time after which a group of rows gets no further round.</summary>
    public TimeSpan GroupBudget => Quick ? TimeSpan.FromSeconds(12) : TimeSpan.FromMinutes(10);

    public int MaintenanceRounds => Quick ? 1 : Rounds;

    public bool Wants(params string[] names) => Only is null || names.Contains(Only);

    public static Settings? Parse(string[] arguments)
    {
        var settings = new Settings(arguments.Contains("--quick"), false, null, arguments.Contains("--quick") ? 3 : 5, "/var/tmp");
        for (int index = 0; index < arguments.Length; index++)
        {
            string? value = index + 1 < arguments.Length ? arguments[index + 1] : null;
            switch (arguments[index])
            {
                case "--quick":
                    break;
                case "--json":
                    settings = settings with { Json = true };
                    break;
                case "--only" when Names.Contains(value):
                    settings = settings with { Only = value };
                    index++;
                    break;
                case "--rounds" when int.TryParse(value, out int rounds) && rounds > 0:
                    settings = settings with { Rounds = rounds };
                    index++;
                    break;
                case "--dir" when System.IO.Directory.Exists(value):
                    settings = settings with { Directory = value! };
                    index++;
                    break;
                default:
                    Console.Error.WriteLine($"bench: {arguments[index]} {value}: not understood");
                    return null;
            }
        }

        return settings;
    }
}
