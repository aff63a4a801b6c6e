using System.Runtime.CompilerServices;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Primitives;

/// <summary>The sizes that structures on disk, the kernel's ABI and memory budgets rely on.</summary>
public sealed unsafe class LayoutTests
{
    [Fact]
    public void Values_have_the_size_that_formats_give_them()
    {
        Assert.Equal(32, Unsafe.SizeOf<Checksum>());
        Assert.Equal(16, Unsafe.SizeOf<PoolId>());
        Assert.Equal(16, Unsafe.SizeOf<DiskId>());
        Assert.Equal(8, Unsafe.SizeOf<ExtentId>());
        Assert.Equal(8, Unsafe.SizeOf<Generation>());
        Assert.Equal(8, Unsafe.SizeOf<InodeNumber>());
        Assert.Equal(8, Unsafe.SizeOf<PageNumber>());
    }

    [Fact]
    public void A_checksums_bytes_stay_in_order()
    {
        byte[] bytes = [.. Enumerable.Range(1, Checksum.Size).Select(i => (byte)i)];
        Checksum checksum = Checksum.Read(bytes);
        var written = new byte[Checksum.Size];
        checksum.Write(written);
        Assert.Equal(bytes, written);
        Assert.Equal(Convert.ToHexStringLower(bytes), checksum.ToString());
        Assert.False(checksum.IsZero);
        Assert.True(default(Checksum).IsZero);
    }

    [Fact]
    public void An_io_vector_is_the_kernels_iovec()
    {
        byte value = 7;
        var vector = new IoVector(&value, 1);
        Assert.Equal(2 * sizeof(nint), sizeof(IoVector));
        Assert.Equal((nint)(&value), ((nint*)&vector)[0]);
        Assert.Equal(1, ((nint*)&vector)[1]);
    }

    [Fact]
    public void A_native_buffer_is_aligned_for_direct_io()
    {
        using var buffer = new NativeBuffer(NativeBuffer.Alignment + 1);
        Assert.Equal(0, (nint)buffer.Pointer % NativeBuffer.Alignment);
        Assert.Equal(-1, buffer.Span.IndexOfAnyExcept((byte)0));
    }
}
