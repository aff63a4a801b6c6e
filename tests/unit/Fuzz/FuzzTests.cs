using DynamicFs.Fuzz;
using Xunit;
using Xunit.Abstractions;

namespace DynamicFs.UnitTests.Fuzz;

/// <summary>
/// The gate's share of the fuzz campaign: for every parser 20,000 inputs of a fixed seed and some of a fresh one, and every input that ever was a failure.
/// </summary>
public sealed class FuzzTests(ITestOutputHelper output)
{
    private const int FixedSeed = 20_261_121;
    private const int FixedInputs = 20_000;
    private const int FreshInputs = 2_000;

    private static readonly string _kept = Path.Combine(Repository.Root, "tests", "unit", "Fuzz", "kept");

    public static TheoryData<string> Names => [.. FuzzTargets.All.Select(target => target.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void No_input_breaks_a_rule(string name)
    {
        Run(name, FixedSeed, FixedInputs);
        Run(name, Random.Shared.Next(), FreshInputs);
    }

    [Fact]
    public void No_input_that_was_kept_breaks_a_rule()
    {
        foreach (string path in Directory.EnumerateFiles(_kept, "*.*").Where(path => FuzzTargets.Find(KeptInputs.TargetOf(path)) is not null))
        {
            FuzzFailure? failure = FuzzRun.Replay(FuzzTargets.Find(KeptInputs.TargetOf(path))!, KeptInputs.Read(path));
            Assert.True(failure is null, $"{path}: {failure?.What}");
        }
    }

    [Fact]
    public void Every_kept_input_has_its_parser() =>
        Assert.All(Directory.EnumerateFiles(_kept), path => Assert.True(path.EndsWith(".md", StringComparison.Ordinal) || FuzzTargets.Find(KeptInputs.TargetOf(path)) is not null, path));

    /// <summary>A parser that accepts a changed byte, gives another value back, throws what it does not declare, takes too much memory or refuses what is right.</summary>
    [Theory]
    [InlineData("accepts", "a changed byte under a checksum is accepted")]
    [InlineData("changes", "accepted bytes are written differently")]
    [InlineData("throws", "IndexOutOfRangeException")]
    [InlineData("allocates", "bytes were allocated")]
    [InlineData("refuses", "what was written is refused")]
    public void A_broken_parser_is_noticed(string defect, string what)
    {
        byte[] valid = [.. Enumerable.Range(0, 64).Select(i => (byte)i)];
        byte[]? Decode(byte[] bytes) => defect switch
        {
            "accepts" => bytes,
            _ when bytes.AsSpan().SequenceEqual(valid) => defect == "refuses" ? null : bytes,
            "changes" => new byte[bytes.Length],
            "throws" => [bytes[bytes.Length]],
            "allocates" => new byte[1 << 20].Length == 0 ? bytes : null,
            _ => null,
        };
        FuzzTarget target = Codec.Target("broken", () => [valid], [new Field(0, 4)], Decode, defect == "accepts" ? _ => false : null);
        FuzzFailure? failure = new FuzzRun(target, 1).Run(0, 1000, TimeSpan.MaxValue);
        Assert.Contains(what, failure?.What ?? "nothing");
        Assert.Contains(what, FuzzRun.Replay(target, failure!.Inputs)?.What ?? what);
    }

    [Fact]
    public void The_same_seed_gives_the_same_inputs()
    {
        FuzzTarget target = FuzzTargets.Find("inode-record")!;
        var first = new FuzzRun(target, 5);
        var second = new FuzzRun(target, 5);
        Assert.Null(first.Run(0, 500, TimeSpan.MaxValue));
        Assert.Null(second.Run(0, 500, TimeSpan.MaxValue));
        Assert.Equal((first.InputCount, first.AcceptedCount), (second.InputCount, second.AcceptedCount));
    }

    private void Run(string name, int seed, int inputs)
    {
        var run = new FuzzRun(FuzzTargets.Find(name)!, seed);
        FuzzFailure? failure = run.Run(0, inputs, TimeSpan.MaxValue);
        output.WriteLine($"{name}: seed {seed}, {run.InputCount} inputs, {run.AcceptedCount} accepted, most {run.MostAllocatedBytes} bytes");
        Assert.True(failure is null, $"tools/{failure?.Line}\n{failure?.What}");
        Assert.Equal(inputs, run.InputCount);
        Assert.InRange(run.AcceptedCount, 1, inputs);
    }
}
