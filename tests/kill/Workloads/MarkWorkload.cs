using System.Globalization;
using DynamicFs.Harness;
using DynamicFs.KillTests.Campaign;
using DynamicFs.KillTests.Oracle;
using DynamicFs.KillTests.Pool;

namespace DynamicFs.KillTests.Workloads;

/// <summary>Four writers of marks, each in a directory of its own, judged together: they must all stop at one moment.</summary>
internal sealed class MarkWorkload : IWorkload
{
    private readonly IReadOnlyList<Writer> _writers;

    public MarkWorkload(Random random)
    {
        WriterProfile[] profiles = [WriterProfile.Log, WriterProfile.Mixed, WriterProfile.Lazy, WriterProfile.Bulk];
        _writers = [.. profiles.Select((profile, index) => new Writer(index, profile, new Random(random.Next())))];
    }

    public void Prepare(string mountPoint)
    {
        IEnumerable<string> directories = _writers.SelectMany(writer => WriterPlan.Directories.Select(name => $"{mountPoint}/{writer.Directory}/{name}"));
        Shell.Bash($"mkdir -p {string.Join(' ', directories)}").Succeeded();
    }

    public void Start(string mountPoint)
    {
        foreach (Writer writer in _writers)
            writer.Start(mountPoint);
    }

    public void ExpectEnd()
    {
        foreach (Writer writer in _writers)
            writer.ExpectEnd();
    }

    public void Join()
    {
        foreach (Writer writer in _writers)
            writer.Join();
    }

    public string? Failure(bool daemonEndedItself) => _writers.Select(writer => writer.Failure).FirstOrDefault(failure => failure is not null)
        ?? (daemonEndedItself ? null : _writers.Where(writer => writer.WroteShort).Select(writer => $"writer {writer.Directory}: a write was done in part").FirstOrDefault());

    public IReadOnlyList<string> Judge(string mountPoint, IReadOnlyList<long> commits, Tally tally)
    {
        WriterLife[] lives = [.. _writers.Select(writer => writer.Life)];
        WriterState[] found = [.. _writers.Select((writer, index) => Scan(mountPoint, writer, index))];
        Judgement judgement = Oracle.Judge.Run(lives, found, commits);
        tally.Operations += lives.Sum(life => life.Operations.Count);
        tally.MarksWritten += lives.Sum(life => life.Operations.Count(operation => operation.IsMark));
        tally.MarksAcknowledged += judgement.AcknowledgedMarks;
        tally.MarksLost += judgement.LostMarks;
        foreach ((Writer writer, WriterState state) in _writers.Zip(found))
            writer.Accept(state);
        return judgement.Violations;
    }

    private static WriterState Scan(string mountPoint, Writer writer, int index) => WriterState.Parse(
        Shell.Run([KillBuild.Client, "scan", $"{mountPoint}/{writer.Directory}", index.ToString(CultureInfo.InvariantCulture)], limitSeconds: 120).Succeeded().Output);
}
