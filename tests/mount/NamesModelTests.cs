using DynamicFs.Harness;
using Xunit;
using Xunit.Abstractions;

namespace DynamicFs.MountTests;

/// <summary>
/// Random operations on names, done on the mount and on the local filesystem in step: every answer (errno included) and every listing must be the
/// same. A failure names the seed; DYNFS_TEST_SEED repeats it.
/// </summary>
[Collection(MountCollection.Name)]
public sealed class NamesModelTests(MountRun run, ITestOutputHelper output)
{
    private static readonly string[] Names = ["a", "b", "c", "a/a", "a/b", "b/a", "b/b", "b/c", "a/a/a", "a/a/b", "b/b/a", "b/b/b/c", "b/b/b"];

    [Fact]
    public void Random_operations_answer_as_on_the_local_filesystem()
    {
        string? given = Environment.GetEnvironmentVariable("DYNFS_TEST_SEED");
        int seed = given is null ? Random.Shared.Next() : int.Parse(given, System.Globalization.CultureInfo.InvariantCulture);
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        string reference = run.Scratch.Sub("names-reference");
        Directory.CreateDirectory(reference);
        run.InSharedMount("names-model", (pool, directory) =>
        {
            for (int round = 0; round < 3; round++)
            {
                using (var local = new Agent(run, reference))
                using (var mounted = new Agent(run, directory))
                {
                    var history = new List<string>();
                    for (int index = 0; index < (int)MountRun.Sized(3000, 100_000); index++)
                        AssertSame(local, mounted, Operation(random), history, seed);
                    foreach (string place in (string[])[".", "a", "b", "a/a", "b/b", "b/b/b"])
                        AssertSame(local, mounted, $"list {place}", history, seed);
                }

                pool.Remount();
            }
        });
    }

    private static void AssertSame(Agent local, Agent mounted, string operation, List<string> history, int seed)
    {
        history.Add(operation);
        Answer expected = local.Do(operation), found = mounted.Do(operation);
        if (expected != found)
            Assert.Fail($"seed {seed}: {operation}: expected {expected}, found {found}; before it:\n{string.Join('\n', history.TakeLast(30))}");
    }

    private static string Operation(Random random)
    {
        string name = Names[random.Next(Names.Length)], other = Names[random.Next(Names.Length)];
        return random.Next(12) switch
        {
            0 or 1 => $"mkdir {name}",
            2 => $"rmdir {name}",
            3 => $"unlink {name}",
            4 or 5 => $"create {name} {new string('x', random.Next(1, 50))}",
            6 => $"link {name} {other}",
            7 => $"symlink {name} {other}",
            8 => $"rename {name} {other} 0",
            9 => $"rename {name} {other} {random.Next(3)}", // 1: NOREPLACE, 2: EXCHANGE
            10 => $"rename {name} {other} 2",
            _ => $"list {(random.Next(3) == 0 ? "." : name)}",
        };
    }
}
