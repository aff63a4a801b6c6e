using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging;

namespace DynamicFs.CrashTests;

/// <summary>The campaign as a program: <c>tools/crash-campaign</c>. Exit code 0: nothing found; 1: violations, or a canary that was not caught; 2: wrong arguments.</summary>
internal static class Program
{
    private static readonly JsonSerializerOptions s_json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, WriteIndented = true };

    private static int Main(string[] arguments)
    {
        CampaignArguments? options = CampaignArguments.Parse(arguments, out string problem);
        if (options is null)
        {
            Console.Error.WriteLine($"crash-campaign: {problem}\n{CampaignArguments.Usage}");
            return 2;
        }

        CampaignMemory.KeepFreed();
        try
        {
            return options.Canaries ? RunCanaries(options) : RunOne(options);
        }
        catch (FormatException e)
        {
            Console.Error.WriteLine($"crash-campaign: {e.Message}");
            return 2;
        }
    }

    private static int RunOne(CampaignArguments options)
    {
        if (options.Canary is { } name)
            SetCanary(name);
        if (options.Replay is { At.Count: > 0 } single && !options.Json)
        {
            EnginePool.Log = new ErrorLog();
            foreach (Damage damage in single.Damages.Where(damage => damage.Kind == DamageKind.FailsInRecovery))
                Console.Error.WriteLine(StateDamage.FaultOf(damage));
        }

        var campaign = options.Canary is null
            ? new CrashCampaign { MaxViolations = 8, Threads = options.Threads }
            : new CrashCampaign { MaxViolations = 1, Threads = options.Threads, StatesPerPoint = CrashCampaign.StatesPerPointOfHunt };
        CampaignReport report = options.Replay is { } replayed ? campaign.Replay(replayed) : campaign.Run(options.Seed, options.States, options.Time);
        var violations = report.Violations.Select(violation => options.Shrink && violation.Case is not null ? CaseShrinker.Shrink(violation, TimeSpan.FromSeconds(60)) : violation).ToList();
        if (options.Json)
        {
            Console.WriteLine(JsonSerializer.Serialize(
                new
                {
                    report.States,
                    report.Judgements,
                    report.CrashPoints,
                    report.Runs,
                    report.Faults,
                    report.Maintenance,
                    report.StatesWithMissingDisks,
                    report.StatesWithOwnMoments,
                    report.LaterLives,
                    report.CrashPointKinds,
                    Violations = violations.Select(violation => new { violation.Reproduce, violation.What }),
                    StatesPerSecond = Math.Round(report.StatesPerSecond, 1),
                    Seconds = Math.Round(report.Seconds, 1),
                    options.Seed,
                },
                s_json));
        }
        else
        {
            Console.WriteLine(Summary(report, options.Seed));
            foreach (CrashViolation violation in violations)
                Console.WriteLine($"VIOLATION, to see it again: tools/crash-campaign --replay '{violation.Reproduce}'\n{violation.What}\n");
        }

        return violations.Count > 0 ? 1 : 0;
    }

    public static string Summary(CampaignReport report, int seed) =>
        $"seed {seed}: {report.States} states ({report.Judgements} judgements) at {report.CrashPoints} crash points of {report.Runs} workloads ({report.LaterLives} power cuts or restarts in them), {report.StatesPerSecond:f0} states/s, "
        + $"{report.Violations.Count} violations\nfaults on top: {string.Join(", ", report.Faults.Select(fault => $"{fault.Key} {fault.Value}"))}\n"
        + $"maintenance: {string.Join(", ", report.Maintenance.Select(kind => $"{kind.Key} {kind.Value}"))}\n"
        + $"crash points: {string.Join(", ", report.CrashPointKinds.Select(kind => $"{kind.Key} {kind.Value}"))}";

    private static int RunCanaries(CampaignArguments options)
    {
        if (Canary.All.Count == 0)
            throw new FormatException("this build has no canaries; tools/crash-campaign --canary makes one that has");
        var results = new List<object>();
        bool isEachCaught = true;
        foreach (string name in Canary.All)
        {
            SetCanary(name);
            CampaignReport report = new CrashCampaign { MaxViolations = 1, Threads = options.Threads, StatesPerPoint = CrashCampaign.StatesPerPointOfHunt }.Run(options.Seed, options.States, options.Time);
            bool isCaught = report.Violations.Count > 0;
            isEachCaught &= isCaught;
            results.Add(new { Name = name, Caught = isCaught, report.States, Seconds = Math.Round(report.Seconds, 1), What = isCaught ? report.Violations[0].What.Split('\n')[0] : "" });
        }

        Console.WriteLine(JsonSerializer.Serialize(new { Canaries = results }, s_json));
        return isEachCaught ? 0 : 1;
    }

    private static void SetCanary(string name)
    {
#if DYNFS_CANARY
        if (!Canary.All.Contains(name))
            throw new FormatException($"'{name}' is no canary; there are {string.Join(", ", Canary.All)}");
        Canary.Alive = name;
#else
        throw new FormatException($"this build has no canaries, '{name}' cannot be set; tools/crash-campaign makes one that has");
#endif
    }
}

