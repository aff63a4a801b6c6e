using System.Numerics;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Extents;

public sealed class DegradedReadTests
{
    [Theory]
    [InlineData("replica:1", 100_000)]
    [InlineData("replica:3", 300_000)]
    [InlineData("rs:2+1", 300_001)]
    [InlineData("rs:4+2", 5_000)]
    [InlineData("rs:4+2", 1_333_333)]
    [InlineData("rs:8+3", 2_000_000)]
    public void Every_combination_of_missing_disks(string policy, int lengthBytes)
    {
        RedundancyScheme scheme = Parse(policy);
        using var pool = new ExtentPool(scheme.Width);
        byte[] data = ExtentPool.Bytes(lengthBytes, 1);
        ExtentRecord record = pool.Write(scheme, data);
        for (uint missing = 0; missing < 1u << scheme.Width; missing++)
        {
            int count = BitOperations.PopCount(missing);
            if (count > scheme.Tolerance + 1)
                continue;
            for (int i = 0; i < scheme.Width; i++)
                pool.MemberOf(record, i).SetState((missing >> i & 1) != 0 ? DiskState.Failed : DiskState.Suspect);
            if (count <= scheme.Tolerance)
                pool.AssertReads(record, data);
            else
                AssertLostOrRight(pool, record, data);
        }

        Assert.Empty(pool.Damages);
    }

    [Fact]
    public void Full_extent_without_two_disks()
    {
        using var pool = new ExtentPool(6, threads: 2);
        byte[] data = ExtentPool.Bytes(8 << 20, 1);
        ExtentRecord record = pool.Write(RedundancyScheme.ReedSolomon(4, 2), data);
        pool.MemberOf(record, 0).SetState(DiskState.Failed);
        pool.MemberOf(record, 2).SetState(DiskState.Failed);
        pool.AssertReads(record, data, ranges: 20);
        Assert.True(pool.Store.Counters.DecodedBlocks > 256);
    }

    [Theory]
    [InlineData(17, 15, 400_000)]
    [InlineData(2, 30, 400_000)]
    [InlineData(31, 1, (8 << 20) - 1)]
    public void Wide_schemes_survive_as_many_as_they_promise(int dataCount, int parityCount, int lengthBytes)
    {
        var scheme = RedundancyScheme.ReedSolomon(dataCount, parityCount);
        using var pool = new ExtentPool(scheme.Width);
        byte[] data = ExtentPool.Bytes(lengthBytes, 1);
        ExtentRecord record = pool.Write(scheme, data);
        var random = new Random(9);
        int[] order = [.. Enumerable.Range(0, scheme.Width)];
        for (int round = 0; round < 5; round++)
        {
            random.Shuffle(order);
            for (int i = 0; i < order.Length; i++)
                pool.MemberOf(record, order[i]).SetState(i < parityCount ? DiskState.Failed : DiskState.Healthy);
            pool.AssertReads(record, data);
        }
    }

    public static TheoryData<string, string> Damages()
    {
        var cases = new TheoryData<string, string>();
        foreach (string policy in (string[])["replica:3", "rs:4+2"])
        {
            foreach (string damage in (string[])["delete", "truncate", "empty", "zero", "header", "table", "checksum", "padding", "payload", "last", "directory", "fifo", "symlink", "eio", "other extent", "other index", "other pool", "extra"])
                cases.Add(policy, damage);
        }

        return cases;
    }

