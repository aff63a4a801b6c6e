using DynamicFs.Fuse;
using DynamicFs.Interop;
using Xunit;

namespace DynamicFs.UnitTests.Fuse;

public sealed class FuseNegotiationTests
{
    private static readonly FuseMountOptions s_options = new() { Source = "tank", MountPoint = "/data" };

    [Fact]
    public void Nothing_is_agreed_that_was_not_offered()
    {
        FuseNegotiation agreed = FuseNegotiation.Agree(new FuseInitIn { Major = 7, Minor = 34, Flags = (uint)(FuseInitFlags.BigWrites | FuseInitFlags.MaxPages) }, s_options);
        Assert.Equal(FuseInitFlags.BigWrites | FuseInitFlags.MaxPages, agreed.Flags);
        Assert.True(agreed.OpensDirectories);
        Assert.False(agreed.DirectWritesAreCoherent);
    }

    [Fact]
    public void The_upper_flags_count_only_with_the_extension()
    {
        var offer = new FuseInitIn { Major = 7, Minor = 45, Flags = uint.MaxValue & ~(uint)FuseInitFlags.InitExt, Flags2 = uint.MaxValue };
        Assert.False(FuseNegotiation.Agree(offer, s_options).Has(FuseInitFlags.HasResend));
        offer.Flags = uint.MaxValue;
        FuseNegotiation agreed = FuseNegotiation.Agree(offer, s_options);
        Assert.True(agreed.Has(FuseInitFlags.HasResend | FuseInitFlags.InitExt));
        FuseInitOut reply = default;
        agreed.Fill(ref reply);
        Assert.Equal((ulong)agreed.Flags, reply.Flags | ((ulong)reply.Flags2 << 32));
    }

    [Fact]
    public void What_would_change_the_meaning_of_requests_or_of_the_cache_is_never_agreed()
    {
        FuseNegotiation agreed = Everything(s_options);
        FuseInitFlags never = FuseInitFlags.AutoInvalData | FuseInitFlags.FlockLocks | FuseInitFlags.PosixLocks | FuseInitFlags.SpliceMove | FuseInitFlags.SpliceRead
            | FuseInitFlags.SpliceWrite | FuseInitFlags.SecurityCtx | FuseInitFlags.CreateSuppGroup | FuseInitFlags.AllowIdmap | FuseInitFlags.RequestTimeout
            | FuseInitFlags.OverIoUring | FuseInitFlags.HandleKillpriv | FuseInitFlags.WritebackCache | FuseInitFlags.Submounts;
        Assert.Equal(FuseInitFlags.None, agreed.Flags & never);
    }

    [Fact]
    public void Writeback_is_an_option() =>
        Assert.True(Everything(s_options with { WritebackCache = true }).Has(FuseInitFlags.WritebackCache));

    [Theory]
    [InlineData(31, 31)]
    [InlineData(45, 45)]
    [InlineData(60, 45)]
    public void The_smaller_minor_version_holds(uint offered, uint agreed) =>
        Assert.Equal(agreed, FuseNegotiation.Agree(new FuseInitIn { Major = 7, Minor = offered }, s_options).Minor);

    private static FuseNegotiation Everything(FuseMountOptions options) =>
        FuseNegotiation.Agree(new FuseInitIn { Major = 7, Minor = 45, Flags = uint.MaxValue, Flags2 = uint.MaxValue }, options);
}
