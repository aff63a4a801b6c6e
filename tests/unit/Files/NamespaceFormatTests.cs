using DynamicFs.Files;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Files;

public class NamespaceFormatTests
{
    private static readonly InodeNumber _inode = new(0x0102030405060708);

    [Fact]
    public void Keys_are_as_stored_for_ever()
    {
        byte[] key = new byte[NamespaceFormat.MaxXattrKeyBytes];
        NamespaceFormat.WriteInodeKey(key, _inode);
        Assert.Equal("010203040506070801", Hex(key, NamespaceFormat.InodeKeyBytes));
        NamespaceFormat.WriteEntryKey(key, _inode, 0x7122334455667788);
        Assert.Equal("0102030405060708027122334455667788", Hex(key, NamespaceFormat.EntryKeyBytes));
        Assert.Equal("0102030405060708" + "04" + "757365722e61" + "00" + "0102", Hex(key, NamespaceFormat.WriteXattrKey(key, _inode, "user.a"u8, 0x102)));
        NamespaceFormat.WriteSymbolicLinkKey(key, _inode, 1);
        Assert.Equal("01020304050607080601", Hex(key, NamespaceFormat.SymbolicLinkKeyBytes));
        NamespaceFormat.WriteOrphanKey(key, _inode);
        Assert.Equal("0000000000000000070102030405060708", Hex(key, NamespaceFormat.OrphanKeyBytes));
    }

    [Fact]
    public void Everything_of_an_inode_lies_together_in_the_order_of_kinds()
    {
        byte[] first = new byte[NamespaceFormat.InodeKeyBytes];
        byte[] last = new byte[NamespaceFormat.SymbolicLinkKeyBytes];
        byte[] next = new byte[NamespaceFormat.InodeKeyBytes];
        NamespaceFormat.WriteInodeKey(first, new InodeNumber(255));
        NamespaceFormat.WriteSymbolicLinkKey(last, new InodeNumber(255), 1);
        NamespaceFormat.WriteInodeKey(next, new InodeNumber(256));
        Assert.True(first.AsSpan().SequenceCompareTo(last) < 0);
        Assert.True(last.AsSpan().SequenceCompareTo(next) < 0);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(16)]
    [InlineData(18)]
    public void A_key_of_the_wrong_length_is_corruption(int length)
        => Assert.Throws<CorruptionException>(() => NamespaceFormat.NumberOf(new byte[length]));

    [Fact]
    public void The_name_of_an_attribute_is_read_back()
    {
        byte[] key = new byte[NamespaceFormat.MaxXattrKeyBytes];
        int length = NamespaceFormat.WriteXattrKey(key, _inode, "trusted.x"u8, 21);
        Assert.Equal("trusted.x"u8, NamespaceFormat.XattrNameOf(key.AsSpan(0, length), out int chunk));
        Assert.Equal(21, chunk);
        Assert.Throws<CorruptionException>(() => NamespaceFormat.XattrNameOf(key.AsSpan(0, NamespaceFormat.PrefixBytes + 3), out _).Length);
    }

    [Fact]
    public void The_hash_of_a_name_is_as_stored_for_ever()
    {
        // BLAKE3("hello") is ea8f163db38682925e44...: its first eight bytes, little-endian, without the top nine bits.
        Assert.Equal(0x9282_86b3_3d16_8feaUL & ((1UL << 55) - 1), FileName.Hash("hello"u8));
    }

    private static string Hex(byte[] key, int length) => Convert.ToHexStringLower(key, 0, length);
}
