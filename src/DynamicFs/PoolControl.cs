using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using DynamicFs.Admin;
using DynamicFs.Primitives;

namespace DynamicFs;

/// <summary>The requests about disks and maintenance that the control socket of a live mount answers. The paths are the contract with <c>dynfs</c> and with scripts.</summary>
public static class PoolControl
{
    public const string HealthPath = "/v1/health";
    public const string ProbePath = "/v1/disks/probe";
    public const string SetHealthPath = "/v1/disks/health";
    public const string RebuildPath = "/v1/rebuild";
    public const string RebalancePath = "/v1/rebalance";
    public const string ScrubPath = "/v1/scrub";
    public const string AuditPath = "/v1/audit";
    public const string OrphansPath = "/v1/orphans";
    public const string WhatIfPath = "/v1/what-if";

    public const string UsagePath = "/v1/disks/usage";
    public const string AddPath = "/v1/disks/add";
    public const string ReplacePath = "/v1/disks/replace";
    public const string DrainPath = "/v1/disks/drain";
    public const string RemovePath = "/v1/disks/remove";
    public const string OfflinePath = "/v1/disks/offline";
    public const string OnlinePath = "/v1/disks/online";

    public static IReadOnlyDictionary<string, ControlRoute> Routes(Pool pool) => new Dictionary<string, ControlRoute>
    {
        [$"GET {HealthPath}"] = _ => Json(pool.HealthReport(), ReportJson.Readable.HealthReport),
        [$"POST {ProbePath}"] = _ => Json(pool.ProbeDisks(), ReportJson.Readable.ProbeReport),
        [$"POST {SetHealthPath}"] = body => Json(pool.SetDiskHealth(Order(body, ReportJson.Readable.DiskHealthOrder)), ReportJson.Readable.DiskChangeReport),
        [$"POST {RebuildPath}"] = body => Json(pool.Rebuild(Order(body, ReportJson.Readable.RebuildOrder)), ReportJson.Readable.RebuildReport),
        [$"POST {RebalancePath}"] = body => Json(pool.Rebalance(Order(body, ReportJson.Readable.RebalanceOrder)), ReportJson.Readable.RebalanceReport),
        [$"POST {ScrubPath}"] = body => Json(pool.Scrub(Order(body, ReportJson.Readable.ScrubOrder)), ReportJson.Readable.ScrubReport),
        [$"POST {AuditPath}"] = _ => Json(pool.VerifyAudit(), ReportJson.Readable.AuditReport),
        [$"POST {OrphansPath}"] = body => Json(pool.Orphans(Order(body, ReportJson.Readable.OrphanOrder)), ReportJson.Readable.OrphanReport),
        [$"POST {WhatIfPath}"] = body => Json(pool.WhatIf(Order(body, ReportJson.Readable.WhatIfOrder)), ReportJson.Readable.WhatIfReport),
        [$"GET {UsagePath}"] = _ => Json(pool.DiskUsage(), ReportJson.Readable.DiskUsageReport),
        [$"POST {AddPath}"] = body => Json(pool.AddDisk(Order(body, ReportJson.Readable.DiskAddOrder)), ReportJson.Readable.DiskChangeReport),
        [$"POST {ReplacePath}"] = body => Json(pool.ReplaceDisk(Order(body, ReportJson.Readable.DiskAddOrder)), ReportJson.Readable.DiskChangeReport),
        [$"POST {DrainPath}"] = body => Json(pool.DrainDisk(Order(body, ReportJson.Readable.DiskOrder)), ReportJson.Readable.DiskChangeReport),
        [$"POST {RemovePath}"] = body => Json(pool.RemoveDisk(Order(body, ReportJson.Readable.DiskOrder)), ReportJson.Readable.DiskChangeReport),
        [$"POST {OfflinePath}"] = body => Json(pool.TakeDiskOffline(Order(body, ReportJson.Readable.DiskOrder)), ReportJson.Readable.DiskChangeReport),
        [$"POST {OnlinePath}"] = body => Json(pool.TakeDiskOnline(Order(body, ReportJson.Readable.DiskOrder)), ReportJson.Readable.DiskChangeReport),
    };

    private static byte[] Json<T>(T report, JsonTypeInfo<T> type) => JsonSerializer.SerializeToUtf8Bytes(report, type);

    private static T Order<T>(byte[] body, JsonTypeInfo<T> type) =>
        JsonSerializer.Deserialize(body, type) ?? throw new PoolException(ErrorId.Usage, "the request is empty");
}
