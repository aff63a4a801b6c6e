using System.Globalization;
using DynamicFs.Primitives;

namespace DynamicFs.Cli;

/// <summary>Amounts as a person writes them: <c>50M</c>, <c>1G</c> bytes; <c>30s</c>, <c>10m</c>, <c>24h</c>, <c>10d</c> of time.</summary>
internal static class Amounts
{
    /// <summary>Null stays null; <c>0</c> is none.</summary>
    public static long? Bytes(string? text)
    {
        if (text is null)
            return null;
        int shift = text.Length == 0 ? -1 : char.ToUpperInvariant(text[^1]) switch { 'K' => 10, 'M' => 20, 'G' => 30, 'T' => 40, _ => 0 };
        string digits = shift > 0 ? text[..^1] : text;
        if (shift < 0 || !long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long number) || number > long.MaxValue >> shift)
            throw new PoolException(ErrorId.Usage, $"'{text}' is no number of bytes: write 50M or 1G (K, M, G and T are powers of 1024)");
        return number << shift;
    }

    public static TimeSpan? Time(string? text)
    {
        if (text is null)
            return null;
        long seconds = text.Length == 0 ? 0 : text[^1] switch { 's' => 1, 'm' => 60, 'h' => 3600, 'd' => 86_400, _ => 0 };
        if (seconds == 0 || !long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out long number) || number > 1_000_000_000 / seconds)
            throw new PoolException(ErrorId.Usage, $"'{text}' is no time: write 30s, 10m, 24h or 10d");
        return TimeSpan.FromSeconds(number * seconds);
    }
}
