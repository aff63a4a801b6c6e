using System.Text;
using DynamicFs.Disks;
using DynamicFs.Primitives;
using Xunit;

namespace DynamicFs.CrashTests.Simulation;

/// <summary>Short forms for tests of simulated disks.</summary>
internal static class SimulationTest
{
    public static void Put(this IDisk disk, string path, string content, bool sync = false)
    {
        using IDiskFile file = disk.Open(path, DiskOpenMode.OpenOrCreate);
        file.Write(0, Encoding.ASCII.GetBytes(content));
        if (sync)
            file.Sync();
    }

    /// <summary>The content; "-" when there is no such file, "!" when it cannot be read.</summary>
    public static string Get(this IDisk disk, string path)
    {
        try
        {
            return Encoding.ASCII.GetString(disk.Bytes(path));
        }
        catch (DiskException e) when (e.Errno is Errno.ENOENT or Errno.EIO)
        {
            return e.Errno == Errno.EIO ? "!" : "-";
        }
    }

    public static byte[] Bytes(this IDisk disk, string path)
    {
        using IDiskFile file = disk.Open(path, DiskOpenMode.Read);
        byte[] content = new byte[file.LengthBytes];
        Assert.Equal(content.Length, file.Read(0, content));
        return content;
    }

    public static SimulatedDisk AllLost(this SimulatedWorld world)
    {
        CrashPoint point = world.CrashPointNow();
        return point.Build(CrashSelection.None(point)).Open(0);
    }

    public static SimulatedDisk AllKept(this SimulatedWorld world)
    {
        CrashPoint point = world.CrashPointNow();
        return point.Build(CrashSelection.All(point)).Open(0);
    }

    /// <summary>What the first disk may look like after a power cut now, in the words of <paramref name="describe"/>; torn garbage left out.</summary>
    public static string[] States(this SimulatedWorld world, Func<SimulatedDisk, string> describe)
    {
        IEnumerable<string> texts = world.CrashPointNow().States([]).Select(state => describe(state.World.Open(0)));
        return [.. texts.Where(text => text.All(IsPlain)).Distinct().Order(StringComparer.Ordinal)];
    }

    private static bool IsPlain(char c) => c is '\0' or ' ' or '-' or '!' || char.IsAsciiLetterOrDigit(c);

    public static Errno ErrnoOf(Action action) => Assert.Throws<DiskException>(action).Errno;
}
