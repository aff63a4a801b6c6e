using DynamicFs.Harness;
using Xunit;

[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace DynamicFs.MountTests;

/// <summary>All tests of this assembly share one run and run one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class MountCollection : ICollectionFixture<MountRun>
{
    public const string Name = "mount";
}

/// <summary>
/// Owns the scratch directory, the compiled client and the mount that the tests of ordinary use share (six disks, rs:4+2). A test that breaks
/// the shared mount does not take the others with it: the next one gets a new pool. At the end the shared pool must pass fsck.
/// </summary>
public sealed partial class MountRun : IDisposable
{
    private readonly Scratch _scratch = new("mount");
    private readonly string _client;
    private PoolUnderTest? _shared;
    private int _pools;

    public MountRun()
    {
        _client = _scratch.Sub("client");
        string sources = Repository.File("tests/mount/client");
        Shell.Bash($"gcc -O2 -Wall -Wextra -Wno-unused-result -Werror -o {_client} {sources}/*.c").Succeeded();
    }

    /// <summary>Sizes of the real-input campaign instead of those of the gate: DYNFS_CAMPAIGN=1.</summary>
    public static bool IsCampaign { get; } = Environment.GetEnvironmentVariable("DYNFS_CAMPAIGN") == "1";

    public Scratch Scratch => _scratch;

    public static long Sized(long gate, long campaign) => IsCampaign ? campaign : gate;

    public PoolUnderTest NewPool(int diskCount = 6, string? policy = null) => new(_scratch, $"pool{++_pools}", diskCount, policy);

    /// <summary>Runs a test in a new directory of the shared mount and removes the directory when the test has passed.</summary>
    public void InSharedMount(string name, Action<PoolUnderTest, string> test)
    {
        PoolUnderTest pool = SharedPool();
        string directory = Path.Combine(pool.MountPoint, name);
        Shell.Bash($"mkdir {directory}").Succeeded();
        test(pool, directory);
        Shell.Bash($"rm -rf {directory}", limitSeconds: 180).Succeeded();
    }

    /// <summary>One scenario of the client in a new directory of the shared mount.</summary>
    public void Scenario(string scenario, params string[] arguments)
        => InSharedMount(scenario, (_, directory) => Client(60, scenario, directory, arguments));

    /// <summary>Runs the client; its output when it found everything as it should be.</summary>
    public string Client(int limitSeconds, string scenario, string directory, params string[] arguments)
        => Shell.Run([_client, scenario, directory, .. arguments], limitSeconds).Succeeded().Output.Trim();

    public IReadOnlyList<string> ClientCommand(string scenario, string directory, params string[] arguments) => [_client, scenario, directory, .. arguments];

    public PoolUnderTest SharedPool()
    {
        if (_shared is not null && !Answers(_shared))
        {
            _shared.Abandon();
            _shared = null;
        }

        return _shared ??= NewPool().Create().Mount("-o", "allow_other");
    }

    public void Dispose()
    {
        try
        {
            if (_shared is null || PoolUnderTest.IsPlain)
                return;
            _shared.Unmount();
            _shared.Cli(120, "fsck", _shared.Name).Succeeded();
        }
        finally
        {
            _scratch.Dispose();
        }
    }

    private static bool Answers(PoolUnderTest pool)
    {
        try
        {
            return pool.IsMounted && Shell.Run(["stat", pool.MountPoint], limitSeconds: 10).ExitCode == 0;
        }
        catch (CommandException)
        {
            return false;
        }
    }
}
