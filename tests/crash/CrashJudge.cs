using DynamicFs.CrashTests.Simulation;
using DynamicFs.Primitives;

namespace DynamicFs.CrashTests;

/// <summary>Why a post-crash state is wrong, with the line that reproduces it.</summary>
public sealed record CrashViolation(string Reproduce, string What);

/// <summary>
/// Opens a post-crash state as a mount does and checks it: it mounts, the tree is the model's at one allowed moment, every page verifies, mounting again changes
/// nothing, and writing goes on.
/// </summary>
public static class CrashJudge
{
    /// <summary>Null when the state is right.</summary>
    /// <param name="missing">Indexes of disks that do not come back; at most as many as the policy survives.</param>
    public static CrashViolation? Judge(RecordedRun run, long sequence, string selection, SimulatedWorld world, IReadOnlyCollection<int> missing)
    {
        string reproduce = $"seed={run.Seed} sequence={sequence} missing={string.Join('+', missing)} state=[{selection}]";
        try
        {
            string first = Recover(run, world, missing, problems: out List<string> problems, goOn: false);
            string digest = ModelFileSystem.Digest(first);
            if (problems.Count > 0)
                return new CrashViolation(reproduce, $"pages do not verify: {string.Join("; ", problems.Take(3))}");
            if (run.FindState(digest, sequence) < 0)
                return new CrashViolation(reproduce, $"the tree is no state from {run.OldestAllowed(sequence)} to {run.NewestAllowed(sequence)}:\n{first}");
            string second = Recover(run, world, missing, out problems, goOn: true);
            if (second != first)
                return new CrashViolation(reproduce, $"mounting again changed the tree:\n{first}\nnow\n{second}");
            return problems.Count > 0 ? new CrashViolation(reproduce, $"after the second mount: {problems[0]}") : null;
        }
        catch (Exception e)
        {
            return new CrashViolation(reproduce, e.ToString());
        }
    }

    private static string Recover(RecordedRun run, SimulatedWorld world, IReadOnlyCollection<int> missing, out List<string> problems, bool goOn)
    {
        var found = new List<string>();
        using EnginePool engine = EnginePool.Open(run.Pool, RecordedRun.Disks(world, missing));
        string tree = FileSystemReader.Describe(engine.Files);
        if (missing.Count == 0)
            engine.Metadata.Verify(found.Add);
        if (goOn && !engine.Files.IsReadOnly)
            GoOn(engine);
        if (engine.Files.IsReadOnly && missing.Count == 0)
            found.Add("read-only although no disk is missing");
        problems = found;
        return tree;
    }

    private static void GoOn(EnginePool engine)
    {
        var caller = new DynamicFs.Files.Caller(0, 0, 1);
        Expect(engine.Files.Create(caller, InodeNumber.Root, "after-the-crash"u8, 0x81A4, out DynamicFs.Files.Attributes file));
        Expect(engine.Files.Write(file.Inode, 0, new byte[5000], killPrivileges: false));
        Expect(engine.Files.SyncAll());
        Expect(engine.Files.Unlink(caller, InodeNumber.Root, "after-the-crash"u8));
        engine.Files.Release(file.Inode);
        Expect(engine.Files.SyncAll());
    }

    private static void Expect(Errno errno)
    {
        if (errno != Errno.None)
            throw new InvalidOperationException($"the recovered filesystem answers {errno}");
    }
}
