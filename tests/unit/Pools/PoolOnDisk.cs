using DynamicFs.Admin;
using DynamicFs.Files;
using DynamicFs.Primitives;
using DynamicFs.UnitTests.Cli;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace DynamicFs.UnitTests.Pools;

/// <summary>A pool in a scratch directory, driven without the kernel.</summary>
internal sealed class PoolOnDisk : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    public PoolOnDisk(int diskCount, string? policy = null)
    {
        Disks = [.. Enumerable.Range(1, diskCount).Select(i => _scratch.Make($"d{i}"))];
        Report = PoolCreation.Run(new PoolCreationRequest { Name = "tank", Paths = Disks, Policy = policy, AllowSameDevice = true }, Registry);
    }

    public CreateReport Report { get; }
    public IReadOnlyList<string> Disks { get; }
    public StateDirectory State => new(_scratch.Sub("state"), _scratch.Sub("run"));
    public PoolRegistry Registry => new(State);
    public string ScratchPath => _scratch.Path;

    public Pool Open(string source = "tank", bool degraded = false, bool readOnly = false, bool acceptRollBack = false) => Pool.Open(
        new PoolOpening { Source = source, Degraded = degraded, ReadOnly = readOnly, AcceptRollBack = acceptRollBack, WaitLock = TimeSpan.Zero },
        Registry, NullLoggerFactory.Instance);

    public (FsckReport Report, ExitCode Code) Fsck() => PoolFsck.Run(new PoolOpening { Source = "tank", WaitLock = TimeSpan.Zero }, Registry, readFragments: true);

    public CliRun Cli(params string[] args) => CliRun.Of(State, args);

    public void Pull(int disk) => Directory.Move(Disks[disk], Disks[disk] + ".pulled");

    public void PutBack(int disk) => Directory.Move(Disks[disk] + ".pulled", Disks[disk]);

    /// <summary>Opens, writes one file, closes.</summary>
    public void Write(string name, int lengthBytes, bool degraded = false)
    {
        using Pool pool = Open(degraded: degraded);
        WriteTo(pool, name, lengthBytes);
        pool.Close();
    }

    public static void WriteTo(Pool pool, string name, int lengthBytes)
    {
        byte[] content = Content(name, lengthBytes);
        Assert.Equal(Errno.None, pool.Files.Create(new Caller(0, 0, 1), InodeNumber.Root, System.Text.Encoding.UTF8.GetBytes(name), FileType.Regular | 0x1A4, out Attributes made));
        for (int at = 0; at < lengthBytes; at += 1 << 20)
            Assert.Equal(Errno.None, pool.Files.Write(made.Inode, at, content.AsSpan(at, Math.Min(1 << 20, lengthBytes - at)), false));
        pool.Files.Release(made.Inode);
    }

    public static Errno Read(Pool pool, string name, int lengthBytes)
    {
        Errno errno = pool.Files.Lookup(InodeNumber.Root, System.Text.Encoding.UTF8.GetBytes(name), out Attributes found);
        byte[] content = new byte[lengthBytes];
        int count = 0;
        if (errno == Errno.None)
            errno = pool.Files.Read(found.Inode, 0, content, out count);
        if (errno == Errno.None)
            Assert.True(count == lengthBytes && content.AsSpan().SequenceEqual(Content(name, lengthBytes)), $"{name} reads back wrong");
        return errno;
    }

    /// <summary>Fragment files of one disk.</summary>
    public string[] Fragments(int disk) => Directory.GetFiles(Path.Combine(Disks[disk], ".dynfs", "fragments"), "*", SearchOption.AllDirectories);

    public static void Flip(string path, long at)
    {
        using FileStream file = File.Open(path, FileMode.Open);
        file.Position = at;
        int value = file.ReadByte();
        file.Position = at;
        file.WriteByte((byte)(value ^ 16));
    }

    public void Dispose() => _scratch.Dispose();

    private static byte[] Content(string name, int lengthBytes)
    {
        byte[] content = new byte[lengthBytes];
        new Random(name.Length + lengthBytes).NextBytes(content);
        return content;
    }
}
