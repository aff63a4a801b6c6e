using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using DynamicFs.Interop;

namespace DynamicFs.Fuzz.Targets;

/// <summary>Requests as a kernel might send them, about few inodes and few names, so that they meet; with extreme numbers in between, and some of them damaged.</summary>
internal static class FuseRequests
{
    private static readonly string[] _names = ["a", "b", "c", "d", ".", "..", "", "a/b", new('n', 255), new('n', 256), "\u00e4"];
    private static readonly string[] _attributes =
        ["user.a", "user.b", "trusted.x", "security.capability", "system.posix_acl_access", "system.posix_acl_default", "user.", "x", "user." + new string('n', 250), new('n', 300)];
    private static readonly ulong[] _numbers = [0, 1, 2, 4095, 4096, 65536, 1 << 20, 1UL << 31, 1UL << 32, 1UL << 40, long.MaxValue - 1, long.MaxValue, 1UL << 63, ulong.MaxValue];

    public static FuzzInput Make(Random random)
    {
        byte[] request = Sample(random);
        if (random.Next(5) < 3)
            return new FuzzInput(FuzzOrigin.Valid, request);
        return new FuzzInput(FuzzOrigin.Changed, Damage(request, random));
    }

    private static byte[] Damage(byte[] request, Random random)
    {
        byte[] bytes = Mutation.Of(request, random, [new(4, 4), new(16, 8), new(36, 2), new(40, 4), new(44, 4), new(48, 8), new(56, 8), new(64, 8), new(72, 4)], request);
        if (bytes.Length >= Unsafe.SizeOf<FuseInHeader>() && random.Next(10) != 0)
            MemoryMarshal.Write(bytes, (uint)bytes.Length);
        return bytes;
    }

    private static byte[] Sample(Random random)
    {
        FuseOpcode opcode = (FuseOpcode)random.Next(1, 56);
        if (random.Next(4) == 0)
            opcode = random.Next(3) switch { 0 => FuseOpcode.Create, 1 => FuseOpcode.Write, _ => FuseOpcode.MkDir };
        if (opcode is FuseOpcode.FSync or FuseOpcode.FSyncDir or FuseOpcode.SyncFs or FuseOpcode.Destroy && random.Next(6) != 0)
            opcode = FuseOpcode.Lookup;
        var body = new List<byte>();
        AddArguments(opcode, body, random);
        var header = new FuseInHeader
        {
            Len = (uint)(Unsafe.SizeOf<FuseInHeader>() + body.Count),
            Opcode = (uint)opcode,
            Unique = (ulong)random.NextInt64(),
            Nodeid = Node(random),
            Uid = random.Next(2) == 0 ? 0u : 1000,
            Gid = random.Next(2) == 0 ? 0u : 1000,
            Pid = 1,
        };
        return [.. Bytes(header), .. body];
    }

    private static void AddArguments(FuseOpcode opcode, List<byte> body, Random random)
    {
        switch (opcode)
        {
            case FuseOpcode.Lookup or FuseOpcode.Unlink or FuseOpcode.RmDir:
                Add(body, Name(random));
                break;
            case FuseOpcode.Forget:
                Add(body, new FuseForgetIn { Nlookup = Number(random) });
                break;
            case FuseOpcode.BatchForget:
                Add(body, new FuseBatchForgetIn { Count = random.Next(4) == 0 ? (uint)Number(random) : 1 });
                Add(body, new FuseForgetOne { Nodeid = Node(random), Nlookup = Number(random) });
                break;
            case FuseOpcode.GetAttr:
                Add(body, default(FuseGetattrIn));
                break;
            case FuseOpcode.Statx:
                Add(body, new FuseStatxIn { SxMask = (uint)random.Next() });
                break;
            case FuseOpcode.SetAttr:
                Add(body, SetAttributes(random));
                break;
            case FuseOpcode.SymLink:
                Add(body, Name(random));
                Add(body, new string('t', random.Next(3) == 0 ? random.Next(5000) : 5));
                break;
            case FuseOpcode.MkNod:
                Add(body, new FuseMknodIn { Mode = Mode(random), Rdev = (uint)random.Next(), Umask = 18 });
                Add(body, Name(random));
                break;
            case FuseOpcode.MkDir:
                Add(body, new FuseMkdirIn { Mode = (uint)random.Next(0x1000), Umask = (uint)random.Next(0x1000) });
                Add(body, Name(random));
                break;
            case FuseOpcode.Rename:
                Add(body, new FuseRenameIn { Newdir = Node(random) });
                AddNames(body, random);
                break;
            case FuseOpcode.Rename2:
                Add(body, new FuseRename2In { Newdir = Node(random), Flags = (uint)random.Next(8) });
                AddNames(body, random);
                break;
            case FuseOpcode.Link:
                Add(body, new FuseLinkIn { Oldnodeid = Node(random) });
                Add(body, Name(random));
                break;
            case FuseOpcode.Create or FuseOpcode.TmpFile:
                Add(body, new FuseCreateIn { Flags = (uint)random.Next(1024), Mode = Mode(random), Umask = 18 });
                Add(body, Name(random));
                break;
            default:
                AddHandleArguments(opcode, body, random);
                break;
        }
    }

