using System.Globalization;
using System.Text.Json;

namespace DynamicFs.Fuzz;

/// <summary>The fuzz campaign: every target, one after the other. Exit code 1 when any failed, 2 for a wrong call.</summary>
internal static class Program
{
    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    private const string Usage = "usage: tools/fuzz-campaign [--inputs N] [--seconds N] [--seed S] [--only NAME] [--input I] [--keep DIRECTORY] [--list] [--json]";

    private static int Main(string[] arguments)
    {
        if (!Options.TryParse(arguments, out Options options) || (options.Only is not null && FuzzTargets.Find(options.Only) is null))
        {
            Console.Error.WriteLine(Usage);
            return 2;
        }

        IReadOnlyList<FuzzTarget> targets = options.Only is null ? FuzzTargets.All : [FuzzTargets.Find(options.Only)!];
        if (options.IsList)
        {
            foreach (FuzzTarget target in targets)
                Console.WriteLine(target.Name);
            return 0;
        }

        var results = targets.Select(target => Run(target, options)).ToList();
        if (options.IsJson)
            Console.WriteLine(JsonSerializer.Serialize(new { seed = options.Seed, targets = results }, s_indented));
        return results.TrueForAll(result => result.failure is null) ? 0 : 1;
    }

    private static Result Run(FuzzTarget target, Options options)
    {
        var run = new FuzzRun(target, options.Seed);
        long first = options.Input < 0 ? 0 : target.KeepsState ? options.Input / target.SessionInputs * target.SessionInputs : options.Input;
        long count = options.Input < 0 ? options.Inputs : options.Input + 1 - first;
        FuzzFailure? failure = run.Run(first, count, options.Limit);
        string? kept = failure is not null && options.Keep is not null ? KeptInputs.Keep(options.Keep, failure) : null;
        if (failure is not null)
            Console.Error.WriteLine($"{failure.Line}\n{failure.What}\n{(kept is null ? "" : $"kept as {kept}")}");
        if (!options.IsJson)
            Console.WriteLine($"{target.Name,-20} {run.InputCount,9} inputs {run.AcceptedCount,9} accepted {run.Seconds,8:f1} s  most {run.MostAllocatedBytes,9} bytes  {(failure is null ? "ok" : "FAILED")}");
        return new Result(target.Name, run.InputCount, run.AcceptedCount, Math.Round(run.Seconds, 2), run.MostAllocatedBytes, failure?.Line);
    }

#pragma warning disable IDE1006 // Members are names in the JSON.
    private sealed record Result(string name, long inputs, long accepted, double seconds, long mostAllocatedBytes, string? failure);
#pragma warning restore IDE1006

    private sealed record Options(long Inputs, TimeSpan Limit, int Seed, string? Only, long Input, string? Keep, bool IsList, bool IsJson)
    {
        public static bool TryParse(string[] arguments, out Options options)
        {
            options = new Options(1_000_000, TimeSpan.MaxValue, 1, null, -1, null, false, false);
            for (int i = 0; i < arguments.Length; i++)
            {
                if (arguments[i] is "--list" or "--json")
                {
                    options = arguments[i] == "--list" ? options with { IsList = true } : options with { IsJson = true };
                    continue;
                }

                if (i + 1 == arguments.Length || !TrySet(ref options, arguments[i], arguments[i + 1]))
                    return false;
                i++;
            }

            return true;
        }

        private static bool TrySet(ref Options options, string name, string value)
        {
            bool isNumber = long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long number);
            options = name switch
            {
                "--inputs" when isNumber => options with { Inputs = number },
                "--seconds" when isNumber => options with { Limit = TimeSpan.FromSeconds(number) },
                "--seed" when isNumber && number <= int.MaxValue => options with { Seed = (int)number },
                "--input" when isNumber => options with { Input = number },
                "--only" => options with { Only = value },
                "--keep" => options with { Keep = value },
                _ => null!,
            };
            return options is not null;
        }
    }
}
