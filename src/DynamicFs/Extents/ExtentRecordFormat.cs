using DynamicFs.Primitives;

namespace DynamicFs.Extents;

internal static class ExtentRecordFormat
{
    public static int Write(Span<byte> destination, ExtentRecord record) => throw new CorruptionException("-", "extent record", "the codec", "none yet");

    public static ExtentRecord Read(ReadOnlySpan<byte> source) => throw new CorruptionException("-", "extent record", "the codec", "none yet");
}
