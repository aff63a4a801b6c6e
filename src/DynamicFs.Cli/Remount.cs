using System.Diagnostics;
using DynamicFs.Admin;
using DynamicFs.Cli.Daemon;
using DynamicFs.Cli.Output;
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
        LivePool live = LivePool.ByPath(request.MountPoint, surroundings);
        if (live.Mount.ReadOnly && !request.Options.ReadOnly)
            throw new PoolException(ErrorId.ReadOnly, $"{live.Mount.MountPoint}: the pool was opened read-only; unmount and mount it again to write");

        // -i keeps mount(8) from calling this program again.
        using Process process = Process.Start(new ProcessStartInfo("mount", ["-i", "-o", "remount," + KernelFlags(request.Options), live.Mount.MountPoint]))
            ?? throw new PoolException(ErrorId.Mount, "mount(8) cannot be started");
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new PoolException(ErrorId.Mount, $"{live.Mount.MountPoint}: the kernel refused the remount");
        var report = new MountReport(Schema.Version, "remount", live.Mount.Name, live.Mount.PoolId, live.Mount.MountPoint, request.Options.ReadOnly, 0, []);
        output.Print(report, ReportJson.Readable.MountReport, r => output.Line($"{r.Name} on {r.MountPoint} is remounted{(r.ReadOnly ? " read-only" : "")}"));
        return (int)ExitCode.Done;
    }

    internal static string KernelFlags(MountOptions options) => string.Join(',',
        options.ReadOnly ? "ro" : "rw", options.Suid ? "suid" : "nosuid", options.Dev ? "dev" : "nodev", options.NoExec ? "noexec" : "exec",
        options.NoAtime ? "noatime" : "relatime");
}
