namespace DynamicFs.Fuzz;

/// <summary>Where the bytes of an input come from.</summary>
internal enum FuzzOrigin : byte
{
    /// <summary>As they were written: must be accepted.</summary>
    Valid,

    /// <summary>Changed; a checksum over them is not theirs any more.</summary>
    Changed,

    /// <summary>Changed, and every checksum computed anew: only the checks behind the checksum are left.</summary>
    Resealed,
}

internal sealed record FuzzInput(FuzzOrigin Origin, byte[] Bytes);

/// <summary>
/// A parser under fuzz between two fresh starts. <paramref name="Judge"/> gives an input to the parser and throws when a rule is broken: every exception that
/// leaves it is a failure. It returns whether the input was accepted.
/// </summary>
internal sealed record FuzzSession(Func<Random, FuzzInput> Make, Func<FuzzInput, bool> Judge)
{
    /// <summary>Checked after the last input.</summary>
    public Action? End { get; init; }

    /// <summary>Lets go of what the session holds, also after a failure.</summary>
    public Action? Close { get; init; }

    /// <summary>What judging one input may allocate, besides 16 bytes for each of the input's.</summary>
    public long AllocationBytes { get; init; } = 128 << 10;
}

/// <summary>Something that parses bytes that it did not write itself.</summary>
internal sealed record FuzzTarget(string Name, Func<FuzzSession> Start)
{
    /// <summary>After so many inputs a session that keeps state is begun anew: what a failure needs to be reproduced.</summary>
    public int SessionInputs { get; init; } = int.MaxValue;

    public bool KeepsState => SessionInputs != int.MaxValue;
}

/// <summary>A rule that an input broke.</summary>
internal sealed class FuzzException(string what) : Exception(what);