    /// <summary>The same damage to one, two, ... fragments: read right up to the tolerance, and never wrong beyond it.</summary>
    [Theory]
    [MemberData(nameof(Damages))]
    public void Damaged_fragments_are_erasures(string policy, string damage)
    {
        RedundancyScheme scheme = Parse(policy);
        using var pool = new ExtentPool(scheme.Width);
        byte[] data = ExtentPool.Bytes(700_000, 1), otherData = ExtentPool.Bytes(700_000, 2);
        ExtentRecord record = pool.Write(scheme, data), other = pool.Write(scheme, otherData);
        for (int count = 1; count <= scheme.Tolerance + 1; count++)
        {
            Damage(pool, record, other, count - 1, damage);
            pool.Reopen();
            pool.Damages.Clear();
            if (count > scheme.Tolerance && damage != "extra")
            {
                AssertLostOrRight(pool, record, data);
                if (damage is not ("payload" or "last"))
                    Assert.Equal(ErrorId.DataLost, Assert.Throws<PoolException>(() => pool.Store.Read(record, 0, new byte[data.Length])).Id);
                continue;
            }

            pool.AssertReads(record, data);
            if (damage == "extra")
                continue;
            (ExtentId extent, int index, FragmentDamage found) = pool.Damages[0];
            Assert.Equal((record.Id, true, pool.MemberOf(record, index).Name), (extent, index < count, found.Disk));
            Assert.Equal(KindOf(damage), found.Kind);
            MemberDisk member = pool.MemberOf(record, index);
            Assert.True(damage == "eio" ? member.ReadFailureCount > 0 : member.CorruptionCount > 0);
            FragmentVerdict[] verdicts = pool.Store.Verify(record);
            for (int i = 0; i < verdicts.Length; i++)
                Assert.Equal(i >= count ? FragmentVerdict.Good : damage == "delete" ? FragmentVerdict.Missing : FragmentVerdict.Corrupt, verdicts[i]);
        }
    }

    [Fact]
    public void Different_blocks_bad_in_every_fragment_still_read()
    {
        using var pool = new ExtentPool(6);
        byte[] data = ExtentPool.Bytes(3 << 20, 1);
        ExtentRecord record = pool.Write(RedundancyScheme.ReedSolomon(4, 2), data);
        var layout = new ExtentLayout(record.Scheme, record.LengthBytes);

        // Block b is bad in the fragments b and b + 1: no fragment is good as a whole, no block is bad in more than two.
        for (int block = 0; block < layout.BlockCount; block++)
        {
            for (int i = 0; i < 2; i++)
                pool.FlipBit(record, (block + i) % 6, layout.HeaderBytes + (block * ExtentLayout.BlockBytes) + 100);
        }

        pool.AssertReads(record, data, ranges: 40);
        Assert.All(pool.Store.Verify(record), verdict => Assert.Equal(FragmentVerdict.Corrupt, verdict));
    }

    [Fact]
    public void Different_blocks_bad_in_every_copy_still_read()
    {
        using var pool = new ExtentPool(3);
        byte[] data = ExtentPool.Bytes(2 << 20, 1);
        ExtentRecord record = pool.Write(RedundancyScheme.Replica(3), data);
        var layout = new ExtentLayout(record.Scheme, record.LengthBytes);
        for (int block = 0; block < layout.BlockCount; block++)
        {
            for (int i = 0; i < 2; i++)
                pool.FlipBit(record, (block + i) % 3, layout.HeaderBytes + (block * ExtentLayout.BlockBytes) + 100);
        }

        pool.AssertReads(record, data, ranges: 40);
    }

    [Fact]
    public void Only_the_lost_range_fails()
    {
        using var pool = new ExtentPool(3);
        byte[] data = ExtentPool.Bytes(1 << 20, 1);
        ExtentRecord record = pool.Write(RedundancyScheme.ReedSolomon(2, 1), data);
        var layout = new ExtentLayout(record.Scheme, record.LengthBytes);
        pool.FlipBit(record, 0, layout.HeaderBytes + 5);
        pool.FlipBit(record, 2, layout.HeaderBytes + 5);
        PoolException lost = Assert.Throws<PoolException>(() => pool.Store.Read(record, 0, new byte[1]));
        Assert.Equal(ErrorId.DataLost, lost.Id);
        Assert.Contains(record.Id.ToString(), lost.Message, StringComparison.Ordinal);
        pool.AssertRange(record, data, 16384, 65536 - 16384);
        pool.AssertRange(record, data, 65536, data.Length - 65536 - 1);
        Assert.Equal(1, pool.Store.Counters.LostReads);
    }

