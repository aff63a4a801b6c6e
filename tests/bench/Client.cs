using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace DynamicFs.Bench;

/// <summary>What the client measured, without its own start: time, its CPU, bytes moved, operations, and latencies where each operation waits for a disk.</summary>
internal sealed record Measurement(double Seconds, double CpuSeconds, long Bytes, long Operations, double? P50Microseconds = null, double? P99Microseconds = null);

[JsonSerializable(typeof(Measurement))]
internal sealed partial class MeasurementJson : JsonSerializerContext;

/// <summary>
/// The child process that does one measured operation in a directory; the same for the pool and for the plain filesystem. Uses system calls directly,
/// so that what is measured is the filesystem.
/// </summary>
internal static unsafe class Client
{
    private const int Mebibyte = 1 << 20;
    private const int Block = 4096;

    public static int Run(string[] arguments)
    {
        string operation = arguments[0], directory = arguments[1];
        int count = arguments.Length > 2 ? int.Parse(arguments[2], CultureInfo.InvariantCulture) : 0;
        Func<Measurement> measured = operation switch
        {
            "write" => () => Write(directory, count),
            "read" => () => Read(directory),
            "random-read" => () => RandomRead(directory, count),
            "random-write" => () => RandomWrite(directory, count),
            "create" => () => Create(directory, count, Block),
            "create-tiny" => () => Create(directory, count, 100),
            "create-fsync" => () => CreateSynced(directory, count),
            "stat" => () => StatListed(directory),
            "stat-by-name" => () => StatNamed(directory, count),
            "read-small" => () => ReadSmall(directory, count),
            "delete" => () => Delete(directory, count),
            "shell" => () => Timed(() => Command(directory, arguments[3], count)),
            _ => throw new ArgumentException(operation),
        };
        Console.WriteLine(JsonSerializer.Serialize(measured(), MeasurementJson.Default.Measurement));
        return 0;
    }

    private static Measurement Timed(Func<(long Bytes, long Operations)> work)
    {
        double cpu = Libc.CpuSeconds();
        long start = Stopwatch.GetTimestamp();
        (long bytes, long operations) = work();
        return new Measurement(Stopwatch.GetElapsedTime(start).TotalSeconds, Libc.CpuSeconds() - cpu, bytes, operations);
    }

    private static Measurement Write(string directory, int mebibytes)
    {
        byte[] data = Noise(Mebibyte);
        return Timed(() =>
        {
            int file = Libc.Open($"{directory}/stream", Libc.WriteOnly | Libc.Create | Libc.Truncate);
            for (int index = 0; index < mebibytes; index++)
            {
                BitConverter.TryWriteBytes(data, index);
                Libc.Write(file, data);
            }

            Libc.Sync(file);
            Libc.Close(file);
            return ((long)mebibytes * Mebibyte, mebibytes);
        });
    }

    private static Measurement Read(string directory)
    {
        byte[] data = new byte[Mebibyte];
        return Timed(() =>
        {
            int file = Libc.Open($"{directory}/stream", Libc.ReadOnly);
            long bytes = 0, operations = 0;
            for (int count = Libc.Read(file, data); count > 0; count = Libc.Read(file, data))
            {
                bytes += count;
                operations++;
            }

            Libc.Close(file);
            return (bytes, operations);
        });
    }

    private static Measurement RandomRead(string directory, int count)
    {
        byte[] data = new byte[Block];
        var random = new Random(1);
        var latencies = new List<double>(count);
        Measurement whole = Timed(() =>
        {
            int file = Libc.Open($"{directory}/stream", Libc.ReadOnly);
            long blocks = Libc.Size(file) / Block;
            for (int index = 0; index < count; index++)
            {
                long start = Stopwatch.GetTimestamp();
                Libc.ReadAt(file, data, random.NextInt64(blocks) * Block);
                latencies.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
            }

            Libc.Close(file);
            return ((long)count * Block, count);
        });
        return WithLatencies(whole, latencies);
    }

    private static Measurement RandomWrite(string directory, int count)
    {
        const int WritesPerSync = 32;
        byte[] data = Noise(Block);
        var random = new Random(2);
        var latencies = new List<double>();
        Measurement whole = Timed(() =>
        {
            int file = Libc.Open($"{directory}/stream", Libc.WriteOnly);
            long blocks = Libc.Size(file) / Block;
            for (int index = 0; index < count; index++)
            {
                BitConverter.TryWriteBytes(data, index);
                Libc.WriteAt(file, data, random.NextInt64(blocks) * Block);
                if (index % WritesPerSync == WritesPerSync - 1)
                    latencies.Add(TimedSync(file));
            }

            Libc.Close(file);
            return ((long)count * Block, count);
        });
        return WithLatencies(whole, latencies);
    }

