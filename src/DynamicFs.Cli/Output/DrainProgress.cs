using System.Diagnostics;
using DynamicFs.Admin;

namespace DynamicFs.Cli.Output;

/// <summary>
/// Follows a disk until nothing is on it any more, or until nothing more can leave it: a line that renews itself on a terminal, one line at the end in a pipe, nothing under --json.
/// What stays is said with the reason.
/// </summary>
internal static class DrainProgress
{
    private static readonly TimeSpan s_poll = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_stall = TimeSpan.FromSeconds(15);

    /// <summary>So long after the last move, with no pass under way, nothing more will come.</summary>
    private static readonly TimeSpan s_end = TimeSpan.FromSeconds(5);

    private const int MaxListed = 20;

    /// <summary>False when something stays on the disk.</summary>
    public static bool Follow(Func<DiskUsageReport> look, Func<RebuildReport> rebuild, int disk, VerbOutput output)
    {
        bool isTerminal = !output.IsJson && !Console.IsOutputRedirected;
        var clock = Stopwatch.StartNew();
        TimeSpan lastChange = TimeSpan.Zero;
        (long first, long last) = (-1, -1);
        while (true)
        {
            long left = look().Disks.FirstOrDefault(d => d.Index == disk)?.Bytes ?? 0;
            first = first < 0 ? left : first;
            if (left != last)
                (last, lastChange) = (left, clock.Elapsed);
            if (isTerminal)
                Console.Write($"\r{Line(first, left, clock.Elapsed, clock.Elapsed - lastChange > s_stall)}   ");
            if (left == 0)
                break;
            if (clock.Elapsed - lastChange > s_end && rebuild() is { IsActive: false } ended)
            {
                if (isTerminal)
                    Console.WriteLine();
                Stays(ended, left, output);
                return false;
            }

            Thread.Sleep(s_poll);
        }

        if (isTerminal)
            Console.WriteLine();
        else if (!output.IsJson)
            output.Line($"{Words.Bytes(first)} moved in {clock.Elapsed.TotalSeconds:0} s");
        return true;
    }

    private static void Stays(RebuildReport report, long left, VerbOutput output)
    {
        if (output.IsJson)
            return;
        output.Line($"{Words.Bytes(left)} in {report.LeavingFragments} fragments stay on the disk; they leave when there is a disk for them ('dynfs disk add {report.Name} PATH')");
        if (report.BlockedExtents > 0)
            output.Line($"  {report.BlockedExtents} extents: no HEALTHY disk with room is left that has no fragment of them");
        foreach (HealException exception in report.Exceptions.Take(MaxListed))
            output.Line($"  extent {exception.Extent} {exception.Outcome}: {exception.Problem}");
        if (report.Exceptions.Count > MaxListed)
            output.Line($"  and {report.Exceptions.Count - MaxListed} more: 'dynfs rebuild {report.Name} status'");
    }

    internal static string Line(long total, long left, TimeSpan elapsed, bool isStalled)
    {
        long moved = total - left;
        double rate = elapsed.TotalSeconds > 0 ? moved / elapsed.TotalSeconds : 0;
        string eta = isStalled ? "stalled" : rate > 0 ? $"ETA {TimeSpan.FromSeconds(Math.Min(left / rate, 359_999)):hh\\:mm\\:ss}" : "ETA unknown";
        return $"{Words.Bytes(moved)} of {Words.Bytes(total)} moved, {Words.Bytes((long)rate)}/s, {eta}";
    }
}