    [Fact]
    public void A_bit_flip_anywhere_in_a_fragment_is_noticed_or_harmless()
    {
        using var pool = new ExtentPool(3);
        byte[] data = ExtentPool.Bytes(150_000, 1);
        ExtentRecord record = pool.Write(RedundancyScheme.ReedSolomon(2, 1), data);
        var layout = new ExtentLayout(record.Scheme, record.LengthBytes);
        var random = new Random(5);
        for (int round = 0; round < 300; round++)
        {
            int fragment = round % 3, offset = random.Next(round % 2 == 0 ? layout.HeaderBytes : layout.FragmentBytes);
            pool.FlipBit(record, fragment, offset);
            pool.Reopen();
            pool.AssertReads(record, data);
            FragmentVerdict[] verdicts = pool.Store.Verify(record);
            for (int i = 0; i < 3; i++)
                Assert.Equal(i == fragment ? FragmentVerdict.Corrupt : FragmentVerdict.Good, verdicts[i]);
            pool.FlipBit(record, fragment, offset);
        }
    }

    [Fact]
    public void Parity_that_does_not_belong_to_the_data_is_corrupt_though_its_checksums_are_right()
    {
        using var pool = new ExtentPool(6);
        byte[] data = ExtentPool.Bytes(1 << 20, 1), otherData = ExtentPool.Bytes(1 << 20, 2);
        ExtentRecord record = pool.Write(RedundancyScheme.ReedSolomon(4, 2), data);

        // The same extent written again with other bytes; the record then names the other parity fragment.
        byte[] parity = File.ReadAllBytes(pool.PathOf(record, 4));
        ExtentRecord other = pool.Write(record.Scheme, otherData, record.Id);
        byte[] otherParity = File.ReadAllBytes(pool.PathOf(other, 4));
        ExtentRecord again = pool.Write(record.Scheme, data, record.Id);
        File.WriteAllBytes(pool.PathOf(again, 4), otherParity);
        FragmentPlace[] places = [.. again.Fragments];
        places[4] = places[4] with { HeaderChecksum = other.Fragments[4].HeaderChecksum };
        FragmentVerdict[] verdicts = pool.Store.Verify(again with { Fragments = places });
        Assert.Equal(
            [FragmentVerdict.Good, FragmentVerdict.Good, FragmentVerdict.Good, FragmentVerdict.Good, FragmentVerdict.Corrupt, FragmentVerdict.Good], verdicts);
        Assert.NotEqual(parity, otherParity);
    }

    [Fact]
    public void Verdicts_without_disks()
    {
        using var pool = new ExtentPool(4);
        ExtentRecord record = pool.Write(RedundancyScheme.Replica(4), ExtentPool.Bytes(10_000, 1));
        pool.MemberOf(record, 1).SetState(DiskState.Failed);
        FragmentPlace[] places = [.. record.Fragments];
        places[2] = FragmentPlace.None;
        places[3] = places[3] with { DiskIndex = 77 };
        Assert.Equal(
            [FragmentVerdict.Good, FragmentVerdict.DiskMissing, FragmentVerdict.Unplaced, FragmentVerdict.DiskMissing],
            pool.Store.Verify(record with { Fragments = places }));
        Assert.Empty(pool.Damages);
    }

    [Fact]
    public void A_repaired_fragment_is_used_at_once()
    {
        using var pool = new ExtentPool(1);
        byte[] data = ExtentPool.Bytes(10_000, 1);
        ExtentRecord record = pool.Write(RedundancyScheme.Replica(1), data);
        byte[] good = File.ReadAllBytes(pool.PathOf(record, 0));
        pool.FlipBit(record, 0, 4096);
        Assert.Throws<PoolException>(() => pool.Store.Read(record, 0, new byte[1]));

        // Written beside it and renamed, as repair does: the open file is another one.
        File.WriteAllBytes(pool.PathOf(record, 0) + ".new", good);
        File.Move(pool.PathOf(record, 0) + ".new", pool.PathOf(record, 0), overwrite: true);
        pool.AssertReads(record, data);
    }

