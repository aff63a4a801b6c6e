using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace DynamicFs.Bench;

/// <summary>
/// One row. <paramref name="Ratio"/> is value / raw as they stand: for rates (MiB/s, operations/s) more is better, for times (s) less is.
/// </summary>
internal sealed record Row(
    string Name,
    double Value,
    string Unit,
    double? Raw,
    double? Ratio,
    double? CpuSecondsPerGiB,
    double? RawCpuSecondsPerGiB,
    double CpuSeconds,
    double MachineBusySeconds,
    double? P50Microseconds,
    double? P99Microseconds,
    double? RawP50Microseconds,
    double? RawP99Microseconds,
    double? ByNameRatio,
    int Rounds);

/// <summary>All rows of a run and what the daemon needed at most.</summary>
internal sealed record Results(IReadOnlyList<Row> Rows, double DaemonPeakMebibytes, bool Quick, double Seconds)
{
    public string ToJson() => JsonSerializer.Serialize(new Document(Rows, DaemonPeakMebibytes, Quick, Seconds), ResultsJson.Default.Document);

    public string ToTable()
    {
        var table = new StringBuilder();
        table.AppendLine("row                              value  unit          raw   ratio  CPU s/GiB (raw)   p50/p99 us (raw)");
        foreach (Row row in Rows)
        {
            table.Append(CultureInfo.InvariantCulture, $"{row.Name,-24} {row.Value,13:0.###}  {row.Unit,-6} {Number(row.Raw),10} {Number(row.Ratio),7}");
            table.Append(CultureInfo.InvariantCulture, $"  {Number(row.CpuSecondsPerGiB),7} {Bracketed(row.RawCpuSecondsPerGiB),8}");
            if (row.P50Microseconds is { } p50)
                table.Append(CultureInfo.InvariantCulture, $"   {p50:0}/{row.P99Microseconds:0} ({row.RawP50Microseconds:0}/{row.RawP99Microseconds:0})");
            if (row.ByNameRatio is { } byName)
                table.Append(CultureInfo.InvariantCulture, $"   by name: ratio {byName:0.###}");
            table.AppendLine();
        }

        table.AppendLine("ratio = value / raw: of rates more is better, of times (unit s) less is.");
        table.Append(CultureInfo.InvariantCulture, $"daemon memory at most {DaemonPeakMebibytes:0} MiB; {Seconds:0} s in all{(Quick ? "; --quick: small amounts, few rounds" : "")}");
        return table.ToString();
    }

    private static string Number(double? value) => value?.ToString("0.###", CultureInfo.InvariantCulture) ?? "-";

    private static string Bracketed(double? value) => value is null ? "" : $"({Number(value)})";
}

internal sealed record Document(IReadOnlyList<Row> Results, double DaemonPeakMebibytes, bool Quick, double Seconds);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(Document))]
internal sealed partial class ResultsJson : JsonSerializerContext;
