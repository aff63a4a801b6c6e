using System.Diagnostics;
using DynamicFs.Harness;

namespace DynamicFs.KillTests.Workloads;

/// <summary>
/// A process that works in the mount and says "done NAME" whenever something is durable by its own rules. Keeps what was said, outside of the pool. A thread
/// of its own may tell it what to do next.
/// </summary>
internal sealed class Speaker
{
    private readonly Process _process;
    private readonly List<string> _done = [];
    private readonly Thread _listener;
    private readonly string _name;
    private volatile bool _isEnding;
    private bool _hasEnded;

    /// <param name="next">What to write to the process at the start (null), and after each line that it said; null for nothing.</param>
    public Speaker(string name, string directory, string script, Func<string?, string?> next)
    {
        _name = name;
        _process = Shell.Start(["bash", "-c", $"cd {directory} && {script}"]);
        _listener = new Thread(() => Listen(next)) { Name = name, IsBackground = true };
        _listener.Start();
    }

    /// <summary>It ended while nobody expected it to.</summary>
    public string? Failure { get; private set; }

    public IReadOnlyList<string> Done
    {
        get
        {
            lock (_done)
                return [.. _done];
        }
    }

    public void ExpectEnd() => _isEnding = true;

    public void End()
    {
        if (_hasEnded)
            return;
        _hasEnded = true;
        Shell.KillGroup(_process);
        _listener.Join();
        _process.Dispose();
    }

    private void Listen(Func<string?, string?> next)
    {
        try
        {
            Tell(next(null));
            while (_process.StandardOutput.ReadLine() is { } line)
            {
                if (!line.StartsWith("done ", StringComparison.Ordinal))
                    continue;
                lock (_done)
                    _done.Add(line["done ".Length..]);
                Tell(next(line));
            }
        }
        catch (IOException)
        {
            // It is gone and cannot be told anything.
        }

        if (!_isEnding)
            Failure = $"{_name} ended: {_process.StandardError.ReadToEnd()}";
    }

    private void Tell(string? text)
    {
        if (text is null)
            return;
        _process.StandardInput.WriteLine(text);
        _process.StandardInput.Flush();
    }
}
