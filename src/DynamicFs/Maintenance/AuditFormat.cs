using System.Globalization;
using System.Text;
using System.Text.Json;
using DynamicFs.Interop;
using DynamicFs.Primitives;

namespace DynamicFs.Maintenance;

/// <summary>One decision of maintenance about stored data.</summary>
/// <param name="Actor">scrub, rebuild or cleanup.</param>
/// <param name="Extent">Which extent.</param>
/// <param name="Fragment">Which fragment of it; -1 for the extent as a whole.</param>
/// <param name="Disk">The disk, as the operator knows it.</param>
/// <param name="Action">rewrite, move, poison, clear, quarantine or unlink.</param>
/// <param name="Reason">What was found.</param>
/// <param name="Result">What came of it.</param>
internal sealed record AuditEntry(string Actor, ExtentId Extent, int Fragment, string Disk, string Action, string Reason, string Result);

/// <summary>
/// Lines of the audit log: a JSON object each, with a sequence number, the hash of the line before (<c>prev</c>, 64 zeros in the first) and, last, the BLAKE3 of
/// everything in the line before <c>,"hash":</c>. See docs/format.md.
/// </summary>
internal static class AuditFormat
{
    public static readonly string FirstPrevious = new('0', 64);

    private const string HashMember = ",\"hash\":\"";

    /// <summary>A line with its newline, and its hash.</summary>
    public static (byte[] Line, string Hash) Write(long sequence, DateTimeOffset time, AuditEntry entry, string previous)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteNumber("seq", sequence);
            json.WriteString("time", time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture));
            json.WriteString("actor", entry.Actor);
            json.WriteString("extent", entry.Extent.ToString());
            json.WriteNumber("fragment", entry.Fragment);
            json.WriteString("disk", entry.Disk);
            json.WriteString("action", entry.Action);
            json.WriteString("reason", entry.Reason);
            json.WriteString("result", entry.Result);
            json.WriteString("prev", previous);
            json.WriteEndObject();
        }

        byte[] body = buffer.ToArray()[..^1];
        string hash = Blake3.Hash(body).ToString();
        return ([.. body, .. Encoding.UTF8.GetBytes($"{HashMember}{hash}\"}}\n")], hash);
    }

    /// <summary>Checks a line (without its newline) against the one before. Null when it is right, else what is wrong.</summary>
    public static string? Problem(ReadOnlySpan<byte> line, long sequence, string previous, out string hash)
    {
        hash = "";
        int at = line.LastIndexOf(Encoding.UTF8.GetBytes(HashMember));
        if (at < 0 || line.Length != at + HashMember.Length + 66)
            return "no hash at its end";
        hash = Encoding.UTF8.GetString(line.Slice(at + HashMember.Length, 64));
        if (Blake3.Hash(line[..at]).ToString() != hash)
            return "its hash is wrong";
        try
        {
            var reader = new Utf8JsonReader(line);
            using JsonDocument document = JsonDocument.ParseValue(ref reader);
            if (document.RootElement.GetProperty("seq").GetInt64() != sequence)
                return $"its number is not {sequence}";
            return document.RootElement.GetProperty("prev").GetString() == previous ? null : "it does not follow the line before";
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return "it is not an audit line";
        }
    }
}
