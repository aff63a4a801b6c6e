using DynamicFs.KillTests.Campaign;

namespace DynamicFs.KillTests.Workloads;

/// <summary>
/// Something that uses the pool from processes of its own, life after life, and knows outside of the pool what it was told is durable. Calls come in this order:
/// prepare once; then per life start, expect end, join; then judge once at the next mount that serves.
/// </summary>
internal interface IWorkload
{
    /// <summary>Makes what the first life needs; the caller unmounts cleanly afterwards.</summary>
    void Prepare(string mountPoint);

    void Start(string mountPoint);

    /// <summary>From now on errors are what a dying pool answers.</summary>
    void ExpectEnd();

    /// <summary>Waits until nothing of the workload is in the mount; the daemon is dead.</summary>
    void Join();

    /// <summary>An error that this end of the life does not explain, or null.</summary>
    string? Failure(bool daemonEndedItself);

    /// <summary>Compares what the mount shows with what is known; from then on what is there counts. Returns the promises that were broken.</summary>
    /// <param name="commits">When pool-wide syncs that returned had begun.</param>
    IReadOnlyList<string> Judge(string mountPoint, IReadOnlyList<long> commits, Tally tally);
}
