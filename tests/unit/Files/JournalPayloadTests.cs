using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Files;

public sealed class JournalPayloadTests
{
    [Fact]
    public void WhatIsAddedComesBackInOrder()
    {
        var target = new Recorder();
        JournalPayload.Replay(Sample(), target);
        Assert.Equal(
            ["counters 77 88", "account 5 -100", "put 0102=030405", "put 09=", "delete 0a0b", "drop 3 4096-8192", "data 3 1000 aabbcc"],
            target.Lines);
    }

    [Fact]
    public void MutatedPayloadsAreRefusedOrReplayedButNeverBreakAnything()
    {
        byte[] sample = Sample();
        var random = new Random(20261121);
        int refused = 0;
        for (int i = 0; i < 20_000; i++)
        {
            byte[] mutated = sample.AsSpan(0, random.Next(8) == 0 ? random.Next(sample.Length) : sample.Length).ToArray();
            for (int n = random.Next(1, 4); n > 0 && mutated.Length > 0; n--)
                mutated[random.Next(mutated.Length)] = (byte)random.Next(256);
            var target = new Recorder();
            try
            {
                JournalPayload.Replay(mutated, target);
            }
            catch (CorruptionException)
            {
                Assert.Empty(target.Lines);
                refused++;
            }
        }

        Assert.InRange(refused, 1000, 20_000);
    }

    private static byte[] Sample()
    {
        var payload = new JournalPayload();
        payload.Begin(77, 88);
        payload.AddAccount(new ExtentId(5), -100);
        payload.AddPut([1, 2], [3, 4, 5]);
        payload.AddPut([9], []);
        payload.AddDelete([10, 11]);
        payload.AddDrop(new InodeNumber(3), 4096, 8192);
        payload.AddData(new InodeNumber(3), 1000, [0xaa, 0xbb, 0xcc]);
        return payload.Bytes.ToArray();
    }

    private sealed class Recorder : IJournalTarget
    {
        public List<string> Lines { get; } = [];

        public void Counters(ulong nextInode, ulong nextExtent) => Lines.Add($"counters {nextInode} {nextExtent}");
        public void Extent(ExtentRecord record) => Lines.Add($"extent {record.Id}");
        public void Account(ExtentId extent, long change) => Lines.Add($"account {extent.Value} {change}");
        public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => Lines.Add($"put {Convert.ToHexStringLower(key)}={Convert.ToHexStringLower(value)}");
        public void Delete(ReadOnlySpan<byte> key) => Lines.Add($"delete {Convert.ToHexStringLower(key)}");
        public void Drop(InodeNumber inode, long from, long to) => Lines.Add($"drop {inode} {from}-{to}");
        public void Data(InodeNumber inode, long offset, ReadOnlySpan<byte> bytes) => Lines.Add($"data {inode} {offset} {Convert.ToHexStringLower(bytes)}");
    }
}
