using System.Buffers;
using System.Globalization;
using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Extents;

/// <summary>
/// Names of fragment files: <c>fragments/&lt;group&gt;/&lt;extent&gt;.&lt;index&gt;</c> and <c>tmp/&lt;extent&gt;.&lt;index&gt;</c>, in lower-case hex of
/// 14, 16 and 2 digits; the group is the extent id without its last 8 bits. Parsing accepts exactly what is written.
/// </summary>
internal static class FragmentName
{
    public const string FragmentsDirectory = DiskLayout.Fragments;
    public const string TemporaryDirectory = DiskLayout.Temporary;

    private const int GroupDigits = 14;
    private const int ExtentDigits = 16;
    private const int IndexDigits = 2;

    private static readonly SearchValues<char> s_hexDigits = SearchValues.Create("0123456789abcdef");

    public static ulong GroupOf(ExtentId extent) => extent.Value >> 8;

    public static ExtentId FirstOf(ulong group) => new(group << 8);

    public static string GroupDirectory(ulong group) => $"{FragmentsDirectory}/{group:x14}";

    public static string File(ExtentId extent, int index) => $"{FragmentsDirectory}/{GroupOf(extent):x14}/{extent.Value:x16}.{index:x2}";

    public static string Temporary(ExtentId extent, int index) => $"{TemporaryDirectory}/{extent.Value:x16}.{index:x2}";

    public static bool TryParseGroup(string name, out ulong group)
    {
        group = 0;
        return name.Length == GroupDigits && TryHex(name, out group);
    }

    public static bool TryParse(string name, out ExtentId extent, out int index)
    {
        extent = default;
        index = 0;
        if (name.Length != ExtentDigits + 1 + IndexDigits || name[ExtentDigits] != '.')
            return false;
        if (!TryHex(name.AsSpan(0, ExtentDigits), out ulong id) || !TryHex(name.AsSpan(ExtentDigits + 1), out ulong number))
            return false;
        (extent, index) = (new ExtentId(id), (int)number);
        return number < RedundancyScheme.MaxWidth;
    }

    private static bool TryHex(ReadOnlySpan<char> digits, out ulong value)
    {
        value = 0;
        return digits.IndexOfAnyExcept(s_hexDigits) < 0
            && ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }
}
