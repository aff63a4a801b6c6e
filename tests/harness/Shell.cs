using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace DynamicFs.Harness;

/// <summary>How a command ended. <paramref name="StreamsHeld"/>: something it started still held its output when it had ended.</summary>
public sealed record Outcome(string Command, int ExitCode, string Output, string Error, TimeSpan Elapsed, bool StreamsHeld)
{
    /// <summary>Itself when the command returned 0, else an exception that shows everything.</summary>
    public Outcome Succeeded() => Returned(0);

    public Outcome Returned(int exitCode) => ExitCode == exitCode
        ? this
        : throw new CommandException($"exit code {ExitCode} instead of {exitCode}: {Command}\n{Tail(Output)}\n{Tail(Error)}");

    private static string Tail(string text) => text.Length <= 4000 ? text : "..." + text[^4000..];
}

/// <summary>A command did not do what it should, or not in time.</summary>
public sealed class CommandException(string message) : Exception(message);

/// <summary>
/// Runs commands in child processes, each in a process group of its own and with a time limit, so that a hanging filesystem costs a failed
/// test and never the test run. This process itself never touches a mount.
/// </summary>
public static partial class Shell
{
    private const int SignalKill = 9;
    private static readonly TimeSpan StreamGrace = TimeSpan.FromSeconds(2);

    public static Outcome Bash(string script, int limitSeconds = 60, IReadOnlyDictionary<string, string>? environment = null)
        => Run(["bash", "-c", "set -euo pipefail\n" + script], limitSeconds, environment);

    public static Outcome Run(IReadOnlyList<string> command, int limitSeconds = 60, IReadOnlyDictionary<string, string>? environment = null)
    {
        string text = string.Join(' ', command);
        var clock = Stopwatch.StartNew();
        using Process process = Start(command, environment);
        process.StandardInput.Close();
        Task<string> output = Drain(process.StandardOutput);
        Task<string> error = Drain(process.StandardError);
        if (!process.WaitForExit(TimeSpan.FromSeconds(limitSeconds)))
        {
            KillGroup(process);
            throw new CommandException($"not done after {limitSeconds} s: {text}\n{Finished(output)}\n{Finished(error)}");
        }

        TimeSpan elapsed = clock.Elapsed;
        bool ended = Task.WaitAll([output, error], StreamGrace);
        return new Outcome(text, process.ExitCode, Finished(output), Finished(error), elapsed, StreamsHeld: !ended);
    }

    /// <summary>Starts a command that the caller talks to and ends with <see cref="KillGroup"/>.</summary>
    public static Process Start(IReadOnlyList<string> command, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo("/usr/bin/setsid")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.Latin1,
            StandardErrorEncoding = Encoding.UTF8,
            WorkingDirectory = "/",
        };
        foreach (string argument in command)
            start.ArgumentList.Add(argument);
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        return Process.Start(start) ?? throw new CommandException($"cannot start {command[0]}");
    }

    /// <summary>Ends the command and all it started in its group; gives up waiting after a while, because a process inside a dead mount cannot end.</summary>
    public static void KillGroup(Process process)
    {
        _ = Kill(-process.Id, SignalKill);
        process.WaitForExit(TimeSpan.FromSeconds(5));
    }

    public static void KillProcess(int processId, int signal = SignalKill) => _ = Kill(processId, signal);

    /// <summary>One word for bash, whatever it contains.</summary>
    public static string Quote(string word) => "'" + word.Replace("'", "'\\''", StringComparison.Ordinal) + "'";

    // Read in pieces, so that what came before a time limit can be shown.
    private static Task<string> Drain(StreamReader reader)
    {
        var text = new StringBuilder();
        return Task.Factory.StartNew(
            state =>
            {
                char[] buffer = new char[4096];
                for (int count = reader.Read(buffer); count > 0; count = reader.Read(buffer))
                    lock (text)
                        text.Append(buffer, 0, count);
                return text.ToString();
            },
            text,
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
    }

    private static string Finished(Task<string> drained)
    {
        var text = (StringBuilder)drained.AsyncState!;
        lock (text)
            return text.ToString();
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int processId, int signal);
}
