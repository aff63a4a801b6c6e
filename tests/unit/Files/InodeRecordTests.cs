using DynamicFs.Files;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Files;

public class InodeRecordTests
{
    [Fact]
    public void Records_are_as_stored_for_ever()
    {
        GoldenBytes.Check("inode-record-file.bin", Write(Regular()));
        GoldenBytes.Check("inode-record-directory.bin", Write(Directory()));
    }

    [Fact]
    public void What_was_written_is_read_back()
    {
        foreach (Inode inode in (Inode[])[Regular(), Directory()])
        {
            Inode read = InodeRecord.Read(inode.Number, Write(inode));
            Assert.Equal(inode.Attributes, read.Attributes);
            Assert.Equal(inode.Parent, read.Parent);
            Assert.Equal(inode.EntryCount, read.EntryCount);
            Assert.Equal(inode.XattrListBytes, read.XattrListBytes);
            Assert.Equal(inode.XattrValueBytes, read.XattrValueBytes);
            Assert.Equal(inode.Flags, read.Flags);
        }
    }

    [Theory]
    [InlineData(0, 2)] // version
    [InlineData(1, 0x80)] // flags
    [InlineData(2, 1)] // reserved
    [InlineData(5, 0x30)] // type
    [InlineData(6, 1)] // mode beyond 16 bits
    [InlineData(31, 0x80)] // size below zero
    [InlineData(51, 0x3C)] // a billion nanoseconds
    [InlineData(88, 1)] // a parent of a file
    [InlineData(96, 1)] // names in a file
    [InlineData(106, 2)] // a listing over 64 KiB
    public void A_field_that_cannot_be_is_corruption(int offset, byte value)
    {
        byte[] record = Write(Regular());
        record[offset] = value;
        Assert.Throws<CorruptionException>(() => InodeRecord.Read(new InodeNumber(7), record));
    }

    [Fact]
    public void Any_damage_is_corruption_or_another_valid_record()
    {
        var random = new Random(1);
        byte[] good = Write(Directory());
        int refused = 0;
        for (int round = 0; round < 20_000; round++)
        {
            byte[] record = good[..random.Next(good.Length / 2, good.Length + 1)];
            for (int flips = random.Next(1, 4); flips > 0; flips--)
                record[random.Next(record.Length)] = (byte)random.Next(256);
            try
            {
                Inode inode = InodeRecord.Read(new InodeNumber(7), record);
                Assert.Equal(record, Write(inode));
            }
            catch (CorruptionException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 10_000, 20_000);
    }

    [Fact]
    public void Entries_are_as_stored_for_ever()
    {
        byte[] record = new byte[EntryRecord.MaxBytes];
        int length = EntryRecord.Write(record, new InodeNumber(0x1122334455667788), FileType.SymbolicLink, "näme"u8);
        GoldenBytes.Check("entry-record.bin", record.AsSpan(0, length));
        ReadOnlySpan<byte> name = EntryRecord.Read(InodeNumber.Root, 256, record.AsSpan(0, length), out InodeNumber inode, out uint type);
        Assert.Equal("näme"u8, name);
        Assert.Equal(new InodeNumber(0x1122334455667788), inode);
        Assert.Equal(FileType.SymbolicLink, type);
    }

    [Fact]
    public void A_damaged_entry_is_corruption()
    {
        byte[] record = new byte[EntryRecord.MaxBytes + 1];
        int length = EntryRecord.Write(record, new InodeNumber(9), FileType.Regular, "name"u8);
        AssertCorrupt(record[..9]);
        AssertCorrupt(record);
        AssertCorrupt([0, 0, 0, 0, 0, 0, 0, 0, .. record[8..length]]);
        AssertCorrupt([.. record[..8], 3, .. record[9..length]]);
        AssertCorrupt([.. record[..9], .. "a/b"u8]);
        AssertCorrupt([.. record[..9], .. "a\0b"u8]);
        AssertCorrupt([.. record[..9], .. ".."u8]);
        Assert.Throws<CorruptionException>(() => EntryRecord.Read(InodeNumber.Root, 255, record.AsSpan(0, length), out _, out _).Length);

        static void AssertCorrupt(byte[] bytes)
            => Assert.Throws<CorruptionException>(() => EntryRecord.Read(InodeNumber.Root, 256, bytes, out _, out _).Length);
    }

    private static Inode Regular() => new(new InodeNumber(7))
    {
        Attributes = new Attributes
        {
            Inode = new InodeNumber(7),
            Mode = FileType.Regular | 0x9ED,
            LinkCount = 3,
            UserId = 1000,
            GroupId = 100,
            SizeBytes = 0x0123456789ABCDEF,
            AllocatedBytes = 4096,
            AccessTime = new FileTime(-5, 999_999_999),
            ModifyTime = new FileTime(1_700_000_000, 1),
            ChangeTime = new FileTime(1_700_000_001, 2),
            BirthTime = new FileTime(1_600_000_000, 3),
        },
        Flags = InodeFlags.HasCapability,
        XattrListBytes = 20,
        XattrValueBytes = 24,
    };

    private static Inode Directory() => new(new InodeNumber(7))
    {
        Attributes = new Attributes
        {
            Inode = new InodeNumber(7),
            Mode = FileType.Directory | 0x5FF,
            LinkCount = 5,
            SizeBytes = 120,
        },
        Parent = new InodeNumber(1),
        EntryCount = 4,
        Flags = InodeFlags.HasDefaultAcl,
        XattrListBytes = 25,
        XattrValueBytes = 28,
    };

    private static byte[] Write(Inode inode)
    {
        byte[] record = new byte[InodeRecord.SizeBytes];
        InodeRecord.Write(record, inode);
        return record;
    }
}
