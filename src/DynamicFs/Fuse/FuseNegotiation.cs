using DynamicFs.Interop;

namespace DynamicFs.Fuse;

/// <summary>
/// What kernel and daemon agreed on in INIT; immutable, and all that a successor process must be told to take a connection over.
/// docs/fuse.md says why each feature is on or off.
/// </summary>
internal sealed record FuseNegotiation(uint Minor, FuseInitFlags Flags, uint MaxReadahead)
{
    private const int MaxBackground = 64;
    private const int CongestionThreshold = 48;

    /// <summary>What we want; the agreement is what the kernel offers of it.</summary>
    private const FuseInitFlags Wanted =
        FuseInitFlags.AsyncRead | FuseInitFlags.BigWrites | FuseInitFlags.MaxPages | FuseInitFlags.AsyncDio | FuseInitFlags.ParallelDirops
        | FuseInitFlags.ExportSupport | FuseInitFlags.DoReaddirplus | FuseInitFlags.ReaddirplusAuto
        | FuseInitFlags.CacheSymlinks | FuseInitFlags.ExplicitInvalData | FuseInitFlags.HandleKillprivV2
        | FuseInitFlags.PosixAcl | FuseInitFlags.DontMask | FuseInitFlags.SetxattrExt
        | FuseInitFlags.AbortError | FuseInitFlags.NoOpendirSupport | FuseInitFlags.InitExt | FuseInitFlags.DirectIoAllowMmap | FuseInitFlags.HasResend;

    /// <summary>The read-ahead asked for, in bytes; the kernel lowers it to its own limit, sysfs raises that later.</summary>
    private const uint WantedReadahead = 4 << 20;

    public bool Has(FuseInitFlags flag) => (Flags & flag) == flag;

    /// <summary>ENOSYS to OPENDIR tells such a kernel to stop asking and to cache listings.</summary>
    public bool OpensDirectories => !Has(FuseInitFlags.NoOpendirSupport);

    /// <summary>
    /// Without it a direct write on an older kernel leaves stale pages in the cache of other descriptors.
    /// </summary>
    public bool DirectWritesAreCoherent => Has(FuseInitFlags.DirectIoAllowMmap);

    /// <summary>Agrees on what <paramref name="offer"/> has. The kernel must be of <see cref="FuseAbi.OldestMinorVersion"/> or newer.</summary>
    public static FuseNegotiation Agree(in FuseInitIn offer, FuseMountOptions options)
    {
        var offered = (FuseInitFlags)offer.Flags;
        if ((offered & FuseInitFlags.InitExt) != 0)
            offered |= (FuseInitFlags)((ulong)offer.Flags2 << 32);
        FuseInitFlags wanted = Wanted | (options.WritebackCache ? FuseInitFlags.WritebackCache : 0);
        return new FuseNegotiation(Math.Min(offer.Minor, FuseAbi.MinorVersion), wanted & offered, Math.Min(WantedReadahead, Math.Max(offer.MaxReadahead, 128 << 10)));
    }

    public void Fill(ref FuseInitOut reply)
    {
        reply.Major = FuseAbi.MajorVersion;
        reply.Minor = Minor;
        reply.MaxReadahead = MaxReadahead;
        reply.Flags = (uint)((ulong)Flags & uint.MaxValue);
        reply.Flags2 = (uint)((ulong)Flags >> 32);
        reply.MaxBackground = MaxBackground;
        reply.CongestionThreshold = CongestionThreshold;
        reply.MaxWrite = FuseBuffer.PayloadBytes;
        reply.MaxPages = (ushort)(FuseBuffer.PayloadBytes / Environment.SystemPageSize);
        reply.TimeGran = 1;
    }
}
