using System.Text;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Interop;
using DynamicFs.Primitives;

namespace DynamicFs.Fuzz.Targets;

/// <summary>What stands on every disk beside the metadata: label, fragment headers and names, extent records.</summary>
internal static class DiskTargets
{
    private const int HeaderChecksumAt = 96;
    private const int TableAt = 128;

    private static readonly PoolId _pool = new(new Guid(1, 2, 3, [4, 5, 6, 7, 8, 9, 10, 11]));

    public static IEnumerable<FuzzTarget> All()
    {
        yield return new FuzzTarget("disk-label", StartLabel);
        yield return Codec.Target("fragment-header", Headers, _headerFields, DecodeHeader, ResealHeader, Fit.AtMost);
        yield return Codec.Target("fragment-name", Names, [], DecodeName);
        yield return Codec.Target("extent-record", Records, _recordFields, DecodeRecord);
    }

    private static FuzzSession StartLabel()
    {
        byte[][] valid = [.. Labels().Select(DiskLabelFormat.Encode)];
        return new FuzzSession(random => MakeLabel(valid, random), JudgeLabel) { AllocationBytes = 4 << 20 };
    }

    private static FuzzInput MakeLabel(byte[][] valid, Random random)
    {
        byte[] sample = valid[random.Next(valid.Length)];
        byte[] bytes = random.Next(100) == 0 ? sample : JsonMutation.Of(sample, random);
        if (bytes.AsSpan().SequenceEqual(sample))
            return new FuzzInput(FuzzOrigin.Valid, bytes);
        return new FuzzInput(random.Next(4) != 0 && ResealLabel(bytes) ? FuzzOrigin.Resealed : FuzzOrigin.Changed, bytes);
    }

    /// <summary>JSON may be spelled in more than one way, so what is accepted need not be written byte for byte the same; but it must mean the same.</summary>
    private static bool JudgeLabel(FuzzInput input)
    {
        byte[] again;
        try
        {
            again = DiskLabelFormat.Encode(DiskLabelFormat.Decode("d", input.Bytes));
        }
        catch (Exception e) when (e is CorruptionException or PoolException)
        {
            return input.Origin == FuzzOrigin.Valid || (input.Origin == FuzzOrigin.Changed && e is PoolException)
                ? throw new FuzzException($"refused the wrong way: {e}")
                : false;
        }

        if (input.Origin == FuzzOrigin.Changed)
            throw new FuzzException("a changed label is accepted");
        if (!DiskLabelFormat.Encode(DiskLabelFormat.Decode("d", again)).AsSpan().SequenceEqual(again))
            throw new FuzzException("an accepted label means something else when it is written again");
        return true;
    }

    /// <summary>Last come 64 digits, a quotation mark, a newline, a brace and a newline.</summary>
    private static bool ResealLabel(Span<byte> bytes)
    {
        int start = bytes.Length - 4 - 64;
        if (start < 0)
            return false;
        Span<byte> digits = bytes.Slice(start, 64);
        digits.Fill((byte)'0');
        Encoding.ASCII.GetBytes(Blake3.Hash(bytes).ToString(), digits);
        return true;
    }

    private static IEnumerable<DiskLabel> Labels()
    {
        foreach (int count in (int[])[1, 3, 40])
        {
            DiskId[] members = [.. Enumerable.Range(1, count).Select(i => new DiskId(new Guid(i, 2, 3, new byte[8])))];
            yield return new DiskLabel
            {
                Id = members[count / 2],
                Pool = _pool,
                PoolName = "tank",
                Name = $"disk \"{count}\" \u00e4\u20ac",
                Index = count / 2,
                Members = members,
                Scheme = count < 6 ? RedundancyScheme.Replica(count) : RedundancyScheme.ReedSolomon(4, 2),
                Created = DateTimeOffset.UnixEpoch.AddDays(20_000),
                Health = new DiskHealth(DiskState.Healthy, "new", DateTimeOffset.UnixEpoch.AddDays(20_000), "", "create")
                {
                    History = [.. Enumerable.Range(0, count % DiskHealth.MaxHistory).Select(i => new DiskEvent(DateTimeOffset.UnixEpoch.AddDays(i), "event"))],
                },
                Features = new DiskFeatures(["later"], count == 3 ? ["read-only"] : [], []),
            };
        }
    }

