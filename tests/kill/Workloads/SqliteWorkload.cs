using System.Globalization;
using DynamicFs.Harness;
using DynamicFs.KillTests.Campaign;

namespace DynamicFs.KillTests.Workloads;

/// <summary>
/// A database with two concurrent writers. Every transaction inserts a row and counts it in another table. After a crash: the database is whole, every transaction
/// that was committed is there, nothing but the one in flight per writer is there besides, and rows and count agree.
/// </summary>
/// <param name="synchronous">FULL promises durability at COMMIT, but with the journal mode DELETE that takes EXTRA (SQLite's documentation of the pragma).</param>
internal sealed class SqliteWorkload(string journalMode, string synchronous) : IWorkload
{
    private const int WriterCount = 2;

    private readonly long[] _last = new long[WriterCount];
    private readonly HashSet<string> _committed = [];
    private Speaker[] _writers = [];

    private string Name => $"sqlite-{journalMode.ToLowerInvariant()}";

    public void Prepare(string mountPoint) => Query(mountPoint,
        $"PRAGMA journal_mode={journalMode}; CREATE TABLE t(writer INT, n INT, body TEXT, PRIMARY KEY(writer, n)); CREATE INDEX bodies ON t(body); "
        + "CREATE TABLE counts(n INT); INSERT INTO counts VALUES(0);", $"mkdir {mountPoint}/{Name};");

    public void Start(string mountPoint) => _writers = [.. Enumerable.Range(0, WriterCount).Select(writer => new Speaker(
        $"{Name} writer {writer}", $"{mountPoint}/{Name}", "exec sqlite3 -batch t.db 2>&1 >/dev/stdout", said => Next(writer, isFirst: said is null)))];

    public void ExpectEnd()
    {
        foreach (Speaker writer in _writers)
            writer.ExpectEnd();
    }

    public void Join()
    {
        foreach (Speaker writer in _writers)
        {
            writer.End();
            _committed.UnionWith(writer.Done);
        }
    }

    public string? Failure(bool daemonEndedItself) => daemonEndedItself ? null : _writers.Select(writer => writer.Failure).FirstOrDefault(failure => failure is not null);

    public IReadOnlyList<string> Judge(string mountPoint, IReadOnlyList<long> commits, Tally tally)
    {
        var violations = new List<string>();
        string whole = Query(mountPoint, "PRAGMA integrity_check;").Trim();
        if (whole != "ok")
            violations.Add($"{Name}: integrity_check: {whole}");
        string[] rows = Query(mountPoint, "SELECT writer || '.' || n FROM t;").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        string[] lost = [.. _committed.Except(rows)];
        string[] extra = [.. rows.Except(_committed)];
        if (lost.Length > 0)
            violations.Add($"{Name}: {lost.Length} of {_committed.Count} committed transactions are gone: {string.Join(' ', lost.Take(20))}");
        if (extra.Except(_last.Select((number, writer) => $"{writer}.{number}")).Any())
            violations.Add($"{Name}: rows that nobody committed: {string.Join(' ', extra.Take(20))}");
        string count = Query(mountPoint, "SELECT n FROM counts;").Trim();
        if (count != rows.Length.ToString(CultureInfo.InvariantCulture))
            violations.Add($"{Name}: {rows.Length} rows, but {count} were counted");
        tally.TransactionsCommitted = tally.NoteTotal(Name, _committed.Count);
        tally.TransactionsLost += lost.Length;
        // What is there although nobody was told counts from now on: it must not go away again.
        _committed.UnionWith(extra);
        return violations;
    }

    private string Next(int writer, bool isFirst)
    {
        long number = ++_last[writer];
        // With DELETE the commit is the journal's unlink and a sync of its directory. When that directory cannot be opened SQLite says "committed" all the same (unixDelete), and a daemon
        // that died in between makes just that happen. So a transaction counts when the mount still answered after it.
        string done = journalMode == "DELETE" ? $".system stat -f . >/dev/null && echo 'done {writer}.{number}'" : $"SELECT 'done {writer}.{number}';";
        string start = isFirst ? $".bail on\n.timeout 20000\nPRAGMA journal_mode={journalMode};\nPRAGMA synchronous={synchronous};\n" : "";
        return string.Create(CultureInfo.InvariantCulture, $"""
            {start}BEGIN IMMEDIATE;
            INSERT INTO t VALUES({writer}, {number}, hex(zeroblob({8 + (number * 37 % 900)})) || {number});
            UPDATE counts SET n = n + 1;
            COMMIT;
            {done}
            """);
    }

    private string Query(string mountPoint, string statements, string before = "") =>
        Shell.Bash($"{before} cd {mountPoint}/{Name} && sqlite3 -batch -bail -cmd '.timeout 20000' t.db {Shell.Quote(statements)}", 120).Succeeded().Output;
}
