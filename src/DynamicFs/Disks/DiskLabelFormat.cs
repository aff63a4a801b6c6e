using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using DynamicFs.Interop;
using DynamicFs.Primitives;

namespace DynamicFs.Disks;

/// <summary>
/// <c>disk.json</c>: JSON text whose last member is the BLAKE3 of the whole text with the 64 digits of that checksum replaced by '0'. The
/// rule of the checksum and the members <c>format</c>, <c>formatVersion</c> and <c>features.incompat</c> stay as they are in every later version, so that an older
/// build can tell "too new" from "damaged". The parser takes nothing on trust: size, checksum, version, features, then every member exactly.
/// </summary>
internal static partial class DiskLabelFormat
{
    public const int MaxBytes = 128 * 1024;
    public const string Magic = "dynamicfs-disk";
    public const int Version = 1;

    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'";
    private const int DigitCount = Checksum.Size * 2;
    private static readonly byte[] s_zeroDigits = [.. Enumerable.Repeat((byte)'0', DigitCount)];
    private static ReadOnlySpan<byte> BeforeDigits => "\n  \"checksum\": \""u8;
    private static ReadOnlySpan<byte> AfterDigits => "\"\n}\n"u8;

    public static byte[] Encode(DiskLabel label)
    {
        string? problem = label.Problem();
        Invariant.Check(problem is null, $"a label is written only if it makes sense: {problem}");
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(ToText(label), LabelJson.Default.LabelText);
        byte[] bytes = [.. json, (byte)'\n'];
        Invariant.Check(bytes.Length <= MaxBytes, "a label fits its size limit");
        Span<byte> digits = Digits(bytes);
        string checksum = Blake3.Hash(bytes).ToString();
        Encoding.ASCII.GetBytes(checksum, digits);
        return bytes;
    }

    /// <summary>Throws <see cref="CorruptionException"/> for bad bytes and <see cref="PoolException"/> Format for good ones of an unknown format.</summary>
    public static DiskLabel Decode(string disk, ReadOnlySpan<byte> bytes)
    {
        CheckChecksum(disk, bytes);
        byte[] text = bytes.ToArray();
        CheckFormat(disk, text);
        try
        {
            LabelText label = JsonSerializer.Deserialize(text, LabelJson.Default.LabelText) ?? throw new FormatException("null");
            return FromText(label);
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            throw Corrupt(disk, "a complete label", e.Message);
        }
    }

    internal static CorruptionException Corrupt(string disk, string expected, string found) => new(disk, DiskLayout.Label, expected, found);

    private static void CheckChecksum(string disk, ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length == 0)
            throw Corrupt(disk, "a label", "an empty file");
        if (bytes.Length > MaxBytes)
            throw Corrupt(disk, $"at most {MaxBytes} bytes", "a larger file");
        if (!bytes.ContainsAnyExcept((byte)0))
            throw Corrupt(disk, "a label", "nothing but zeros");

