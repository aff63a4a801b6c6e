using DynamicFs.Admin;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging;

namespace DynamicFs;

/// <summary>How to open a pool.</summary>
public sealed record PoolOpening
{
    /// <summary>Name of a registered pool, or the absolute path of any member disk.</summary>
    public required string Source { get; init; }

    public bool ReadOnly { get; init; }

    /// <summary>Open read-only even with fewer disks than the policy needs.</summary>
    public bool Degraded { get; init; }

    public bool AcceptRollBack { get; init; }

    /// <summary>How long to wait for disks that are not there yet.</summary>
    public TimeSpan WaitDisks { get; init; }

    /// <summary>How long to wait for another process to let go of the disks.</summary>
    public TimeSpan WaitLock { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>DYNFS_NO_FSYNC=1: nothing is synced. Loud, never stored.</summary>
    public bool NoFsync { get; init; }

    /// <summary>Verify what was written from the medium instead of the page cache.</summary>
    public bool VerifyDirect { get; init; }
}

/// <summary>An open pool: the only place that builds every layer, starts them in order and ends them in reverse.</summary>
public sealed class Pool : IDisposable
{
    private Pool()
    {
    }

    public static Pool Open(PoolOpening opening, PoolRegistry registry, ILoggerFactory loggers, TimeProvider? time = null) => throw new NotImplementedException();

    public PoolStatus Status(LiveMount? mount) => throw new NotImplementedException();

    public RootsReport Roots() => throw new NotImplementedException();

    public ExplainReport Explain(string path) => throw new NotImplementedException();

    public void Dispose()
    {
    }
}
