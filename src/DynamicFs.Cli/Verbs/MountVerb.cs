using System.CommandLine;
using DynamicFs.Admin;
using DynamicFs.Cli.Daemon;
using DynamicFs.Cli.Output;
using DynamicFs.Fuse;
using DynamicFs.Primitives;

namespace DynamicFs.Cli.Verbs;

/// <summary><c>dynfs mount POOL DIR</c>: serves a pool on a directory, detached unless asked otherwise.</summary>
internal static class MountVerb
{
    public static Command Build(VerbFrame frame)
    {
        Argument<string> pool = Arguments.Pool();
        var directory = new Argument<string>("directory") { Description = "Empty directory to mount on" };
        var options = new Option<string[]>("-o") { Description = "Mount options, comma-separated: ro, allow_other, noatime, degraded, wait-disks=30s, ...", DefaultValueFactory = _ => [] };
        var foreground = new Option<bool>("--foreground", "-F") { Description = "Serve in this process; end with SIGTERM or Ctrl-C" };
        var degraded = new Option<bool>("--degraded") { Description = "Mount read-only even when more disks are missing than the policy survives" };
        var acceptRollBack = new Option<bool>("--accept-rollback") { Description = "Mount although newer commits are known: they are lost" };
        var waitDisks = new Option<string?>("--wait-disks") { Description = "Wait so long for missing disks (30s, 5m)" };
        var logFormat = new Option<string>("--log-format") { Description = "text or json", DefaultValueFactory = _ => "text" };
        var fake = new Option<bool>("--fake") { Hidden = true };
        var readyDescriptor = new Option<int>("--ready-fd") { Hidden = true };
        logFormat.AcceptOnlyFromAmong("text", "json");
        var command = new Command("mount", "Mount a pool; returns when it serves") { pool, directory, options, foreground, degraded, acceptRollBack, waitDisks, logFormat, fake, readyDescriptor };
        command.SetAction(result =>
        {
            MountOptions parsed = MountOptions.Parse(result.GetValue(options)!);
            parsed = parsed with
            {
                Degraded = parsed.Degraded || result.GetValue(degraded),
                AcceptRollBack = parsed.AcceptRollBack || result.GetValue(acceptRollBack),
                WaitDisks = result.GetValue(waitDisks) is { } wait ? MountOptions.ParseDuration(wait, "--wait-disks") : parsed.WaitDisks,
            };
            var request = new MountRequest(PoolName.Absolute(result.GetValue(pool)!), result.GetValue(directory)!, parsed, result.GetValue(logFormat) == "json");
            return Run(request, frame.Surroundings, frame.OutputFor(result), result.GetValue(foreground), result.GetValue(fake), result.GetValue(readyDescriptor));
        });
        return command;
    }

    private static int Run(MountRequest request, Surroundings surroundings, VerbOutput output, bool foreground, bool fake, int readyDescriptor)
    {
        using var ready = new ReadyPipe(readyDescriptor);
        try
        {
            if (request.Options.Remount)
                return Remount.Run(request, surroundings, output);
            Unmounting.ClearStale(request.MountPoint, surroundings);
            request = request with { MountPoint = MountPoint.FullPath(request.MountPoint) };
            FuseMount.CheckMountPoint(request.MountPoint, request.Options.NonEmpty);
            if (fake)
                return (int)ExitCode.Done;
            if (foreground)
                return MountDaemon.Run(request, surroundings, ready);
            MountReport report = DetachedStart.Run(request, surroundings.State);
            output.Print(report, ReportJson.Readable.MountReport, r => Print(r, output));
            return (int)ExitCode.Done;
        }
        catch (Exception e) when (ready.IsOpen)
        {
            (ErrorId id, string message) = ErrorOutput.Classify(e);
            ready.Send(new DaemonAnswer(null, new ErrorStatus(id.Name, (int)id.ExitCode, message)));
            throw;
        }
    }

    internal static void Print(MountReport report, VerbOutput output)
    {
        foreach (string warning in report.Warnings)
            output.Line($"warning: {warning}");
        output.Line($"{report.Name} is mounted on {report.MountPoint}{(report.ReadOnly ? " (read-only)" : "")} at generation {report.Generation}");
    }
}