        byte[] hashed = bytes.ToArray();
        Span<byte> digits = Digits(hashed);
        if (digits.IsEmpty)
            throw Corrupt(disk, "JSON text that ends with its checksum", "something else (truncated or damaged)");
        string stored = Encoding.ASCII.GetString(digits);
        s_zeroDigits.CopyTo(digits);
        string actual = Blake3.Hash(hashed).ToString();
        if (stored != actual)
            throw Corrupt(disk, $"checksum {stored}", actual);
    }

    /// <summary>Where the checksum's digits are; empty when the text does not end as it must.</summary>
    private static Span<byte> Digits(Span<byte> bytes)
    {
        int start = bytes.Length - AfterDigits.Length - DigitCount;
        bool isThere = start >= BeforeDigits.Length && bytes.EndsWith(AfterDigits) && bytes[..start].EndsWith(BeforeDigits);
        return isThere ? bytes.Slice(start, DigitCount) : default;
    }

    private static void CheckFormat(string disk, byte[] text)
    {
        FormatText format;
        try
        {
            format = JsonSerializer.Deserialize(text, LabelJson.Default.FormatText) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw Corrupt(disk, "JSON", e.Message);
        }

        if (format.Format != Magic)
            throw Corrupt(disk, $"format \"{Magic}\"", $"\"{format.Format}\"");
        if (format.FormatVersion != Version)
            throw Unsupported(disk, $"format version {format.FormatVersion}; this dynfs knows version {Version}");
        string[] unknown = [.. new DiskFeatures([], [], format.Features.Incompat).UnknownIncompatible];
        if (unknown.Length > 0)
            throw Unsupported(disk, $"features that this dynfs does not know: {string.Join(", ", unknown)}");
    }

    private static PoolException Unsupported(string disk, string what) =>
        new(ErrorId.Format, $"disk {disk}: {DiskLayout.Label} has {what}. Nothing was changed; use the dynfs release that wrote it, or a newer one");

    private static LabelText ToText(DiskLabel label) => new()
    {
        Format = Magic,
        FormatVersion = Version,
        Features = new FeaturesText
        {
            Compat = [.. label.Features.Compatible],
            RoCompat = [.. label.Features.ReadOnlyCompatible],
            Incompat = [.. label.Features.Incompatible],
        },
        PoolId = label.Pool.Value,
        PoolName = label.PoolName,
        DiskId = label.Id.Value,
        Label = label.Name,
        MemberIndex = label.Index,
        MemberCount = label.Members.Count,
        MemberIds = [.. label.Members.Select(member => member.Value)],
        Policy = label.Scheme.ToString(),
        Created = ToText(label.Created),
        Health = new HealthText
        {
            State = DiskStateName.Of(label.Health.State),
            Reason = label.Health.Reason,
            Since = ToText(label.Health.Since),
            Evidence = label.Health.Evidence,
            Who = label.Health.Who,
            ErrorCount = label.Health.ErrorCount,
            History = [.. label.Health.History.Select(entry => new EventText { Time = ToText(entry.Time), Text = entry.Text })],
        },
        Checksum = new string('0', DigitCount),
    };

    private static DiskLabel FromText(LabelText text)
    {
        if (text.MemberCount != text.MemberIds.Length)
            throw new FormatException($"{text.MemberIds.Length} member ids for {text.MemberCount} members");
        // The serializer refuses a null member, but not a null in a list.
        if (text.Health.History.Contains(null!) || text.Features.Compat.Concat(text.Features.RoCompat).Concat(text.Features.Incompat).Contains(null!))
            throw new FormatException("a list with nothing in a place");
        if (!RedundancyScheme.TryParse(text.Policy, out RedundancyScheme scheme, out string? problem))
            throw new FormatException(problem);
        if (!DiskStateName.TryParse(text.Health.State, out DiskState state))
            throw new FormatException($"health state '{text.Health.State}'");

        var label = new DiskLabel
        {
            Id = new DiskId(text.DiskId),
            Pool = new PoolId(text.PoolId),
            PoolName = text.PoolName,
            Name = text.Label,
            Index = text.MemberIndex,
            Members = [.. text.MemberIds.Select(id => new DiskId(id))],
            Scheme = scheme,
            Created = FromText(text.Created),
            Health = FromText(text.Health, state),
            Features = new DiskFeatures(text.Features.Compat, text.Features.RoCompat, text.Features.Incompat),
        };
        return label.Problem() is { } nonsense ? throw new FormatException(nonsense) : label;
    }

    private static DiskHealth FromText(HealthText text, DiskState state) => new(state, text.Reason, FromText(text.Since), text.Evidence, text.Who)
    {
        ErrorCount = text.ErrorCount,
        History = [.. text.History.Select(entry => new DiskEvent(FromText(entry.Time), entry.Text))],
    };

    private static string ToText(DateTimeOffset time) => time.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture);

    private static DateTimeOffset FromText(string time) =>
        DateTimeOffset.ParseExact(time, TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
}
