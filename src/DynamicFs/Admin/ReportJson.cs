using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace DynamicFs.Admin;

/// <summary>JSON of the reports, on the command line and on the control socket alike.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(CreateReport))]
[JsonSerializable(typeof(MountReport))]
[JsonSerializable(typeof(DiskListReport))]
[JsonSerializable(typeof(StatusReport))]
[JsonSerializable(typeof(PoolStatus))]
[JsonSerializable(typeof(RootsReport))]
[JsonSerializable(typeof(ExplainReport))]
[JsonSerializable(typeof(FsckReport))]
[JsonSerializable(typeof(HealthReport))]
[JsonSerializable(typeof(ProbeReport))]
[JsonSerializable(typeof(DiskChangeReport))]
[JsonSerializable(typeof(DiskHealthOrder))]
[JsonSerializable(typeof(RebuildOrder))]
[JsonSerializable(typeof(RebuildReport))]
[JsonSerializable(typeof(RebalanceOrder))]
[JsonSerializable(typeof(RebalanceReport))]
[JsonSerializable(typeof(ScrubOrder))]
[JsonSerializable(typeof(ScrubReport))]
[JsonSerializable(typeof(AuditReport))]
[JsonSerializable(typeof(OrphanOrder))]
[JsonSerializable(typeof(OrphanReport))]
[JsonSerializable(typeof(WhatIfOrder))]
[JsonSerializable(typeof(WhatIfReport))]
[JsonSerializable(typeof(WaitReport))]
[JsonSerializable(typeof(DiskOrder))]
[JsonSerializable(typeof(DiskAddOrder))]
[JsonSerializable(typeof(DiskUsageReport))]
[JsonSerializable(typeof(ErrorReport))]
public sealed partial class ReportJson : JsonSerializerContext
{
    /// <summary>Paths and sentences stay readable: nothing here is put into HTML.</summary>
    public static ReportJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
