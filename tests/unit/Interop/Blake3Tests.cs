using System.Runtime.InteropServices;
using System.Text;
using DynamicFs.Interop;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.UnitTests.Interop;

public sealed unsafe class Blake3Tests
{
    // The official test vectors: byte i of the input is i mod 251 (test_vectors.json of the BLAKE3 project).
    [Theory]
    [InlineData(0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262")]
    [InlineData(1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213")]
    [InlineData(1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11")]
    [InlineData(1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7")]
    [InlineData(1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444")]
    [InlineData(102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085")]
    public void Hashes_the_official_vectors(int lengthBytes, string expected) =>
        Assert.Equal(expected, Blake3.Hash(VectorInput(lengthBytes)).ToString());

    [Fact]
    public void Hashes_known_text() =>
        Assert.Equal("6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85", Blake3.Hash("abc"u8).ToString());

    [Fact]
    public void Pieces_hash_like_the_whole()
    {
        byte[] input = VectorInput(70_001);
        Checksum whole = Blake3.Hash(input);
        fixed (byte* start = input)
        {
            ReadOnlySpan<IoVector> pieces = [new(start, 0), new(start, 1), new(start + 1, 16384), new(start + 16385, input.Length - 16385)];
            Assert.Equal(whole, Blake3.Hash(pieces));
            Assert.Equal(whole, Blake3.Hash(start, input.Length));
        }
    }

    [Fact]
    public void Hasher_takes_pieces_and_goes_on_after_finish()
    {
        byte[] input = VectorInput(5000);
        var hasher = new Blake3Hasher();
        hasher.Update(input.AsSpan(0, 1025));
        Assert.Equal(Blake3.Hash(input.AsSpan(0, 1025)), hasher.Finish());
        hasher.Update([]);
        hasher.Update(input.AsSpan(1025));
        Assert.Equal(Blake3.Hash(input), hasher.Finish());
    }

    [Fact]
    public void Hasher_that_was_not_constructed_is_refused()
    {
        Assert.Throws<InvariantException>(() =>
        {
            Blake3Hasher hasher = default;
            hasher.Update(Encoding.ASCII.GetBytes("x"));
        });
    }

    [Fact]
    public void Library_stays_within_the_state_kept_for_it()
    {
        const int guardBytes = 64;
        int stateBytes = sizeof(Blake3.HasherState);
        Assert.Equal(Blake3.HasherState.Size, stateBytes);
        byte* memory = (byte*)NativeMemory.AlignedAlloc((nuint)(stateBytes + guardBytes), 64);
        try
        {
            var guard = new Span<byte>(memory + stateBytes, guardBytes);
            guard.Fill(0xa5);
            var state = (Blake3.HasherState*)memory;
            Checksum checksum;
            byte[] input = VectorInput(1 << 20);
            Blake3.Init(state);
            for (int i = 0; i < 5; i++)
            {
                fixed (byte* start = input)
                    Blake3.Update(state, start, (nuint)(input.Length - i));
            }

            Blake3.Finish(state, &checksum, Checksum.Size);
            Assert.Equal(-1, guard.IndexOfAnyExcept((byte)0xa5));
            Assert.False(checksum.IsZero);
        }
        finally
        {
            NativeMemory.AlignedFree(memory);
        }
    }

    [Fact]
    public void A_checksum_holds_the_bytes_of_the_hash_in_order()
    {
        var bytes = new byte[Checksum.Size];
        Blake3.Hash(ReadOnlySpan<byte>.Empty).Write(bytes);
        Assert.Equal("af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262", Convert.ToHexStringLower(bytes));
    }

    private static byte[] VectorInput(int lengthBytes)
    {
        var input = new byte[lengthBytes];
        for (int i = 0; i < lengthBytes; i++)
            input[i] = (byte)(i % 251);
        return input;
    }
}
