using DynamicFs.CrashTests.Simulation;
using DynamicFs.Disks;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.CrashTests;

/// <summary>The engine against the model without crashes: random operations, reopened now and then, disks missing.</summary>
public sealed class EngineTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void RandomOperationsMatchTheModelAlsoAfterReopening(int seed)
    {
        var world = new SimulatedWorld(6, seed);
        var pool = new PoolId(new Guid(seed, 0, 0, new byte[8]));
        EnginePool engine = EnginePool.Create(pool, RecordedRun.Disks(world), RedundancyScheme.ReedSolomon(4, 2));
        var random = new Random(seed);
        var workload = new Workload(seed, engine.Files);
        for (int round = 0; round < 4; round++)
        {
            workload.Run(150);
            Assert.Equal(workload.Model.Describe(), FileSystemReader.Describe(engine.Files));
            workload.CloseAll();
            workload.Sync();
            Assert.Equal(workload.Model.Describe(), FileSystemReader.Describe(engine.Files));
            engine.Dispose();
            int[] missing = round % 2 == 0 ? [] : [random.Next(3), 3 + random.Next(3)];
            engine = EnginePool.Open(pool, RecordedRun.Disks(world, missing));
            Assert.Equal(workload.Model.Describe(), FileSystemReader.Describe(engine.Files));
            if (missing.Length > 0)
            {
                engine.Dispose();
                engine = EnginePool.Open(pool, RecordedRun.Disks(world));
                Assert.Equal(workload.Model.Describe(), FileSystemReader.Describe(engine.Files));
            }

            workload.Reopened(engine.Files);
        }

        List<string> problems = [];
        engine.Metadata.Verify(problems.Add);
        Assert.Empty(problems);
        engine.Dispose();
    }
}
