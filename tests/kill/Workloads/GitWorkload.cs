using DynamicFs.Harness;
using DynamicFs.KillTests.Campaign;

namespace DynamicFs.KillTests.Workloads;

/// <summary>
/// A repository in which commits are made in a loop with core.fsync=all. Git syncs files, not directories, so the loop syncs one before it says that a commit is
/// done. After a crash: fsck --strict finds nothing, every commit that was said to be done is reachable, and work goes on.
/// </summary>
internal sealed class GitWorkload : IWorkload
{
    private const string Name = "git";
    private const string Identity = "export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b HOME=/nonexistent; ";

    private const string Loop = """
        for i in $(seq 1000000); do
            for f in 1 2 3; do echo "$RANDOM $i" >>"file-$((RANDOM % 20))"; done
            git add -A && git commit -qm "$i" && sync . && made=$(git rev-parse HEAD) && echo "done $made" || exit 1
        done
        """;

    private readonly HashSet<string> _commits = [];
    private Speaker? _speaker;

    public void Prepare(string mountPoint) => Git(mountPoint,
        "git init -q . && git config core.fsync all && git config core.fsyncMethod fsync && git config gc.auto 150 && git config gc.autoDetach false && git config safe.directory '*'",
        $"mkdir {mountPoint}/{Name};");

    public void Start(string mountPoint) => _speaker = new Speaker(Name, $"{mountPoint}/{Name}", Identity + Loop, _ => null);

    public void ExpectEnd() => _speaker?.ExpectEnd();

    public void Join()
    {
        if (_speaker is null)
            return;
        _speaker.End();
        _commits.UnionWith(_speaker.Done);
    }

    public string? Failure(bool daemonEndedItself) => daemonEndedItself ? null : _speaker?.Failure;

    public IReadOnlyList<string> Judge(string mountPoint, IReadOnlyList<long> commits, Tally tally)
    {
        // Locks of a process that is no more, as a user would remove them after a crash.
        Git(mountPoint, "find .git -name '*.lock' -delete");
        var violations = new List<string>();
        Outcome check = Run(mountPoint, "git fsck --strict --full --no-dangling");
        if (check.ExitCode != 0)
            violations.Add($"git fsck: exit code {check.ExitCode}\n{check.Output}{check.Error}");
        if (_commits.Count == 0)
            return violations;
        HashSet<string> there = [.. Git(mountPoint, "git rev-list HEAD").Split('\n', StringSplitOptions.RemoveEmptyEntries)];
        string[] lost = [.. _commits.Where(commit => !there.Contains(commit))];
        if (lost.Length > 0)
            violations.Add($"git: {lost.Length} of {_commits.Count} commits are not reachable: {string.Join(' ', lost.Take(10))}");
        Git(mountPoint, "git status --porcelain");
        tally.TransactionsCommitted = tally.NoteTotal(Name, _commits.Count);
        tally.TransactionsLost += lost.Length;
        return violations;
    }

    private static string Git(string mountPoint, string command, string before = "") => Run(mountPoint, command, before).Succeeded().Output;

    private static Outcome Run(string mountPoint, string command, string before = "") =>
        Shell.Bash($"{Identity} {before} cd {mountPoint}/{Name} && {{ {command}; }}", 120);
}
