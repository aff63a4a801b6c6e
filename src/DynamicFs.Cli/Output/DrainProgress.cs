using System.Diagnostics;
using DynamicFs.Admin;

namespace DynamicFs.Cli.Output;

/// <summary>Follows a disk until nothing is on it any more: a line that renews itself on a terminal, one line at the end in a pipe, nothing under --json.</summary>
internal static class DrainProgress
{
    private static readonly TimeSpan s_poll = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_stall = TimeSpan.FromSeconds(15);

    public static void Follow(Func<DiskUsageReport> look, int disk, VerbOutput output)
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
            Thread.Sleep(s_poll);
        }

        if (isTerminal)
            Console.WriteLine();
        else if (!output.IsJson)
            output.Line($"{Words.Bytes(first)} moved in {clock.Elapsed.TotalSeconds:0} s");
    }

    internal static string Line(long total, long left, TimeSpan elapsed, bool isStalled)
    {
        long moved = total - left;
        double rate = elapsed.TotalSeconds > 0 ? moved / elapsed.TotalSeconds : 0;
        string eta = isStalled ? "stalled" : rate > 0 ? $"ETA {TimeSpan.FromSeconds(Math.Min(left / rate, 359_999)):hh\\:mm\\:ss}" : "ETA unknown";
        return $"{Words.Bytes(moved)} of {Words.Bytes(total)} moved, {Words.Bytes((long)rate)}/s, {eta}";
    }
}
