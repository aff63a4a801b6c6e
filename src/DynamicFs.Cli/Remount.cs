using DynamicFs.Admin;
using DynamicFs.Cli.Daemon;
using DynamicFs.Cli.Output;
using DynamicFs.Fuse;
using DynamicFs.Primitives;

namespace DynamicFs.Cli;

/// <summary>
/// <c>-o remount,...</c> changes the kernel's flags of a live mount (ro, rw, noatime, nosuid, ...); the daemon stays as it is, a second one is
/// never started.
/// </summary>
internal static class Remount
{
    public static int Run(MountRequest request, Surroundings surroundings, VerbOutput output)
    {
        LiveMount mount = LivePool.ByPath(request.MountPoint, surroundings).Mount;
        if (mount.ReadOnly && !request.Options.ReadOnly)
            throw new PoolException(ErrorId.ReadOnly, $"{mount.MountPoint}: the pool was opened read-only; unmount and mount it again to write");

        FuseMount.Remount(request.ToFuseOptions() with { MountPoint = mount.MountPoint });
        var report = new MountReport(Schema.Version, "remount", mount.Name, mount.PoolId, mount.MountPoint, request.Options.ReadOnly, 0, []);
        output.Print(report, ReportJson.Readable.MountReport, r => output.Line($"{r.Name} on {r.MountPoint} is remounted{(r.ReadOnly ? " read-only" : "")}"));
        return (int)ExitCode.Done;
    }
}
