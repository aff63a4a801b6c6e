using DynamicFs.Admin;
using DynamicFs.Maintenance;
using DynamicFs.Primitives;

namespace DynamicFs;

/// <summary>Rebalance of an open pool as an operator sees and steers it.</summary>
public sealed partial class Pool
{
    /// <exception cref="PoolException">Busy, ReadOnly, Usage.</exception>
    public RebalanceReport Rebalance(RebalanceOrder order)
    {
        Rebalancer rebalancer = Workers.Rebalancer;
        if (order.LimitBytesPerSecond is { } limit)
            Workers.RebalanceThrottle.LimitBytesPerSecond = limit;
        switch (order.Action)
        {
            case "plan":
                RebalancePlan plan = rebalancer.Plan();
                return Report(new RebalanceStatus { PlannedBytes = plan.MoveBytes, Disks = plan.Disks }, "PLANNED");
            case "start":
                CheckChangeable("nothing can be moved");
                rebalancer.Request();
                Workers.Wake();
                break;
            case "pause":
                rebalancer.Pause();
                break;
            case "resume":
                rebalancer.Resume();
                Workers.Wake();
                break;
            case "cancel":
                rebalancer.Cancel();
                break;
            case "status":
                break;
            default:
                throw new PoolException(ErrorId.Usage, $"'{order.Action}' is nothing that a rebalance can do: plan, start, status, pause, resume or cancel");
        }

        RebalanceStatus status = rebalancer.Status;
        return Report(status, status.Phase.ToString().ToUpperInvariant());
    }

    private RebalanceReport Report(RebalanceStatus status, string phase) => new(
        Schema.Version, Name, phase, status.IsActive, status.StartedAt, status.EndedAt, Workers.RebalanceThrottle.LimitBytesPerSecond, status.PlannedBytes, status.DoneBytes,
        status.MovedFragments, status.FailedExtents,
        [.. status.Disks.Select(disk => new RebalanceDisk(disk.Member.Index, disk.Member.Name, Percent(disk.FillBefore), Percent(disk.FillAfter), disk.LeavingBytes, disk.ArrivingBytes))],
        [.. status.Failures.Select(result => new HealException(result.Extent.ToString(), result.Outcome.ToString(), result.Problem ?? ""))]);

    private static double Percent(double share) => Math.Round(share * 100, 1);
}
