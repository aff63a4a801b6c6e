using DynamicFs.CrashTests.Simulation;

namespace DynamicFs.CrashTests;

/// <summary>
/// Calls that the engine makes on several disks at once, as the log has them: the same calls, one disk after the other. In such a round each disk may have got as far
/// as it likes when the power goes.
/// </summary>
public sealed record RoundMoments(IReadOnlyDictionary<int, (long First, long Last)> Disks, long First, long Last)
{
    /// <summary>A moment for each disk, within this round.</summary>
    public long[] Choose(Random random, int diskCount) =>
        [.. Enumerable.Range(0, diskCount).Select(disk => Disks.TryGetValue(disk, out (long First, long Last) turn) ? random.NextInt64(turn.First - 1, turn.Last + 1) : Last)];

    public static IEnumerable<RoundMoments> Find(IReadOnlyList<LoggedCall> log, long after)
    {
        List<(int Disk, long First, long Last, string Calls)> turns = Turns(log, after);
        for (int i = 0, end; i < turns.Count; i = end)
        {
            var disks = new Dictionary<int, (long, long)>();
            for (end = i; end < turns.Count && turns[end].Disk >= 0 && turns[end].Calls == turns[i].Calls && disks.TryAdd(turns[end].Disk, (turns[end].First, turns[end].Last));)
                end++;
            if (disks.Count > 1)
                yield return new RoundMoments(disks, turns[i].First, turns[end - 1].Last);
            end = Math.Max(end, i + 1);
        }
    }

    private static List<(int Disk, long First, long Last, string Calls)> Turns(IReadOnlyList<LoggedCall> log, long after)
    {
        var turns = new List<(int, long, long, string)>();
        for (int i = (int)after, end; i < log.Count; i = end)
        {
            var calls = new System.Text.StringBuilder();
            for (end = i; end < log.Count && log[end].Disk == log[i].Disk; end++)
                calls.Append(log[end].Call).Append(' ').Append(Anonymous(log[end].Path)).Append(' ').Append(log[end].Offset).Append('+').Append(log[end].LengthBytes).Append('\n');
            turns.Add((log[i].Disk, log[i].Sequence, log[end - 1].Sequence, calls.ToString()));
        }

        return turns;
    }

    /// <summary>Fragments of one extent differ in their index only.</summary>
    private static string Anonymous(string path) => path.Contains('/') && path.LastIndexOf('.') is > 0 and var dot ? path[..dot] : path;
}
