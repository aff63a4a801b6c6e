using System.Runtime.InteropServices;
using DynamicFs.Admin;
using DynamicFs.Cli.Output;
using DynamicFs.Fuse;
using DynamicFs.Interop;
using DynamicFs.Primitives;
using Microsoft.Extensions.Logging;

namespace DynamicFs.Cli.Daemon;

/// <summary>
/// The process behind a mount: opens the pool, mounts, serves until the kernel says that the mount is gone, commits and ends. SIGTERM, SIGINT and
/// SIGHUP commit and unmount. It never looks into its own mount: its working directory is '/', its files lie elsewhere.
/// </summary>
internal static partial class MountDaemon
{
    /// <summary>How long a signal waits for those who have files open before it cuts them off.</summary>
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(5);

    public static int Run(MountRequest request, Surroundings surroundings, ReadyPipe ready)
    {
        using ILoggerFactory loggers = DaemonLog.Create(request.JsonLog, surroundings.Variable);
        ILogger log = loggers.CreateLogger("DynamicFs.Daemon");
        RefuseProfiles(surroundings);
        Directory.SetCurrentDirectory("/");
        NativeProcess.SetIoFlusher();
        var opening = request.ToOpening(noFsync: surroundings.Variable("DYNFS_NO_FSYNC") == "1");
        if (opening.NoFsync)
            LogNoFsync(log);

        using Pool pool = Pool.Open(opening, surroundings.Registry, loggers);
        using FuseSession session = FuseSession.Mount(pool.Files, FuseOptions(request, pool, log), loggers);
        Exception? failure = null;
        LiveMount mount = Describe(request, pool);
        try
        {
            Serve(pool, session, mount, surroundings, ready, loggers, log);
        }
        catch (Exception e)
        {
            failure = e;
            session.Unmount(s_grace);
        }

        return End(pool, mount, surroundings, failure, log);
    }

    /// <summary>The runtime's profile-guided compilation gave wrong code here (docs/decisions.md); the environment must not bring it back.</summary>
    private static void RefuseProfiles(Surroundings surroundings)
    {
        foreach (string variable in (string[])["DOTNET_TieredPGO", "COMPlus_TieredPGO"])
        {
            if (surroundings.Variable(variable) is { Length: > 0 } value && value != "0")
                throw new PoolException(ErrorId.Usage, $"{variable}={value} is set: code compiled that way has read wrong bytes. Unset it and mount again");
        }
    }

    private static void Serve(Pool pool, FuseSession session, LiveMount mount, Surroundings surroundings, ReadyPipe ready, ILoggerFactory loggers, ILogger log)
    {
        var notify = new SystemdNotify(surroundings.Variable("NOTIFY_SOCKET"));
        MountReport Report(string action) => pool.Report(action, mount);
        MountReport Sync()
        {
            pool.Commit();
            return Report("sync");
        }

        surroundings.State.EnsureRun();
        var actions = new ControlActions(() => pool.Status(mount), Sync, pool.Roots, pool.Explain) { Routes = PoolControl.Routes(pool) };
        using ControlServer control = ControlServer.Start(surroundings.LiveMounts.SocketPathOf(pool.Id), actions, loggers);
        surroundings.LiveMounts.Save(mount);
        using var signals = new StopSignals(signal =>
        {
            LogSignal(log, signal, mount.MountPoint);
            notify.Stopping("committing and unmounting");
            // Most of the work before the mount goes; what comes in meanwhile is committed at the end.
            pool.Files.SyncAll();
            session.Unmount(s_grace);
        });
        MountReport report = Report("mount");
        LogServing(log, report.Name, report.MountPoint, report.Generation);
        notify.Ready($"{report.Name} on {report.MountPoint}");
        ready.Send(new DaemonAnswer(report, null));
        session.WaitForEnd();
        signals.WaitForHandlers();
    }

    /// <summary>The last commit. The entry of the mount goes when all is durable; otherwise it stays with the reason, for <c>dynfs umount</c>.</summary>
    private static int End(Pool pool, LiveMount mount, Surroundings surroundings, Exception? failure, ILogger log)
    {
        try
        {
            pool.Close();
        }
        catch (Exception e)
        {
            failure ??= e;
        }

        if (failure is null)
        {
            surroundings.LiveMounts.Remove(pool.Id, mount.ProcessId);
            LogEnded(log, mount.MountPoint);
            return (int)ExitCode.Done;
        }

        (ErrorId id, string message) = ErrorOutput.Classify(failure);
        surroundings.LiveMounts.Save(mount with { EndFailure = $"{id.Name}: {message}" });
        LogFailed(log, id.Name, message, failure);
        throw failure;
    }

    private static LiveMount Describe(MountRequest request, Pool pool) => new(
        Schema.Version, pool.Id.Value, pool.Name, request.MountPoint, Environment.ProcessId, LiveMount.ProcessStartOf(Environment.ProcessId), pool.Files.IsReadOnly);

    private static FuseMountOptions FuseOptions(MountRequest request, Pool pool, ILogger log) => request.ToFuseOptions() with
    {
        OnDefect = defect =>
        {
            LogDefect(log, defect);
            pool.Files.TurnReadOnly();
        },
    };

    [LoggerMessage(Level = LogLevel.Critical, Message = "DYNFS_NO_FSYNC=1: nothing is synced; a power cut can lose the whole pool. For bulk import only: unmount and mount without it")]
    private static partial void LogNoFsync(ILogger log);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Pool} serves on {MountPoint} at generation {Generation}")]
    private static partial void LogServing(ILogger log, string pool, string mountPoint, ulong generation);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Signal}: committing and unmounting {MountPoint}")]
    private static partial void LogSignal(ILogger log, PosixSignal signal, string mountPoint);

    [LoggerMessage(Level = LogLevel.Information, Message = "{MountPoint} is unmounted and everything is committed")]
    private static partial void LogEnded(ILogger log, string mountPoint);

    [LoggerMessage(Level = LogLevel.Critical, Message = "{Id}: the mount ended badly: {Text}")]
    private static partial void LogFailed(ILogger log, string id, string text, Exception exception);

    [LoggerMessage(Level = LogLevel.Critical, Message = "an invariant broke inside a request: the pool is READ_ONLY now; unmount, mount again and report this")]
    private static partial void LogDefect(ILogger log, Exception exception);
}
