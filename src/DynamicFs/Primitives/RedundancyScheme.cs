using System.Diagnostics.CodeAnalysis;

namespace DynamicFs.Primitives;

/// <summary>
/// How one extent is protected: <paramref name="DataCount"/> data fragments and <paramref name="ParityCount"/> parity fragments.
/// <c>replica:N</c> is one data fragment and N-1 copies of it. Any <see cref="DataCount"/> good fragments give back the data.
/// <para>
/// The counts are <c>int</c>, not <c>byte</c>: the compiler of .NET 10.0.12 spills a byte divisor with a byte store and divides by a 32-bit load of it
/// (seen in ExtentLayout.TryBlocks under tiered PGO), so that layouts came out wrong from time to time. The copy of the SDK in the mount tests found it.
/// </para>
/// </summary>
public readonly record struct RedundancyScheme(int DataCount, int ParityCount)
{
    /// <summary>Largest K+M that a policy may name.</summary>
    public const int MaxWidth = 32;

    public static RedundancyScheme Replica(int copies) => new(1, checked((byte)(copies - 1)));
    public static RedundancyScheme ReedSolomon(int dataCount, int parityCount) => new(checked((byte)dataCount), checked((byte)parityCount));

    public bool IsReplica => DataCount == 1;

    /// <summary>Fragments of a complete extent.</summary>
    public int Width => DataCount + ParityCount;

    /// <summary>How many fragments may be missing or bad while the data is still readable.</summary>
    public int Tolerance => ParityCount;

    /// <summary>Fragments that must be durable before a write is acknowledged: one less than the width, never less than the data needs.</summary>
    public int MinWrite => Math.Max(DataCount, Width - 1);

    public bool IsValid => DataCount >= 1 && ParityCount >= 0 && Width <= MaxWidth && (IsReplica || ParityCount >= 1);

    /// <summary>The scheme of the same tolerance that keeps whole copies; small commits are stored under it.</summary>
    public RedundancyScheme AsReplica => Replica(Tolerance + 1);

    /// <summary>The default for a pool of <paramref name="diskCount"/> disks: 1 replica:1, 2 replica:2, 3-5 replica:3, 6 or more rs:4+2.</summary>
    public static RedundancyScheme DefaultFor(int diskCount) => diskCount switch
    {
        <= 1 => Replica(1),
        2 => Replica(2),
        <= 5 => Replica(3),
        _ => ReedSolomon(4, 2),
    };

    /// <summary>Parses <c>replica:N</c> or <c>rs:K+M</c>; <paramref name="problem"/> says what is wrong in words for an operator.</summary>
    public static bool TryParse(string text, out RedundancyScheme scheme, [NotNullWhen(false)] out string? problem)
    {
        scheme = default;
        problem = null;
        if (text.StartsWith("replica:", StringComparison.Ordinal))
        {
            if (!TryCount(text["replica:".Length..], out int copies) || copies < 1)
                problem = $"'{text}': replica:N needs a whole number of copies from 1 to {MaxWidth}";
            else
                scheme = Replica(copies);
        }
        else if (text.StartsWith("rs:", StringComparison.Ordinal))
        {
            string[] parts = text["rs:".Length..].Split('+');
            if (parts.Length != 2 || !TryCount(parts[0], out int k) || !TryCount(parts[1], out int m) || k < 2 || m < 1 || k + m > MaxWidth)
                problem = $"'{text}': rs:K+M needs K from 2, M from 1 and K+M up to {MaxWidth}";
            else
                scheme = ReedSolomon(k, m);
        }
        else
        {
            problem = $"'{text}' is no policy: use replica:N (N copies) or rs:K+M (K data and M parity fragments)";
        }

        return problem is null;
    }

    public override string ToString() => IsReplica ? $"replica:{Width}" : $"rs:{DataCount}+{ParityCount}";

    private static bool TryCount(string text, out int value) =>
        int.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out value)
        && value <= MaxWidth;
}
