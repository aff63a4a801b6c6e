using System.Globalization;
using DynamicFs.Harness;

namespace DynamicFs.Bench;

/// <summary>
/// CPU that a row cost beyond the client's own: the daemon, the kernel's threads (write-back, work queues) and interrupts. Kernel threads and interrupts
/// are the whole machine's, so a busy neighbour is counted too; <see cref="MachineBusySeconds"/> is all that was busy, for comparison.
/// </summary>
internal readonly record struct CpuClock(double DaemonSeconds, double KernelSeconds, double MachineBusySeconds)
{
    private const double TicksPerSecond = 100;
    private const ulong KernelThreadFlag = 0x0020_0000;

    public static CpuClock Now(int? daemon)
    {
        double kernel = 0;
        foreach (string directory in Directory.EnumerateDirectories("/proc"))
        {
            if (char.IsAsciiDigit(Path.GetFileName(directory)[0]) && Fields(directory) is { Length: > 12 } fields
                && (ulong.Parse(fields[6], CultureInfo.InvariantCulture) & KernelThreadFlag) != 0)
                kernel += Ticks(fields[12]);
        }

        double[] machine = [.. Processes.Read("/proc/stat").Split('\n')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(Ticks)];
        string[]? process = daemon is int id ? Fields($"/proc/{id}") : null;
        double daemonSeconds = process is { Length: > 12 } ? Ticks(process[11]) + Ticks(process[12]) : 0;
        const int Idle = 3, Wait = 4, Interrupt = 5, SoftInterrupt = 6, Guest = 8;
        return new CpuClock(daemonSeconds, kernel + machine[Interrupt] + machine[SoftInterrupt], machine[..Guest].Sum() - machine[Idle] - machine[Wait]);
    }

    public static CpuClock operator -(CpuClock end, CpuClock start)
        => new(end.DaemonSeconds - start.DaemonSeconds, Math.Max(0, end.KernelSeconds - start.KernelSeconds), end.MachineBusySeconds - start.MachineBusySeconds);

    private static double Ticks(string text) => double.Parse(text, CultureInfo.InvariantCulture) / TicksPerSecond;

    // The fields of /proc/PID/stat after the name, which may contain blanks.
    private static string[] Fields(string directory)
    {
        string text = Processes.Read(directory + "/stat");
        int end = text.LastIndexOf(')');
        return end < 0 ? [] : text[(end + 2)..].Split(' ');
    }
}