    private static void AddHandleArguments(FuseOpcode opcode, List<byte> body, Random random)
    {
        switch (opcode)
        {
            case FuseOpcode.Open:
                Add(body, new FuseOpenIn { Flags = (uint)random.Next(1024) });
                break;
            case FuseOpcode.Release:
                Add(body, default(FuseReleaseIn));
                break;
            case FuseOpcode.Read or FuseOpcode.ReadDir or FuseOpcode.ReadDirPlus:
                Add(body, new FuseReadIn { Offset = Number(random), Size = (uint)Number(random) });
                break;
            case FuseOpcode.Write:
                AddWrite(body, random);
                break;
            case FuseOpcode.FSync or FuseOpcode.FSyncDir:
                Add(body, default(FuseFsyncIn));
                break;
            case FuseOpcode.SetXattr:
                int size = random.Next(4) == 0 ? random.Next(70_000) : random.Next(60);
                Add(body, new FuseSetxattrIn { Size = (uint)size, Flags = (uint)random.Next(4) });
                Add(body, _attributes[random.Next(_attributes.Length)]);
                AddData(body, size, random);
                break;
            case FuseOpcode.GetXattr or FuseOpcode.ListXattr:
                Add(body, new FuseGetxattrIn { Size = random.Next(2) == 0 ? 0 : (uint)Number(random) });
                Add(body, _attributes[random.Next(_attributes.Length)]);
                break;
            case FuseOpcode.RemoveXattr:
                Add(body, _attributes[random.Next(_attributes.Length)]);
                break;
            case FuseOpcode.Fallocate:
                Add(body, new FuseFallocateIn { Offset = Number(random), Length = Number(random), Mode = (uint)random.Next(128) });
                break;
            case FuseOpcode.Lseek:
                Add(body, new FuseLseekIn { Offset = Number(random), Whence = (uint)random.Next(6) });
                break;
            case FuseOpcode.CopyFileRange or FuseOpcode.CopyFileRange64:
                Add(body, new FuseCopyFileRangeIn { OffIn = Number(random), NodeidOut = Node(random), OffOut = Number(random), Len = Number(random), Flags = random.Next(9) == 0 ? 1u : 0 });
                break;
            case FuseOpcode.Init:
                Add(body, new FuseInitIn { Major = 7, Minor = (uint)random.Next(25, 60), Flags = (uint)random.Next(), Flags2 = (uint)random.Next() });
                break;
            case FuseOpcode.Interrupt:
                Add(body, new FuseInterruptIn { Unique = Number(random) });
                break;
            default:
                AddData(body, random.Next(80), random);
                break;
        }
    }

    private static void AddWrite(List<byte> body, Random random)
    {
        int size = random.Next(5) == 0 ? random.Next(200_000) : random.Next(9000);
        Add(body, new FuseWriteIn { Offset = random.Next(3) == 0 ? Number(random) : (ulong)random.Next(300_000), Size = (uint)size, WriteFlags = (uint)random.Next(8) });
        AddData(body, size, random);
    }

    private static FuseSetattrIn SetAttributes(Random random) => new()
    {
        Valid = (FuseSetAttrValid)random.Next(1 << 12),
        Size = Number(random),
        Atime = (long)Number(random),
        Mtime = (long)Number(random),
        Atimensec = (uint)Number(random),
        Mtimensec = (uint)random.Next(1_000_000_000),
        Mode = Mode(random),
        Uid = (uint)random.Next(3),
        Gid = (uint)Number(random),
    };

    /// <summary>Every type of file, mostly regular ones.</summary>
    private static uint Mode(Random random) => (random.Next(3) == 0 ? (uint)random.Next(16) << 12 : 0x8000) | (uint)random.Next(0x1000);

    private static ulong Node(Random random) => random.Next(10) switch { 0 => Number(random), < 5 => 1, _ => (ulong)random.Next(2, 24) };

    private static ulong Number(Random random) => random.Next(3) == 0 ? _numbers[random.Next(_numbers.Length)] : (ulong)random.Next(200_000);

    private static string Name(Random random) => _names[random.Next(3) == 0 ? random.Next(_names.Length) : random.Next(4)];

    private static void AddNames(List<byte> body, Random random)
    {
        Add(body, Name(random));
        Add(body, Name(random));
    }

    private static void Add(List<byte> body, string text)
    {
        body.AddRange(Encoding.UTF8.GetBytes(text));
        body.Add(0);
    }

    private static void Add<T>(List<byte> body, T structure)
        where T : unmanaged => body.AddRange(Bytes(structure));

    private static void AddData(List<byte> body, int size, Random random)
    {
        byte[] data = new byte[size];
        if (random.Next(3) != 0)
            random.NextBytes(data);
        body.AddRange(data);
    }

    private static byte[] Bytes<T>(T structure)
        where T : unmanaged => MemoryMarshal.AsBytes(new ReadOnlySpan<T>(ref structure)).ToArray();
}
