using System.Text.Json.Serialization;

namespace DynamicFs.Disks;

/// <summary>The members of <c>disk.json</c>, in their order in the file.</summary>
internal static partial class DiskLabelFormat
{
    internal sealed record LabelText
    {
        public required string Format { get; init; }
        public required int FormatVersion { get; init; }
        public required FeaturesText Features { get; init; }
        public required Guid PoolId { get; init; }
        public required string PoolName { get; init; }
        public required Guid DiskId { get; init; }
        public required string Label { get; init; }
        public required int MemberIndex { get; init; }
        public required int MemberCount { get; init; }
        public required Guid[] MemberIds { get; init; }
        public required string Policy { get; init; }
        public required string Created { get; init; }
        public required HealthText Health { get; init; }
        public required string Checksum { get; init; }
    }

    internal sealed record FeaturesText
    {
        public required string[] Compat { get; init; }
        public required string[] RoCompat { get; init; }
        public required string[] Incompat { get; init; }
    }

    internal sealed record HealthText
    {
        public required string State { get; init; }
        public required string Reason { get; init; }
        public required string Since { get; init; }
        public required string Evidence { get; init; }
        public required string Who { get; init; }
        public required long ErrorCount { get; init; }
        public required EventText[] History { get; init; }
    }

    internal sealed record EventText
    {
        public required string Time { get; init; }
        public required string Text { get; init; }
    }

    /// <summary>What every version of the file has; everything else is skipped.</summary>
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
    internal sealed record FormatText
    {
        public required string Format { get; init; }
        public required int FormatVersion { get; init; }
        public required IncompatText Features { get; init; }
    }

    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
    internal sealed record IncompatText
    {
        public required string[] Incompat { get; init; }
    }

    [JsonSourceGenerationOptions(
        WriteIndented = true, NewLine = "\n", IndentSize = 2, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true, AllowDuplicateProperties = false, MaxDepth = 16)]
    [JsonSerializable(typeof(LabelText))]
    [JsonSerializable(typeof(FormatText))]
    internal sealed partial class LabelJson : JsonSerializerContext;
}
