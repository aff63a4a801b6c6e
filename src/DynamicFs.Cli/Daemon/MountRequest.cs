using DynamicFs.Fuse;

namespace DynamicFs.Cli.Daemon;

/// <summary>A mount as asked for: the pool (a name, or the absolute path of a member disk), where, and how.</summary>
internal sealed record MountRequest(string Source, string MountPoint, MountOptions Options, bool JsonLog)
{
    /// <summary>The same request for a daemon started anew, which answers on <paramref name="readyDescriptor"/>.</summary>
    public IReadOnlyList<string> ToArguments(int readyDescriptor)
        => ["mount", "--foreground", JsonLog ? "--log-format=json" : "--log-format=text", $"--ready-fd={readyDescriptor}", "-o", Options.ToList(), "--", Source, MountPoint];

    public PoolOpening ToOpening(bool noFsync) => new()
    {
        Source = Source,
        ReadOnly = Options.ReadOnly,
        Degraded = Options.Degraded,
        AcceptRollBack = Options.AcceptRollBack,
        WaitDisks = Options.WaitDisks,
        NoFsync = noFsync,
        VerifyDirect = Options.VerifyDirect,
        NoAtime = Options.NoAtime,
    };

    public FuseMountOptions ToFuseOptions() => new()
    {
        Source = Source,
        MountPoint = MountPoint,
        ReadOnly = Options.ReadOnly,
        AllowOther = Options.AllowOther,
        AllowSuid = Options.Suid,
        AllowDevices = Options.Dev,
        NoExec = Options.NoExec,
        NoAtime = Options.NoAtime,
        AllowNonEmpty = Options.NonEmpty,
        WritebackCache = Options.Writeback,
    };

    /// <summary>A file name for the log: the pool's name, or the disk's path with its slashes replaced.</summary>
    public string LogName => Source.Trim('/').Replace('/', '-');
}