    private static readonly Field[] _headerFields =
    [
        new(0, 8), new(8, 2), new(10, 2), new(12, 4), new(16, 16), new(32, 8), new(40, 8), new(48, 1), new(49, 1), new(50, 1), new(51, 1), new(52, 4), new(56, 4), new(60, 4),
        new(64, 4), new(68, 4), new(72, 4), new(76, 20), new(96, 32), new(128, 32), new(4000, 8),
    ];

    private static byte[][] Headers() =>
    [
        Header(RedundancyScheme.Replica(3), 5000, 4000),
        Header(RedundancyScheme.ReedSolomon(4, 2), 8 << 20, 8 << 20),
        Header(RedundancyScheme.ReedSolomon(2, 1), 100_000, 0),
    ];

    private static byte[] Header(RedundancyScheme scheme, int lengthBytes, int directoryOffset)
    {
        var header = new FragmentHeader(_pool, new ExtentId(0x1234), new Generation(7), scheme, scheme.Width - 1, lengthBytes, directoryOffset);
        byte[] bytes = new byte[header.Layout.HeaderBytes];
        new Random(lengthBytes).NextBytes(bytes.AsSpan(TableAt, header.Layout.BlockCount * Checksum.Size));
        FragmentFormat.Write(header, bytes);
        return bytes;
    }

    private static byte[]? DecodeHeader(byte[] bytes)
    {
        if (!FragmentFormat.TryParse(bytes, out FragmentHeader header, out _, out _))
            return null;
        byte[] again = (byte[])bytes.Clone();
        FragmentFormat.Write(header, again.AsSpan(0, header.Layout.HeaderBytes));
        return again;
    }

    private static bool ResealHeader(Span<byte> bytes)
    {
        if (bytes.Length < TableAt)
            return false;
        int headerBytes = Math.Clamp(BitConverter.ToInt32(bytes[12..]), TableAt, bytes.Length);
        var hasher = new Blake3Hasher();
        hasher.Update(bytes[..HeaderChecksumAt]);
        hasher.Update(bytes[TableAt..headerBytes]);
        hasher.Finish().Write(bytes[HeaderChecksumAt..]);
        return true;
    }

    private static byte[][] Names() =>
    [
        "00000000000000ff.05"u8.ToArray(), "0123456789abcdef.1f"u8.ToArray(), "0000000000000000.00"u8.ToArray(),
    ];

    private static byte[]? DecodeName(byte[] bytes)
    {
        string name = Encoding.Latin1.GetString(bytes);
        FragmentName.TryParseGroup(name, out _);
        return FragmentName.TryParse(name, out ExtentId extent, out int index) ? Encoding.Latin1.GetBytes(FragmentName.Temporary(extent, index).Split('/')[1]) : null;
    }

    private static readonly Field[] _recordFields =
    [
        new(0, 1), new(1, 1), new(2, 1), new(3, 1), new(4, 4), new(8, 4), new(12, 4), new(16, 8), new(24, 8), new(32, 2), new(34, 32), new(66, 2), new(68, 32), new(100, 2),
    ];

    public static byte[][] Records() =>
    [
        Record(RedundancyScheme.Replica(2), 5000, []), Record(RedundancyScheme.ReedSolomon(4, 2), 8 << 20, []), Record(RedundancyScheme.ReedSolomon(4, 2), 700_000, [3]),
        Record(RedundancyScheme.ReedSolomon(20, 12), 1, [0, 31]),
    ];

    private static byte[] Record(RedundancyScheme scheme, int lengthBytes, int[] unplaced)
    {
        var fragments = new FragmentPlace[scheme.Width];
        for (int i = 0; i < fragments.Length; i++)
            fragments[i] = unplaced.Contains(i) ? FragmentPlace.None : new FragmentPlace((short)(i + 1), Blake3.Hash([(byte)i]));
        var layout = new ExtentLayout(scheme, lengthBytes);
        byte[] bytes = new byte[ExtentRecordFormat.SizeOf(scheme)];
        ExtentRecordFormat.Write(bytes, new ExtentRecord(new ExtentId(9), new Generation(4), scheme, lengthBytes, lengthBytes / 2, layout.UnitBytes, fragments));
        return bytes;
    }

    private static byte[]? DecodeRecord(byte[] bytes)
    {
        try
        {
            ExtentRecord record = ExtentRecordFormat.Read(bytes);
            byte[] again = new byte[ExtentRecordFormat.SizeOf(record.Scheme)];
            ExtentRecordFormat.Write(again, record);
            return again;
        }
        catch (CorruptionException)
        {
            return null;
        }
    }
}
