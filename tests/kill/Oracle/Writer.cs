using System.Diagnostics;
using System.Globalization;
using DynamicFs.Harness;
using DynamicFs.KillTests.Pool;

namespace DynamicFs.KillTests.Oracle;

/// <summary>
/// One writer through all lives of a pool: a client process per life that works in a directory of its own, and outside of the pool the record of what was
/// asked and answered. This process never touches the mount.
/// </summary>
internal sealed class Writer(int index, WriterProfile profile, Random random)
{

    private const string NotConnected = "error 107";
    private const string ConnectionAborted = "error 103";
    private const string ShortWrite = "error 61";

    private long _number = 1;
    private List<Operation> _operations = [];
    private Thread? _thread;
    private Process? _client;
    private volatile bool _isEnding;

    public string Directory => string.Create(CultureInfo.InvariantCulture, $"w{index}-{profile.Name}");
    public WriterState State { get; private set; } = new();

    /// <summary>An error that no crash explains; null when there was none.</summary>
    public string? Failure { get; private set; }

    /// <summary>A write that was done in part: only a daemon that died meanwhile explains it.</summary>
    public bool WroteShort { get; private set; }

    /// <summary>The life that ended: what recovery is compared with.</summary>
    public WriterLife Life => new(index, Directory, State, _operations);

    /// <summary>Marks that this writer's whole life has written.</summary>
    public long MarkCount { get; private set; }

    /// <summary>What recovery left is where the next life begins.</summary>
    public void Accept(WriterState recovered) => (State, _operations) = (recovered, []);

    public void Start(string mountPoint)
    {
        (_operations, _isEnding, WroteShort) = ([], false, false);
        _client = Shell.Start([KillBuild.Client, "agent", $"{mountPoint}/{Directory}", index.ToString(CultureInfo.InvariantCulture)]);
        _thread = new Thread(Run) { Name = Directory, IsBackground = true };
        _thread.Start();
    }

    /// <summary>From now on errors are what a dying pool answers.</summary>
    public void ExpectEnd() => _isEnding = true;

    /// <summary>Waits for the writer, which ends by itself when the daemon is dead.</summary>
    public void Join()
    {
        if (_client is null)
            return;
        if (!_thread!.Join(TimeSpan.FromSeconds(30)))
        {
            Shell.KillGroup(_client);
            _thread.Join();
            Failure ??= $"writer {Directory} got no answer for 30 s after the daemon's death";
        }

        Shell.KillGroup(_client);
        _client.Dispose();
        _client = null;
        MarkCount += _operations.Count(operation => operation.IsMark);
    }

    private void Run()
    {
        WriterState now = State.Clone();
        var plan = new WriterPlan(profile, random, _number, now);
        try
        {
            while (true)
            {
                Operation operation = plan.Next(now);
                _operations.Add(operation);
                operation.Started = Operation.Now();
                _client!.StandardInput.WriteLine(operation.Line);
                _client.StandardInput.Flush();
                string? answer = _client.StandardOutput.ReadLine();
                if (answer != "ok")
                {
                    NoteEnd(operation, answer);
                    return;
                }

                operation.Answered = Operation.Now();
                now.Apply(operation);
            }
        }
        catch (IOException)
        {
            Failure ??= _isEnding ? null : $"writer {Directory}: the client died";
        }
        finally
        {
            _number = plan.NextNumber;
        }
    }

    private void NoteEnd(Operation operation, string? answer)
    {
        // The daemon may have died by itself at its point, and the errors tell it first.
        if (_isEnding || answer is NotConnected or ConnectionAborted)
            return;
        WroteShort = answer == ShortWrite;
        if (!WroteShort)
            Failure = $"writer {Directory}: {operation.Line} answered '{answer}'";
    }
}
