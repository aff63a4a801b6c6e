using Xunit;

namespace DynamicFs.KillTests.Oracle;

/// <summary>The judge is only worth something if it can say no.</summary>
public sealed class JudgeTests
{
    private const string Whole = "a/1 7 1 104 0 1:40 2:64\na/2 8 1 32 0 5:32\n";

    [Fact]
    public void Every_prefix_from_the_last_sync_on_is_right()
    {
        Assert.Empty(Verdict(Whole).Violations);
        Assert.Empty(Verdict("a/1 7 1 104 0 1:40 2:64\na/2 8 1 0 0\n").Violations);
        Assert.Empty(Verdict("a/1 7 1 104 0 1:40 2:64\n").Violations);
        Assert.Equal(2, Verdict(Whole).AcknowledgedMarks);
    }

    [Theory]
    [InlineData("", 2)] // everything is gone
    [InlineData("a/1 7 1 40 0 1:40\n", 1)] // what was synced is gone
    [InlineData("a/1 7 1 104 0 1:40 rest@5:64\n", 1)] // torn
    [InlineData("a/1 7 1 168 0 1:40 2:64 2:64\n", 0)] // twice
    [InlineData("a/1 7 1 104 0 2:64 1:40\n", 0)] // another order
    [InlineData("a/1 7 1 104 0 1:40 2:64\na/3 9 1 0 0\n", 0)] // something extra
    [InlineData("a/1 7 2 104 0 1:40 2:64\n", 0)] // a link too many
    [InlineData("a/1 7 1 104 4 1:40 2:64\n", 0)] // an attribute of nobody
    [InlineData("a/1 7 2 104 0 1:40 2:64\na/2 7 2 104 0 1:40 2:64\n", 0)] // two names of one file
    [InlineData("a/1 7 1 168 0 1:40 2:64 4:64\na/2 8 1 0 0\n", 0)] // an operation of the middle is missing
    public void Anything_else_is_found(string scan, int lost)
    {
        Judgement judgement = Verdict(scan);
        Assert.NotEmpty(judgement.Violations);
        Assert.Equal(lost, judgement.LostMarks);
    }

    [Theory]
    [InlineData(3, 4096, true)]
    [InlineData(3, 2048, false)] // torn inside a page
    [InlineData(2, 4096, false)] // another writer's bytes
    public void A_write_that_was_not_synced_may_end_at_a_page(int writer, int length, bool isRight)
    {
        Operation[] operations = [new(OperationKind.Create, "a/1") { Started = 1, Answered = 2 }, new(OperationKind.Append, "a/1", "", 9, 8192) { Started = 3, Answered = 4 }];
        long hash = MarkBytes.Hash(MarkBytes.Of(writer, 9, 8192).AsSpan(0, length));
        Judgement judgement = Judge.Run([new WriterLife(3, "one", new WriterState(), operations)], [WriterState.Parse($"a/1 7 1 {length} 0 rest@{hash}:{length}\n")], []);
        Assert.Equal(isRight, judgement.Violations.Count == 0);
    }

    [Fact]
    public void Writers_must_stop_at_one_moment()
    {
        WriterLife first = Life("one", (10, 11), (20, 21)), second = Life("two", (12, 13), (30, 31));
        Assert.Empty(Judge.Run([first, second], [Found(2), Found(1)], []).Violations);
        Assert.NotEmpty(Judge.Run([first, second], [Found(1), Found(2)], []).Violations);
        // What one writer did before the other's sync began is promised too.
        Assert.NotEmpty(Judge.Run([first, second], [Found(1), Found(1)], [25]).Violations);
        Assert.Empty(Judge.Run([first, second], [Found(2), Found(1)], [25]).Violations);
    }

    private static Judgement Verdict(string scan)
    {
        Operation[] operations =
        [
            new(OperationKind.Create, "a/1") { Started = 1, Answered = 2 },
            new(OperationKind.Append, "a/1", "", 1, 40) { Started = 3, Answered = 4 },
            new(OperationKind.Append, "a/1", "", 2, 64) { Started = 5, Answered = 6 },
            new(OperationKind.Sync, "a/1") { Started = 7, Answered = 8 },
            new(OperationKind.Create, "a/2") { Started = 9, Answered = 10 },
            new(OperationKind.Append, "a/2", "", 5, 32) { Started = 11, Answered = 12 },
            new(OperationKind.Append, "a/1", "", 4, 64) { Started = 13 },
        ];
        return Judge.Run([new WriterLife(3, "one", new WriterState(), operations)], [WriterState.Parse(scan)], []);
    }

    private static WriterLife Life(string name, params (long Started, long Answered)[] times) =>
        new(3, name, new WriterState(), [.. times.Select((time, index) => new Operation(OperationKind.Create, $"a/{index}") { Started = time.Started, Answered = time.Answered })]);

    private static WriterState Found(int files) => WriterState.Parse(string.Concat(Enumerable.Range(0, files).Select(index => $"a/{index} {index} 1 0 0\n")));
}