    private static string Small(string directory, int index) => $"{directory}/small/{index / 1000:d3}/file-{index:d7}";

    private static Measurement Create(string directory, int count, int sizeBytes)
    {
        byte[] data = Noise(sizeBytes);
        return Timed(() =>
        {
            Libc.MakeDirectory($"{directory}/small");
            for (int index = 0; index < count; index++)
            {
                if (index % 1000 == 0)
                    Libc.MakeDirectory($"{directory}/small/{index / 1000:d3}");
                int file = Libc.Open(Small(directory, index), Libc.WriteOnly | Libc.Create | Libc.Exclusive);
                BitConverter.TryWriteBytes(data, index);
                Libc.Write(file, data);
                Libc.Close(file);
            }

            SyncAll(directory);
            return ((long)count * sizeBytes, count);
        });
    }

    private static Measurement CreateSynced(string directory, int count)
    {
        byte[] data = Noise(Block);
        var latencies = new List<double>(count);
        Measurement whole = Timed(() =>
        {
            Libc.MakeDirectory($"{directory}/synced");
            for (int index = 0; index < count; index++)
            {
                long start = Stopwatch.GetTimestamp();
                int file = Libc.Open($"{directory}/synced/{index}", Libc.WriteOnly | Libc.Create | Libc.Exclusive);
                Libc.Write(file, data);
                Libc.Sync(file);
                Libc.Close(file);
                latencies.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
            }

            return ((long)count * Block, count);
        });
        return WithLatencies(whole, latencies);
    }

    // As ls -l, find and backup programs do it.
    private static Measurement StatListed(string directory) => Timed(() =>
    {
        long operations = 0;
        foreach (string part in Directory.GetDirectories($"{directory}/small"))
        {
            foreach (string name in Directory.GetFileSystemEntries(part))
            {
                Libc.Stat(name);
                operations++;
            }
        }

        return (0, operations);
    });

    private static Measurement StatNamed(string directory, int count) => Timed(() =>
    {
        for (int index = 0; index < count; index++)
            Libc.Stat(Small(directory, index));
        return (0, count);
    });

    private static Measurement ReadSmall(string directory, int count)
    {
        byte[] data = new byte[2 * Block];
        return Timed(() =>
        {
            long bytes = 0;
            for (int index = 0; index < count; index++)
            {
                int file = Libc.Open(Small(directory, index), Libc.ReadOnly);
                bytes += Libc.Read(file, data);
                Libc.Close(file);
            }

            return (bytes, count);
        });
    }

    private static Measurement Delete(string directory, int count) => Timed(() =>
    {
        for (int index = 0; index < count; index++)
            Libc.Unlink(Small(directory, index));
        SyncAll(directory);
        return (0, count);
    });

    private static (long Bytes, long Operations) Command(string directory, string command, long bytes)
    {
        using Process process = Process.Start(new ProcessStartInfo("bash", ["-c", command]) { WorkingDirectory = directory })!;
        process.WaitForExit();
        return process.ExitCode == 0 ? (bytes, 1) : throw new InvalidOperationException($"{command}: exit code {process.ExitCode}");
    }

    // The plain filesystem honours syncfs; a FUSE mount never hears of it, but its fsync of a directory makes everything before it durable.
    private static void SyncAll(string directory)
    {
        int handle = Libc.Open(directory, Libc.ReadOnly | Libc.Directory);
        Libc.SyncFileSystem(handle);
        Libc.Sync(handle);
        Libc.Close(handle);
    }

    private static double TimedSync(int file)
    {
        long start = Stopwatch.GetTimestamp();
        Libc.Sync(file);
        return Stopwatch.GetElapsedTime(start).TotalMicroseconds;
    }

    private static Measurement WithLatencies(Measurement whole, List<double> latencies)
    {
        latencies.Sort();
        return whole with { P50Microseconds = latencies[latencies.Count / 2], P99Microseconds = latencies[latencies.Count * 99 / 100] };
    }

    private static byte[] Noise(int length)
    {
        byte[] data = new byte[length];
        new Random(3).NextBytes(data);
        return data;
    }
}
