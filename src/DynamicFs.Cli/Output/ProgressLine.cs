using System.Diagnostics;
using System.Globalization;

namespace DynamicFs.Cli.Output;

/// <summary>
/// How far long work is, on one line that is written over: bytes, rate, time left, or that nothing moves. On a terminal only; in a pipe nothing is printed until the
/// work is over.
/// </summary>
internal sealed class ProgressLine(string what, TextWriter output, bool isShown)
{
    private static readonly TimeSpan s_stall = TimeSpan.FromSeconds(10);

    /// <summary>Weight of the newest second in the rate: it forgets within a quarter of a minute or so.</summary>
    private const double NewestWeight = 0.15;

    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private TimeSpan _sampledAt;
    private TimeSpan _movedAt;
    private long _bytes = -1;
    private double _rate;
    private int _width;

    /// <summary>For whoever prints to a terminal and not as JSON.</summary>
    public static ProgressLine For(string what, Surroundings surroundings, VerbOutput output) =>
        new(what, surroundings.Out, !output.IsJson && ReferenceEquals(surroundings.Out, Console.Out) && !Console.IsOutputRedirected);

    public void Show(string phase, long doneBytes, long totalBytes)
    {
        string line = Line(phase, doneBytes, totalBytes, _clock.Elapsed);
        if (!isShown)
            return;
        output.Write($"\r{line.PadRight(_width)}");
        output.Flush();
        _width = line.Length;
    }

    public void Clear()
    {
        if (isShown && _width > 0)
            output.Write($"\r{new string(' ', _width)}\r");
    }

    /// <summary>The line at a moment since the start.</summary>
    internal string Line(string phase, long doneBytes, long totalBytes, TimeSpan now)
    {
        if (_bytes < 0)
            (_bytes, _sampledAt, _movedAt) = (doneBytes, now, now);
        double seconds = (now - _sampledAt).TotalSeconds;
        if (seconds >= 1)
        {
            double newest = (doneBytes - _bytes) / seconds;
            double weight = Math.Min(1, NewestWeight * seconds);
            _rate = _rate == 0 ? newest : (_rate * (1 - weight)) + (newest * weight);
            if (doneBytes != _bytes)
                _movedAt = now;
            (_bytes, _sampledAt) = (doneBytes, now);
        }

        string amount = $"{what}: {phase.ToLowerInvariant()}, {Words.Bytes(doneBytes)} of {Words.Bytes(totalBytes)}";
        if (now - _movedAt >= s_stall)
            return $"{amount}, stalled for {(now - _movedAt).TotalSeconds.ToString("0", CultureInfo.InvariantCulture)} s";
        if (_rate < 1)
            return amount;
        var left = TimeSpan.FromSeconds(Math.Max(0, totalBytes - doneBytes) / _rate);
        return $"{amount}, {Words.Bytes((long)_rate)}/s, {(left.TotalHours >= 1 ? $"{(int)left.TotalHours} h {left.Minutes} min" : left.TotalMinutes >= 1 ? $"{left.Minutes} min {left.Seconds} s" : $"{left.Seconds} s")} left";
    }
}
