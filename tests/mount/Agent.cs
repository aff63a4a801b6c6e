using System.Diagnostics;
using System.Globalization;
using System.Text;
using DynamicFs.Harness;

namespace DynamicFs.MountTests;

/// <summary>An answer of the agent: a value, or the errno of the failed call.</summary>
internal sealed record Answer(long Value, string Text, bool IsError);

/// <summary>A client process that does one file operation a line, so that a model in this process can compare step by step. Every answer has a time limit.</summary>
internal sealed class Agent : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly Process _process;
    private readonly Stream _answers;

    public Agent(MountRun run, string directory)
    {
        _process = Shell.Start(run.ClientCommand("agent", directory));
        _answers = new BufferedStream(_process.StandardOutput.BaseStream, 1 << 16);
    }

    public Answer Do(string line)
    {
        using var deadline = new Timer(_ => Shell.KillGroup(_process), null, Limit, Timeout.InfiniteTimeSpan);
        _process.StandardInput.WriteLine(line);
        _process.StandardInput.Flush();
        return Parse(line, ReadLine(line));
    }

    /// <summary>An operation that must succeed; its value.</summary>
    public long Done(string line)
    {
        Answer answer = Do(line);
        return answer.IsError ? throw new CommandException($"{line}: errno {answer.Value}") : answer.Value;
    }

    /// <summary>An operation that answers with bytes.</summary>
    public byte[] Bytes(string line)
    {
        using var deadline = new Timer(_ => Shell.KillGroup(_process), null, Limit, Timeout.InfiniteTimeSpan);
        byte[] bytes = new byte[Done(line)];
        _answers.ReadExactly(bytes);
        return bytes;
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(TimeSpan.FromSeconds(10)))
            Shell.KillGroup(_process);
        _process.Dispose();
    }

    private static Answer Parse(string line, string answer)
    {
        string[] words = answer.Split(' ', 2);
        string rest = words.Length > 1 ? words[1] : "";
        _ = long.TryParse(rest, CultureInfo.InvariantCulture, out long value);
        return words[0] is "ok" or "error" ? new Answer(value, rest, words[0] == "error") : throw new CommandException($"{line}: answer '{answer}'");
    }

    private string ReadLine(string line)
    {
        var text = new StringBuilder();
        for (int next = _answers.ReadByte(); next != '\n'; next = _answers.ReadByte())
        {
            if (next < 0)
                throw new CommandException($"the client ended or was ended at: {line}\n{_process.StandardError.ReadToEnd()}");
            text.Append((char)next);
        }

        return text.ToString();
    }
}
