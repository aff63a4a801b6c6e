using System.CommandLine;
using System.Diagnostics;
using DynamicFs.Admin;
using DynamicFs.Cli.Output;
using DynamicFs.Primitives;

namespace DynamicFs.Cli.Verbs;

/// <summary><c>dynfs umount DIR</c>: commits, unmounts and returns when the daemon has ended, so that disks may be taken away.</summary>
internal static class UmountVerb
{
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(60);

    public static Command Build(VerbFrame frame)
    {
        var target = new Argument<string>("directory") { Description = "Mount point, or name of a mounted pool" };
        var lazy = new Option<bool>("--lazy") { Description = "Unmount even while files are open; they fail from then on" };
        var command = new Command("umount", "Commit and unmount; returns when the daemon has ended") { target, lazy };
        command.SetAction(result => Run(result.GetValue(target)!, result.GetValue(lazy), frame.Surroundings, frame.OutputFor(result)));
        return command;
    }

    private static int Run(string target, bool lazy, Surroundings surroundings, VerbOutput output)
    {
        StaleMount.Clear(target, surroundings);
        LivePool live = LivePool.ByPathOrName(target, surroundings);
        MountReport report;
        using (ControlClient client = live.Connect())
            report = client.Unmount(lazy);
        WaitForEnd(live.Mount);
        output.Print(report, ReportJson.Readable.MountReport, r => output.Line($"{r.Name} is unmounted from {r.MountPoint} at generation {r.Generation}"));
        return (int)ExitCode.Done;
    }

    private static void WaitForEnd(LiveMount mount)
    {
        var waited = Stopwatch.StartNew();
        while (LiveMount.ProcessStartOf(mount.ProcessId) == mount.ProcessStart)
        {
            if (waited.Elapsed > EndLimit)
                throw new PoolException(ErrorId.Io, $"{mount.MountPoint} is unmounted, but its daemon (process {mount.ProcessId}) has not ended within {EndLimit.TotalSeconds} s: look at its log before taking disks away");
            Thread.Sleep(10);
        }
    }
}
