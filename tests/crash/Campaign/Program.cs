using System.Runtime.InteropServices;

namespace DynamicFs.CrashTests;

/// <summary>The campaign as a program: <c>tools/crash-campaign</c>.</summary>
internal static partial class Program
{
    private static int Main(string[] arguments)
    {
        if (arguments.Length > 1) CampaignMemory.KeepFreed();
        var campaign = new CrashCampaign { StatesPerPoint = 4, Threads = 1 };
        CampaignReport report = campaign.Run(1, long.Parse(arguments[0], System.Globalization.CultureInfo.InvariantCulture), TimeSpan.FromSeconds(600));
        Console.WriteLine($"{report.States} states, {report.CrashPoints} crash points, {report.Runs} runs, {report.StatesPerSecond:f0} states/s");
        foreach (CrashViolation violation in report.Violations)
            Console.WriteLine($"{violation.Reproduce}\n{violation.What}");
        return report.Violations.Count > 0 ? 1 : 0;
    }
}

/// <summary>The allocator keeps what is freed: a pool is opened for every state, and fresh pages cost more than all the rest.</summary>
internal static partial class CampaignMemory
{
    private const int TrimThreshold = -1;
    private const int MmapThreshold = -3;

    public static void KeepFreed()
    {
        _ = SetOption(MmapThreshold, 1 << 30);
        _ = SetOption(TrimThreshold, 1 << 30);
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetOption(int option, int value);
}
