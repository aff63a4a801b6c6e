namespace DynamicFs.Fuzz;

/// <summary>Computes every checksum of a structure anew, as somebody would who forges it; false when there is no room for it.</summary>
internal delegate bool Reseal(Span<byte> bytes);

/// <summary>Which lengths a parser may be given.</summary>
internal enum Fit
{
    Any,

    /// <summary>What lies behind is not the parser's business.</summary>
    AtMost,

    /// <summary>The caller has read a whole page or slot.</summary>
    Exact,
}

/// <summary>
/// The usual target: bytes that decode to a value or are refused. The rules: what was written is accepted; a changed byte under a checksum never is; and what
/// is accepted has exactly the bytes that writing the decoded value gives, so no byte is without a meaning.
/// </summary>
internal static class Codec
{
    /// <param name="decode">What writing the decoded value gives; null when the bytes are refused in a declared way.</param>
    public static FuzzTarget Target(
        string name, Func<IReadOnlyList<byte[]>> samples, IReadOnlyList<Field> fields, Func<byte[], byte[]?> decode, Reseal? reseal = null, Fit fit = Fit.Any) =>
        new(name, () =>
        {
            IReadOnlyList<byte[]> valid = samples();
            return new FuzzSession(random => Make(valid, fields, reseal, fit, random), input => Judge(input, reseal is not null, decode));
        });

    public static FuzzInput Make(IReadOnlyList<byte[]> valid, IReadOnlyList<Field> fields, Reseal? reseal, Fit fit, Random random)
    {
        byte[] sample = valid[random.Next(valid.Count)];
        if (random.Next(100) == 0)
            return new FuzzInput(FuzzOrigin.Valid, sample);
        byte[] bytes = Mutation.Of(sample, random, fields, valid[random.Next(valid.Count)]);
        if (fit == Fit.Exact || (fit == Fit.AtMost && bytes.Length > sample.Length))
            Array.Resize(ref bytes, sample.Length);
        if (valid.Any(other => bytes.AsSpan().SequenceEqual(other)))
            return new FuzzInput(FuzzOrigin.Valid, bytes);
        bool isResealed = reseal is not null && random.Next(3) != 0 && reseal(bytes);
        return new FuzzInput(isResealed ? FuzzOrigin.Resealed : FuzzOrigin.Changed, bytes);
    }

    public static bool Judge(FuzzInput input, bool hasChecksum, Func<byte[], byte[]?> decode)
    {
        byte[]? again = decode(input.Bytes);
        if (again is null)
            return input.Origin == FuzzOrigin.Valid ? throw new FuzzException("what was written is refused") : false;
        if (hasChecksum && input.Origin == FuzzOrigin.Changed)
            throw new FuzzException("a changed byte under a checksum is accepted");
        if (!again.AsSpan().SequenceEqual(input.Bytes))
            throw new FuzzException($"accepted bytes are written differently, first at {again.AsSpan().CommonPrefixLength(input.Bytes)} of {input.Bytes.Length}");
        return true;
    }
}