/// <summary>The engine's log, on standard error.</summary>
internal sealed class ErrorLog : ILogger
{
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Console.Error.WriteLine($"{logLevel}: {formatter(state, exception)} {exception?.Message}");
}

/// <summary>What the command line says.</summary>
internal sealed record CampaignArguments
{
    public const string Usage = "usage: crash-campaign [--seconds N | --states N] [--seed S] [--replay LINE] [--canary | --canary-one NAME] [--threads N] [--no-shrink] [--json]";

    public long States { get; private set; } = long.MaxValue;
    public TimeSpan Time { get; private set; } = TimeSpan.FromSeconds(60);
    public int Seed { get; private set; } = 1;
    public int Threads { get; private set; } = 2;
    public CrashCase? Replay { get; private set; }
    public bool Canaries { get; private set; }
    public string? Canary { get; private set; }
    public bool Json { get; private set; }
    public bool Shrink { get; private set; } = true;

    public static CampaignArguments? Parse(string[] arguments, out string problem)
    {
        var options = new CampaignArguments();
        problem = "";
        for (int i = 0; i < arguments.Length && problem.Length == 0; i++)
        {
            string? value = i + 1 < arguments.Length ? arguments[i + 1] : null;
            switch (arguments[i])
            {
                case "--json":
                    options.Json = true;
                    break;
                case "--no-shrink":
                    options.Shrink = false;
                    break;
                case "--canary":
                    options.Canaries = true;
                    break;
                case "--seconds" or "--states" or "--seed" or "--threads" or "--replay" or "--canary-one" when value is null:
                    problem = $"{arguments[i]} needs a value";
                    break;
                case "--seconds" or "--states" or "--seed" or "--threads" or "--replay" or "--canary-one":
                    problem = options.Set(arguments[i++], value!);
                    break;
                default:
                    problem = $"'{arguments[i]}' is no option";
                    break;
            }
        }

        if (problem.Length == 0 && options is { Canaries: true } && (options.Canary is not null || options.Replay is not null))
            problem = "--canary does not go with --canary-one or --replay";
        return problem.Length == 0 ? options : null;
    }

    private string Set(string name, string value)
    {
        if (name == "--canary-one")
        {
            Canary = value;
            return "";
        }

        if (name == "--replay")
        {
            Replay = CrashCase.Parse(value, out string problem);
            return problem;
        }

        bool isSeed = name == "--seed";
        if (!long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long number) || number > int.MaxValue || (number == 0 && !isSeed))
            return $"{name} needs a whole number {(isSeed ? "from 0" : "above 0")}, not '{value}'";
        switch (name)
        {
            case "--seconds":
                Time = TimeSpan.FromSeconds(number);
                break;
            case "--states":
                (States, Time) = (number, TimeSpan.FromDays(1));
                break;
            case "--seed":
                Seed = (int)number;
                break;
            default:
                Threads = (int)Math.Min(number, 64);
                break;
        }

        return "";
    }
}

/// <summary>The allocator keeps what is freed: a pool is opened for every state, and fresh pages cost more than all the rest.</summary>
internal static partial class CampaignMemory
{
    private const int TrimThreshold = -1;
    private const int MmapThreshold = -3;
    private const int LargestMmapThreshold = 32 << 20;

    public static void KeepFreed()
    {
        _ = SetOption(MmapThreshold, LargestMmapThreshold);
        _ = SetOption(TrimThreshold, 1 << 30);
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetOption(int option, int value);
}
