using System.CommandLine;
using System.Diagnostics;
using DynamicFs.Admin;
using DynamicFs.Cli.Output;
using DynamicFs.Primitives;

namespace DynamicFs.Cli.Verbs;

/// <summary><c>dynfs umount DIR</c>: commits, unmounts and returns when the daemon has ended, so that disks may be taken away.</summary>
internal static class UmountVerb
{
    private static readonly TimeSpan s_endLimit = TimeSpan.FromSeconds(120);

    public static Command Build(VerbFrame frame)
    {
        var target = new Argument<string>("directory") { Description = "Mount point, or name of a mounted pool" };
        var lazy = new Option<bool>("--lazy", "-l") { Description = "Unmount even while files are open; they fail from then on" };
        var command = new Command("umount", "Commit and unmount; returns when the daemon has ended") { target, lazy };
        command.SetAction(result => Run(result.GetValue(target)!, result.GetValue(lazy), frame.Surroundings, frame.OutputFor(result)));
        return command;
    }

    private static int Run(string target, bool lazy, Surroundings surroundings, VerbOutput output)
    {
        if (Unmounting.ClearStale(target, surroundings))
            return (int)ExitCode.Done;
        LivePool live = LivePool.ByPathOrName(target, surroundings);
        LiveMount mount = live.Mount;
        MountReport? synced = TrySync(live, out PoolException? failure);
        Unmounting.Unmount(mount.MountPoint, lazy);
        WaitForEnd(mount);
        if (surroundings.LiveMounts.TakeEndFailure(mount) is { } reason)
            throw new PoolException(ErrorId.Io, $"{mount.Name} is unmounted from {mount.MountPoint}, but not everything written is durable: {reason}");
        if (failure is not null)
            throw failure;
        ulong generation = Math.Max(synced!.Generation, surroundings.Registry.NewestSeen(new PoolId(mount.PoolId)).Value);
        var report = synced with { Action = "umount", Generation = generation };
        output.Print(report, ReportJson.Readable.MountReport, r => output.Line($"{r.Name} is unmounted from {r.MountPoint} at generation {r.Generation}"));
        return (int)ExitCode.Done;
    }

    /// <summary>A commit beforehand keeps the end short. A mount whose commits fail is unmounted all the same, and the failure reported at the end.</summary>
    private static MountReport? TrySync(LivePool live, out PoolException? failure)
    {
        failure = null;
        try
        {
            using ControlClient client = live.Connect();
            return client.Sync();
        }
        catch (PoolException e)
        {
            failure = e;
            return null;
        }
    }

    private static void WaitForEnd(LiveMount mount)
    {
        var waited = Stopwatch.StartNew();
        while (LiveMount.ProcessStartOf(mount.ProcessId) == mount.ProcessStart)
        {
            if (waited.Elapsed > s_endLimit)
            {
                throw new PoolException(ErrorId.Io,
                    $"{mount.MountPoint} is unmounted, but its daemon (process {mount.ProcessId}) has not ended within {s_endLimit.TotalSeconds} s: "
                    + "close the files that are still open in it, or look at its log, before taking disks away");
            }

            Thread.Sleep(10);
        }
    }
}
