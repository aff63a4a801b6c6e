namespace DynamicFs.KillTests.Oracle;

/// <summary>What one writer did in one life of the daemon, and where it had begun.</summary>
internal sealed record WriterLife(int Index, string Name, WriterState Before, IReadOnlyList<Operation> Operations);

/// <summary>What recovery kept of one writer: as many of its operations as <paramref name="Kept"/>, in their order, and nothing else.</summary>
internal sealed record Recovered(WriterState State, int Kept);

/// <summary>What a judgement found. <paramref name="LostMarks"/> are marks that a returned sync covered and that are gone.</summary>
internal sealed record Judgement(IReadOnlyList<Recovered> Recovered, IReadOnlyList<string> Violations, int AcknowledgedMarks, int LostMarks);

/// <summary>
/// Compares what a mount shows after a crash with what writers did before it. Demands (I12): each writer's directory is what some prefix of its operations made;
/// every operation that was answered before an acknowledged sync began, of whichever writer, is in its prefix; and one moment separates all
/// prefixes from what is missing.
/// </summary>
internal static class Judge
{
    private const int PageBytes = 4096;

    /// <param name="commits">When pool-wide syncs that returned had begun.</param>
    public static Judgement Run(IReadOnlyList<WriterLife> lives, IReadOnlyList<WriterState> found, IEnumerable<long> commits)
    {
        long promised = lives.SelectMany(life => life.Operations).Where(operation => operation.IsSync && operation.Answered != 0).Select(operation => operation.Started)
            .Concat(commits).DefaultIfEmpty(0).Max();
        var (recovered, violations) = (new List<Recovered>(), new List<string>());
        var (acknowledged, lost, earliest, latest) = (0, 0, 0L, long.MaxValue);
        for (int index = 0; index < lives.Count; index++)
        {
            WriterLife life = lives[index];
            int least = Promised(life.Operations, promised);
            acknowledged += life.Operations.Take(least).Count(operation => operation.IsMark);
            List<int> matches = Matches(life, found[index]);
            if (matches.Count == 0 || matches[^1] < least)
            {
                (string text, int lostHere) = Describe(life, found[index], least, matches);
                violations.Add(text);
                lost += lostHere;
                recovered.Add(new Recovered(found[index], 0));
                continue;
            }

            int kept = matches.First(match => match >= least);
            recovered.Add(new Recovered(found[index], matches[^1]));
            if (kept > 0)
                earliest = Math.Max(earliest, life.Operations[kept - 1].Started);
            if (matches[^1] < life.Operations.Count && life.Operations[matches[^1]].Answered is not 0 and long missed)
                latest = Math.Min(latest, missed);
        }

        if (earliest > latest)
            violations.Add($"no single moment: an operation that began at {earliest} is there, one that was done at {latest} is not");
        return new Judgement(recovered, violations, acknowledged, lost);
    }

    /// <summary>How many operations must be there: up to the last that was answered before the newest acknowledged sync began.</summary>
    private static int Promised(IReadOnlyList<Operation> operations, long moment)
    {
        int least = operations.Count;
        while (least > 0 && (operations[least - 1].Answered == 0 || operations[least - 1].Answered > moment))
            least--;
        return least;
    }

    /// <summary>All prefixes that make the found state, ascending.</summary>
    private static List<int> Matches(WriterLife life, WriterState found)
    {
        var matches = new List<int>();
        WriterState model = life.Before.Clone();
        for (int count = 0; ; count++)
        {
            if (model.IsSame(found) || (count < life.Operations.Count && IsSameWithPart(model, found, life, life.Operations[count])))
                matches.Add(count);
            if (count == life.Operations.Count)
                return matches;
            model.Apply(life.Operations[count]);
        }
    }

    /// <summary>
    /// The kernel sends a write that does not begin at a page in two or more requests, and a crash may come between them: a write that was not synced may end at a
    /// page boundary.
    /// </summary>
    private static bool IsSameWithPart(WriterState model, WriterState found, WriterLife life, Operation next)
    {
        if (next.Kind != OperationKind.Append || !found.Names.TryGetValue(next.Name, out FileState? file) || file.PartOffset is null)
            return false;
        Mark part = file.Marks[^1];
        if (part.Size >= next.Size || file.Length % PageBytes != 0 || MarkBytes.Hash(MarkBytes.Of(life.Index, next.Number, next.Size).AsSpan(0, part.Size)) != part.Number)
            return false;
        WriterState parted = model.Clone();
        parted.Names[next.Name].Marks.Add(part);
        return parted.IsSame(found);
    }

    /// <summary>The name whose marks an operation may take away.</summary>
    private static string? Victim(Operation operation) => operation.Kind switch
    {
        OperationKind.Rename => operation.Other,
        OperationKind.Unlink or OperationKind.Truncate or OperationKind.Place => operation.Name,
        _ => null,
    };

    private static (string Text, int LostMarks) Describe(WriterLife life, WriterState found, int least, List<int> matches)
    {
        WriterState model = life.Before.Clone();
        foreach (Operation operation in life.Operations.Take(least))
            model.Apply(operation);
        HashSet<long> there = [.. found.Names.Values.SelectMany(file => file.Marks).Select(mark => mark.Number)];
        HashSet<long> takenLater = [.. life.Operations.Skip(least).Select(Victim).OfType<string>().Select(name => model.Names.GetValueOrDefault(name))
            .OfType<FileState>().SelectMany(file => file.Marks).Select(mark => mark.Number)];
        int lost = model.Names.Values.SelectMany(file => file.Marks).Select(mark => mark.Number).Distinct().Count(number => !there.Contains(number) && !takenLater.Contains(number));
        IReadOnlyList<string> expected = model.Lines(), actual = found.Lines();
        string verdict = matches.Count > 0 ? $"is as after operation {matches[^1]}, but {least} were acknowledged" : $"matches no moment; the first {least} operations were acknowledged";
        string[] tail = [.. life.Operations.Select((operation, index) => $"  {index + 1} {operation.Line}{(operation.Answered == 0 ? " (not answered)" : "")}").Skip(Math.Max(0, least - 5)).Take(40)];
        return ($"""
            writer {life.Name} {verdict} (of {life.Operations.Count}); marks lost: {lost}
            expected, not found:
            {string.Join('\n', expected.Except(actual).Take(20))}
            found, not expected (operations after {least} may explain some):
            {string.Join('\n', actual.Except(expected).Take(20))}
            operations:
            {string.Join('\n', tail)}
            """, lost);
    }
}
