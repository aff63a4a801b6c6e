using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using DynamicFs.Admin;
using DynamicFs.Primitives;

namespace DynamicFs;

/// <summary>The requests about disks that the control socket of a live mount answers. The paths are the contract with <c>dynfs</c> and with scripts.</summary>
public static class PoolControl
{
    public const string HealthPath = "/v1/health";
    public const string ProbePath = "/v1/disks/probe";
    public const string SetHealthPath = "/v1/disks/health";

    public static IReadOnlyDictionary<string, ControlRoute> Routes(Pool pool) => new Dictionary<string, ControlRoute>
    {
        [$"GET {HealthPath}"] = _ => Json(pool.HealthReport(), ReportJson.Readable.HealthReport),
        [$"POST {ProbePath}"] = _ => Json(pool.ProbeDisks(), ReportJson.Readable.ProbeReport),
        [$"POST {SetHealthPath}"] = body => Json(pool.SetDiskHealth(Order(body, ReportJson.Readable.DiskHealthOrder)), ReportJson.Readable.DiskChangeReport),
    };

    private static byte[] Json<T>(T report, JsonTypeInfo<T> type) => JsonSerializer.SerializeToUtf8Bytes(report, type);

    private static T Order<T>(byte[] body, JsonTypeInfo<T> type) =>
        JsonSerializer.Deserialize(body, type) ?? throw new PoolException(ErrorId.Usage, "the request is empty");
}