    private static void Damage(ExtentPool pool, ExtentRecord record, ExtentRecord other, int fragment, string damage)
    {
        var layout = new ExtentLayout(record.Scheme, record.LengthBytes);
        string path = pool.PathOf(record, fragment);
        switch (damage)
        {
            case "delete":
                File.Delete(path);
                break;
            case "truncate":
                using (FileStream file = pool.OpenFragment(record, fragment))
                    file.SetLength(layout.HeaderBytes + 10_000);
                break;
            case "empty":
                File.WriteAllBytes(path, []);
                break;
            case "zero":
                File.WriteAllBytes(path, new byte[layout.FragmentBytes]);
                break;
            case "header":
                pool.FlipBit(record, fragment, 33);
                break;
            case "table":
                pool.FlipBit(record, fragment, FragmentFormat.TableAt + 3);
                break;
            case "checksum":
                pool.FlipBit(record, fragment, FragmentFormat.TableAt - 3);
                break;
            case "padding":
                pool.FlipBit(record, fragment, layout.HeaderBytes - 1);
                break;
            case "payload":
                pool.FlipBit(record, fragment, layout.HeaderBytes + 20_000);
                break;
            case "last":
                pool.FlipBit(record, fragment, layout.FragmentBytes - 4096);
                break;
            case "directory":
                File.Delete(path);
                Directory.CreateDirectory(path);
                break;
            case "fifo":
                File.Delete(path);
                MakeFifo(path);
                break;
            case "symlink":
                File.Move(path, path + ".target");
                File.CreateSymbolicLink(path, path + ".target");
                break;
            case "eio":
                ((FaultyDisk)pool.MemberOf(record, fragment).Disk!).Fault = (call, _, _) => call == DiskCall.Read ? Errno.EIO : Errno.None;
                break;
            case "other extent":
                File.Copy(pool.PathOf(other, fragment), path, overwrite: true);
                break;
            case "other index":
                Rewrite(path, layout, header => header with { Index = (header.Index + 1) % header.Scheme.Width });
                break;
            case "other pool":
                Rewrite(path, layout, header => header with { Pool = PoolId.New() });
                break;
            case "extra":
                using (FileStream file = pool.OpenFragment(record, fragment))
                    file.SetLength(layout.FragmentBytes + 5);
                break;
            default:
                throw new ArgumentException(damage);
        }
    }

    /// <summary>A fragment with another header, right in itself.</summary>
    private static void Rewrite(string path, in ExtentLayout layout, Func<FragmentHeader, FragmentHeader> change)
    {
        byte[] bytes = File.ReadAllBytes(path);
        Assert.True(FragmentFormat.TryParse(bytes, out FragmentHeader header, out _, out _));
        FragmentFormat.Write(change(header), bytes.AsSpan(0, layout.HeaderBytes));
        Assert.True(FragmentFormat.TryParse(bytes, out _, out _, out _));
        File.WriteAllBytes(path, bytes);
    }

    private static void MakeFifo(string path)
    {
        using var process = System.Diagnostics.Process.Start("mkfifo", [path]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    private static FragmentDamageKind KindOf(string damage) => damage switch
    {
        "delete" => FragmentDamageKind.Missing,
        "truncate" or "payload" or "last" => FragmentDamageKind.Blocks,
        "eio" => FragmentDamageKind.Unreadable,
        _ => FragmentDamageKind.Header,
    };

    private static void AssertLostOrRight(ExtentPool pool, ExtentRecord record, byte[] data)
    {
        var random = new Random(3);
        for (int i = 0; i < 6; i++)
        {
            int offset = i == 0 ? 0 : random.Next(data.Length), length = i == 0 ? data.Length : 1 + random.Next(data.Length - offset);
            try
            {
                pool.AssertRange(record, data, offset, length);
            }
            catch (PoolException e)
            {
                Assert.Equal(ErrorId.DataLost, e.Id);
            }
        }
    }

    private static RedundancyScheme Parse(string policy)
    {
        Assert.True(RedundancyScheme.TryParse(policy, out RedundancyScheme scheme, out _));
        return scheme;
    }
}
