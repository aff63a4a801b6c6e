using DynamicFs.Disks;
using DynamicFs.Metadata;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Metadata;

public sealed class DiskRecordFormatTests
{
    private static readonly DateTimeOffset s_time = new(2026, 2, 3, 4, 5, 6, TimeSpan.Zero);

    private static DiskRecord Sample { get; } = new(
        5,
        new DiskId(new Guid("00000000-0000-0000-0000-0000000000d5")),
        new DiskHealth(DiskState.Failed, "what is at its place is not this disk", s_time.AddTicks(7), "there is no .dynfs", "engine")
        {
            ErrorCount = 12,
            History = [new DiskEvent(s_time, "read \u00e9: EIO"), new DiskEvent(s_time.AddSeconds(1), "HEALTHY to FAILED: what is at its place is not this disk")],
        },
        new Generation(77));

    [Fact]
    public void Golden()
    {
        byte[] bytes = Encode(Sample);
        GoldenBytes.Check("disk-record.bin", bytes);
        Assert.Equal(Sample, DiskRecordFormat.Read(5, File.ReadAllBytes(GoldenBytes.PathOf("disk-record.bin"))));
    }

    [Fact]
    public void Old_history_goes_when_there_is_no_room()
    {
        var health = DiskHealth.New(s_time, new string('\u00e9', 500)).To(DiskState.Suspect, new string('\u20ac', 500), s_time, new string('\u20ac', 500), new string('\u20ac', 500));
        for (int i = 0; i < DiskHealth.MaxHistory; i++)
            health = health.With(new DiskEvent(s_time, $"{i:00}{new string('\u20ac', 500)}"), errors: 1);
        byte[] bytes = Encode(Sample with { Health = health });
        Assert.InRange(bytes.Length, 3000, Tree.MaxValueBytes);
        DiskHealth read = DiskRecordFormat.Read(5, bytes).Health;
        Assert.InRange(read.History.Count, 3, DiskHealth.MaxHistory - 1);
        Assert.Equal(health.History.TakeLast(read.History.Count), read.History);
        Assert.Equal((health.Reason, health.Who, health.ErrorCount), (read.Reason, read.Who, read.ErrorCount));
    }

    [Fact]
    public void Fuzz_gives_a_record_that_encodes_to_the_same_bytes_or_corruption()
    {
        var random = new Random(11);
        byte[] good = Encode(Sample);
        int accepted = 0;
        for (int round = 0; round < 20_000; round++)
        {
            byte[] bytes = round % 10 == 0 ? good[..random.Next(good.Length)] : [.. good];
            for (int flips = random.Next(1, 4); flips > 0 && bytes.Length > 0; flips--)
                bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            try
            {
                DiskRecord record = DiskRecordFormat.Read(5, bytes);
                Assert.Equal(bytes, Encode(record));
                accepted++;
            }
            catch (CorruptionException)
            {
            }
        }

        Assert.True(accepted > 0);
    }

    private static byte[] Encode(DiskRecord record)
    {
        byte[] value = new byte[Tree.MaxValueBytes];
        return value[..DiskRecordFormat.Write(value, record)];
    }
}
