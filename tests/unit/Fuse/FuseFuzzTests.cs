using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DynamicFs.Fuse;
using DynamicFs.Interop;
using Xunit;

namespace DynamicFs.UnitTests.Fuse;

/// <summary>Damaged requests: whatever the bytes say, what waits gets exactly one well-formed reply, and nothing else happens.</summary>
public sealed class FuseFuzzTests
{
    private const int RequestCount = 20_000;
    private const int Seed = 20_251_121;

    [Fact]
    public void Damaged_requests_are_answered_once_and_cost_no_memory()
    {
        using var offline = new OfflineHandler();
        var random = new Random(Seed);
        List<byte[]> samples = [.. Samples()];
        Warm(offline, samples);
        var statuses = new HashSet<int>();
        long allocatedBefore = GC.GetAllocatedBytesForCurrentThread();
        long requestAndReplyBytes = 0;
        for (int i = 0; i < RequestCount; i++)
        {
            byte[] request = Damage(random, samples[random.Next(samples.Count)]);
            byte[] reply = offline.Handle(request);
            requestAndReplyBytes += request.Length + reply.Length;
            if (Check(request, reply) is { } status)
                statuses.Add(status);
        }

        // Whatever gets through fails in a filesystem that is none, which costs an exception each; a buffer sized by the request would be far more.
        long allocated = GC.GetAllocatedBytesForCurrentThread() - allocatedBefore - requestAndReplyBytes;
        Assert.InRange(allocated, 0, RequestCount * 8000L);
        Assert.True(statuses.Count >= 6, $"only {statuses.Count} different answers: the damage does not reach far");
    }

    [Fact]
    public void Every_length_of_every_request_is_answered()
    {
        using var offline = new OfflineHandler();
        foreach (byte[] sample in Samples())
        {
            for (int length = 0; length <= Math.Min(sample.Length, 400); length++)
            {
                byte[] request = sample[..length];
                if (length >= sizeof(uint))
                    MemoryMarshal.Write(request, (uint)length);
                Check(request, offline.Handle(request));
            }
        }
    }

    /// <summary>The errno answered, or null for no reply.</summary>
    private static int? Check(byte[] request, byte[] reply)
    {
        bool isAnswerable = request.Length >= Unsafe.SizeOf<FuseInHeader>();
        FuseInHeader header = isAnswerable ? MemoryMarshal.Read<FuseInHeader>(request) : default;
        if (!isAnswerable || !FuseHandler.WantsReply((FuseOpcode)header.Opcode))
        {
            Assert.Empty(reply);
            return null;
        }

        FuseOutHeader answer = MemoryMarshal.Read<FuseOutHeader>(reply);
        Assert.Equal((uint)reply.Length, answer.Len);
        Assert.Equal(header.Unique, answer.Unique);
        Assert.InRange(answer.Error, -511, 0);
        if (answer.Error != 0)
            Assert.Equal(Unsafe.SizeOf<FuseOutHeader>(), reply.Length);
        return answer.Error;
    }

    private static byte[] Damage(Random random, byte[] sample)
    {
        byte[] request = [.. sample];
        switch (random.Next(6))
        {
            case 0:
                request = request[..random.Next(request.Length + 1)];
                break;
            case 1:
                request = [.. request, .. RandomBytes(random, random.Next(300))];
                break;
            case 2:
                MemoryMarshal.Write(request.AsSpan(4), (uint)random.Next(60));
                break;
        }

        for (int flips = random.Next(6); flips > 0 && request.Length > 40; flips--)
            request[random.Next(40, request.Length)] = random.Next(3) switch { 0 => 0, 1 => 0xFF, _ => (byte)random.Next(256) };
        if (random.Next(20) == 0 && request.Length >= 40)
            MemoryMarshal.Write(request.AsSpan(36), (ushort)random.Next(65536));
        if (random.Next(20) != 0 && request.Length >= sizeof(uint))
            MemoryMarshal.Write(request, (uint)request.Length);
        return request;
    }

