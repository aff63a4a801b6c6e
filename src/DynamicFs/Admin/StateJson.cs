using System.Text.Json.Serialization;

namespace DynamicFs.Admin;

/// <summary>How the files of the state directory look.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(RegisteredPool))]
[JsonSerializable(typeof(LiveMount))]
internal sealed partial class StateJson : JsonSerializerContext;
