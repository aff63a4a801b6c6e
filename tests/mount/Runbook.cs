using System.Text.RegularExpressions;
using DynamicFs.Harness;

namespace DynamicFs.MountTests;

/// <param name="Text">The command as it is written.</param>
/// <param name="Note">What stands behind it, two spaces away.</param>
/// <param name="ExitCodes">Those that the note names; 0 when it names none.</param>
internal sealed record RunbookCommand(string Text, string Note, IReadOnlyList<int> ExitCodes);

/// <summary>
/// The commands of a page of docs/operations, in order: every line of its indented blocks. A test runs them one after the other as they are written; names that stand for the
/// reader's own (the pool, paths) are replaced by those of a real pool. What a note says of the exit code must come true, and none may be left at the end.
/// </summary>
internal sealed partial class Runbook
{
    private readonly PoolUnderTest _pool;
    private readonly Queue<RunbookCommand> _left;
    private readonly Dictionary<string, string> _names;

    public Runbook(string name, PoolUnderTest pool)
    {
        _pool = pool;
        _left = new(Parse(File.ReadAllText(Repository.File($"docs/operations/{name}.md"))));
        _names = new() { ["/data"] = pool.MountPoint };
    }

    public static IEnumerable<RunbookCommand> Parse(string text)
    {
        foreach (Match match in CommandLine().Matches(text))
        {
            string note = match.Groups["note"].Value;
            int[] codes = ExitCodes().Match(note) is { Success: true } found ? [.. found.Groups["code"].Captures.Select(code => int.Parse(code.Value, System.Globalization.CultureInfo.InvariantCulture))] : [0];
            yield return new RunbookCommand(match.Groups["command"].Value, note, codes);
        }
    }

    /// <summary>A path of the page stands for this one.</summary>
    public Runbook Where(string name, string path)
    {
        _names[name] = path;
        return this;
    }

    /// <summary>Runs the next command, which must be this one.</summary>
    public Outcome Run(string command, int limitSeconds = 120)
    {
        RunbookCommand next = Next(command);
        Outcome outcome = Run(next, limitSeconds);
        return next.ExitCodes.Contains(outcome.ExitCode) ? outcome : outcome.Returned(next.ExitCodes[0]);
    }

    /// <summary>Runs the next command again and again, for a minute and a half, until its output is as it should be.</summary>
    public void RunUntil(string command, Func<Outcome, bool> isReached)
    {
        RunbookCommand next = Next(command);
        DateTime end = DateTime.UtcNow.AddSeconds(90);
        for (Outcome outcome = Run(next, 60); !(next.ExitCodes.Contains(outcome.ExitCode) && isReached(outcome)); outcome = Run(next, 60))
        {
            if (DateTime.UtcNow > end)
                throw new CommandException($"'{next.Text}' never says what the runbook promises ({next.Note}):\n{outcome.Output}");
            Thread.Sleep(500);
        }
    }

    public void AssertDone()
    {
        if (_left.Count > 0)
            throw new CommandException($"commands of the runbook that were not run: {string.Join("; ", _left.Select(command => command.Text))}");
    }

    private RunbookCommand Next(string command)
    {
        RunbookCommand next = _left.Count > 0 ? _left.Dequeue() : throw new CommandException($"the runbook has no '{command}' any more");
        return next.Text == command ? next : throw new CommandException($"the runbook says '{next.Text}' where the test expects '{command}'");
    }

    private Outcome Run(RunbookCommand command, int limitSeconds)
    {
        string text = Regex.Replace(command.Text, @"^dynfs\b", PoolUnderTest.Tool);
        text = Regex.Replace(text, @"(?<![\w/-])tank(?![\w/-])", _pool.Name);
        foreach ((string name, string path) in _names)
            text = Regex.Replace(text, $@"(?<!\S){Regex.Escape(name)}(?!\S)", path);
        return Shell.Run(["bash", "-c", text], limitSeconds, _pool.Variables);
    }

    [GeneratedRegex(@"^ {4,}(?<command>\S+( \S+)*)( {2,}(?<note>\S.*?))? *$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex CommandLine();

    [GeneratedRegex(@"exit code (?<code>\d+)( or (?<code>\d+))*", RegexOptions.ExplicitCapture)]
    private static partial Regex ExitCodes();
}
