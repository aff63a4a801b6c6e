using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using DynamicFs.Files;
using DynamicFs.Fuse;
using DynamicFs.Interop;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Fuse;

public sealed unsafe class FuseDirectoryWriterTests : IDisposable
{
    private readonly NativeBuffer _memory = new(4096);
    private readonly FuseDirectoryWriter _writer = new();

    public void Dispose() => _memory.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Records_are_padded_to_eight_and_read_back(bool plus)
    {
        _memory.Span.Fill(0xAA);
        _writer.Begin(_memory.Pointer, 4096, plus);
        string[] names = [".", "seven77", "eight888", "nine99999", new string('n', 255)];
        for (int i = 0; i < names.Length; i++)
            Assert.True(_writer.Add(Encoding.UTF8.GetBytes(names[i]), new InodeNumber((ulong)i + 10), FileType.Regular, (ulong)i + 100));

        ReadOnlySpan<byte> records = _memory.Span[.._writer.LengthBytes];
        int head = plus ? Unsafe.SizeOf<FuseEntryOut>() : 0;
        for (int i = 0; i < names.Length; i++)
        {
            FuseDirent entry = MemoryMarshal.Read<FuseDirent>(records[head..]);
            Assert.Equal(((ulong)i + 10, (ulong)i + 100, 8u), (entry.Ino, entry.Off, entry.Type));
            ReadOnlySpan<byte> name = records.Slice(head + Unsafe.SizeOf<FuseDirent>(), (int)entry.Namelen);
            Assert.Equal(names[i], Encoding.UTF8.GetString(name));
            int length = head + Unsafe.SizeOf<FuseDirent>() + name.Length;
            Assert.False(records[length..((length + 7) & ~7)].ContainsAnyExcept((byte)0));
            Assert.False(records[..head].ContainsAnyExcept((byte)0));
            records = records[((length + 7) & ~7)..];
        }

        Assert.True(records.IsEmpty);
    }

    [Fact]
    public void A_full_buffer_refuses_and_keeps_what_it_has()
    {
        _writer.Begin(_memory.Pointer, 64, plus: false);
        Assert.True(_writer.Add("one"u8, new InodeNumber(1), FileType.Directory, 1));
        Assert.True(_writer.Add("two"u8, new InodeNumber(2), FileType.Directory, 2));
        Assert.False(_writer.Add("three"u8, new InodeNumber(3), FileType.Directory, 3));
        Assert.Equal((64, true), (_writer.LengthBytes, _writer.IsFull));
        _writer.Begin(_memory.Pointer, 64, plus: false);
        Assert.Equal((0, false), (_writer.LengthBytes, _writer.IsFull));
    }
}