    private static byte[] RandomBytes(Random random, int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    private static void Warm(OfflineHandler offline, List<byte[]> samples)
    {
        foreach (byte[] sample in samples)
            offline.Handle(sample);
    }

    private static IEnumerable<byte[]> Samples()
    {
        yield return new RequestBytes(FuseOpcode.Init).With(new FuseInitIn { Major = 7, Minor = 45, Flags = uint.MaxValue }).ToArray();
        yield return new RequestBytes(FuseOpcode.Lookup).WithText("name").ToArray();
        yield return new RequestBytes(FuseOpcode.Lookup).WithText(new string('n', 300)).ToArray();
        yield return new RequestBytes(FuseOpcode.Forget).With(new FuseForgetIn { Nlookup = 1 }).ToArray();
        yield return new RequestBytes(FuseOpcode.BatchForget).With(new FuseBatchForgetIn { Count = 2 }).With(new FuseForgetOne { Nodeid = 5 }).With(new FuseForgetOne { Nodeid = 6 }).ToArray();
        yield return new RequestBytes(FuseOpcode.GetAttr).With(default(FuseGetattrIn)).ToArray();
        yield return new RequestBytes(FuseOpcode.Statx).With(default(FuseStatxIn)).ToArray();
        yield return new RequestBytes(FuseOpcode.SetAttr).With(new FuseSetattrIn { Valid = FuseSetAttrValid.Mode | FuseSetAttrValid.Size }).ToArray();
        yield return new RequestBytes(FuseOpcode.ReadLink).ToArray();
        yield return new RequestBytes(FuseOpcode.SymLink).WithText("link").WithText("target").ToArray();
        yield return new RequestBytes(FuseOpcode.MkNod).With(new FuseMknodIn { Mode = 0x8180 }).WithText("node").ToArray();
        yield return new RequestBytes(FuseOpcode.MkDir).With(new FuseMkdirIn { Mode = 0x1ED }).WithText("dir").ToArray();
        yield return new RequestBytes(FuseOpcode.Unlink).WithText("gone").ToArray();
        yield return new RequestBytes(FuseOpcode.RmDir).WithText("gone").ToArray();
        yield return new RequestBytes(FuseOpcode.Rename).With(new FuseRenameIn { Newdir = 2 }).WithText("old").WithText("new").ToArray();
        yield return new RequestBytes(FuseOpcode.Rename2).With(new FuseRename2In { Newdir = 2, Flags = 1 }).WithText("old").WithText("new").ToArray();
        yield return new RequestBytes(FuseOpcode.Link).With(new FuseLinkIn { Oldnodeid = 3 }).WithText("again").ToArray();
        yield return new RequestBytes(FuseOpcode.Open).With(new FuseOpenIn { Flags = 2 }).ToArray();
        yield return new RequestBytes(FuseOpcode.Create).With(new FuseCreateIn { Mode = 0x81A4 }).WithText("file").ToArray();
        yield return new RequestBytes(FuseOpcode.TmpFile).With(new FuseCreateIn { Mode = 0x81A4 }).WithText("/").ToArray();
        yield return new RequestBytes(FuseOpcode.Release).With(default(FuseReleaseIn)).ToArray();
        yield return new RequestBytes(FuseOpcode.Read).With(new FuseReadIn { Size = 4096 }).ToArray();
        yield return new RequestBytes(FuseOpcode.Write).With(new FuseWriteIn { Size = 200 }).WithBytes(new byte[200]).ToArray();
        yield return new RequestBytes(FuseOpcode.FSync).With(default(FuseFsyncIn)).ToArray();
        yield return new RequestBytes(FuseOpcode.ReadDir).With(new FuseReadIn { Size = 4096 }).ToArray();
        yield return new RequestBytes(FuseOpcode.ReadDirPlus).With(new FuseReadIn { Size = 4096 }).ToArray();
        yield return new RequestBytes(FuseOpcode.SetXattr).With(new FuseSetxattrIn { Size = 5 }).WithText("user.name").WithBytes("value"u8).ToArray();
        yield return new RequestBytes(FuseOpcode.GetXattr).With(new FuseGetxattrIn { Size = 100 }).WithText("user.name").ToArray();
        yield return new RequestBytes(FuseOpcode.ListXattr).With(new FuseGetxattrIn { Size = 100 }).ToArray();
        yield return new RequestBytes(FuseOpcode.RemoveXattr).WithText("user.name").ToArray();
        yield return new RequestBytes(FuseOpcode.Fallocate).With(new FuseFallocateIn { Length = 4096 }).ToArray();
        yield return new RequestBytes(FuseOpcode.Lseek).With(new FuseLseekIn { Whence = 3 }).ToArray();
        yield return new RequestBytes(FuseOpcode.CopyFileRange).With(new FuseCopyFileRangeIn { Len = 4096 }).ToArray();
        yield return new RequestBytes(FuseOpcode.CopyFileRange64).With(new FuseCopyFileRangeIn { Len = 4096 }).ToArray();
        yield return new RequestBytes(FuseOpcode.StatFs).ToArray();
        yield return new RequestBytes(FuseOpcode.Interrupt).With(new FuseInterruptIn { Unique = 7 }).ToArray();
        yield return new RequestBytes(FuseOpcode.SyncFs).With(default(FuseSyncfsIn)).ToArray();
    }
}
