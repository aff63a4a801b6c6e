using System.Runtime.InteropServices;
using DynamicFs.Primitives;
using Microsoft.Win32.SafeHandles;

namespace DynamicFs.Interop;

/// <summary>mount(2) flags.</summary>
[Flags]
internal enum MountFlags : ulong
{
    None = 0,
    ReadOnly = 1,
    NoSuid = 2,
    NoDev = 4,
    NoExec = 8,
    Synchronous = 16,
    Remount = 32,
    NoAtime = 1024,
    NoDirAtime = 2048,
}

/// <summary>
/// The calls of the C library that only the FUSE transport needs: the device, mount and umount, and taking the descriptor over from fusermount3.
/// One thin method per call; an <see cref="Errno"/> comes back, never an exception.
/// </summary>
internal static unsafe partial class LibcFuse
{
    private const string Library = "libc";
    private const int ReadWriteCloseOnExec = 0x2 | 0x80000;
    private const int DetachNoFollow = 0x2 | 0x8;
    private const int UnixSocket = 1;
    private const int StreamSocket = 1;
    private const int SetDescriptorFlags = 2;
    private const int CloseOnExec = 1;
    private const int SocketLevel = 1;
    private const int PassRights = 1;
    private const int ReceiveCloseOnExec = 0x40000000;
    private const int SetIoFlusher = 57;

    public static Errno OpenDevice(string path, out SafeFileHandle? device)
    {
        int descriptor = Open(path, ReadWriteCloseOnExec);
        device = descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : null;
        return Result(descriptor);
    }

    /// <summary>One blocking read of one request. EINTR and the like are the caller's to judge.</summary>
    public static Errno Read(SafeFileHandle device, byte* destination, int capacityBytes, out int count)
    {
        nint returned = ReadNative(device, destination, capacityBytes);
        count = (int)Math.Max(0, returned);
        return Result(returned);
    }

    /// <summary>True when a request waits to be read.</summary>
    public static bool HasRequest(SafeFileHandle device)
    {
        var poll = new PollDescriptor { Descriptor = (int)device.DangerousGetHandle(), Events = 1 };
        return PollNative(&poll, 1, 0) > 0;
    }

    private struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }

    [LibraryImport(Library, EntryPoint = "poll")]
    private static partial int PollNative(PollDescriptor* descriptors, nuint count, int timeoutMs);

    /// <summary>Writes one whole message; the device takes all of it or fails.</summary>
    public static Errno Write(SafeFileHandle device, byte* source, int lengthBytes) => Result(WriteNative(device, source, lengthBytes));

    public static Errno WriteVector(SafeFileHandle device, IoVector* pieces, int pieceCount) => Result(WriteVectorNative(device, pieces, pieceCount));

    public static Errno Mount(string source, string target, string type, MountFlags flags, string data) =>
        Result(MountNative(source, target, type, (nuint)flags, data));

    public static Errno Remount(string target, MountFlags flags) => Result(MountNative(null, target, null, (nuint)(flags | MountFlags.Remount), null));

    /// <summary>umount2(2) with MNT_DETACH and UMOUNT_NOFOLLOW: takes the mount out of the tree at once, ends it with its last user.</summary>
    public static Errno Detach(string target) => Result(UnmountNative(target, DetachNoFollow));

    public static uint EffectiveUserId => GetEffectiveUserId();
    public static uint EffectiveGroupId => GetEffectiveGroupId();

    /// <summary>
    /// Makes the calling thread one that the kernel's memory reclaim never lets wait for its own filesystem (PR_SET_IO_FLUSHER); best effort,
    /// needs CAP_SYS_RESOURCE. Threads started by it inherit it.
    /// </summary>
    public static void MarkIoFlusher() => _ = ProcessControl(SetIoFlusher, 1, 0, 0, 0);

    /// <summary>A pair of connected sockets: <paramref name="ours"/> closes on exec, <paramref name="theirs"/> goes to the child.</summary>
    public static Errno SocketPair(out SafeFileHandle? ours, out SafeFileHandle? theirs)
    {
        int* pair = stackalloc int[2];
        (ours, theirs) = (null, null);
        if (SocketPairNative(UnixSocket, StreamSocket, 0, pair) < 0)
            return LastErrno;
        (ours, theirs) = (new SafeFileHandle(pair[0], ownsHandle: true), new SafeFileHandle(pair[1], ownsHandle: true));
        return Result(DescriptorControl(ours, SetDescriptorFlags, CloseOnExec));
    }

    /// <summary>Receives one descriptor (SCM_RIGHTS). EPIPE: the other side closed without sending one.</summary>
    public static Errno ReceiveDescriptor(SafeFileHandle socket, out SafeFileHandle? received)
    {
        byte letter;
        var piece = new IoVector(&letter, 1);
        ControlMessage control = default;
        MessageHeader message = new() { Pieces = &piece, PieceCount = 1, Control = &control, ControlBytes = (nuint)sizeof(ControlMessage) };
        received = null;
        nint count;
        do
        {
            count = ReceiveMessage(socket, &message, ReceiveCloseOnExec);
        }
        while (count < 0 && LastErrno == Errno.EINTR);
        if (count < 0)
            return LastErrno;
        if (count == 0 || control.Level != SocketLevel || control.Type != PassRights || control.LengthBytes < ControlMessage.UsedBytes)
            return Errno.EPIPE;
        received = new SafeFileHandle(control.Descriptor, ownsHandle: true);
        return Errno.None;
    }

    private static Errno LastErrno => (Errno)Marshal.GetLastPInvokeError();

    private static Errno Result(nint returned) => returned < 0 ? LastErrno : Errno.None;

    /// <summary>struct msghdr of 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct MessageHeader
    {
        public void* Name;
        public uint NameBytes;
        public IoVector* Pieces;
        public nuint PieceCount;
        public void* Control;
        public nuint ControlBytes;
        public int Flags;
    }

    /// <summary>struct cmsghdr with room for one descriptor.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct ControlMessage
    {
        public const int UsedBytes = 20;

        public nuint LengthBytes;
        public int Level;
        public int Type;
        public int Descriptor;
        public int Padding;
    }

    // open and fcntl are variadic; on both supported ABIs (x86-64, arm64 Linux) an int argument is passed as a fixed one would be.
    [LibraryImport(Library, EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport(Library, EntryPoint = "fcntl", SetLastError = true)]
    private static partial int DescriptorControl(SafeFileHandle descriptor, int command, int argument);

    [LibraryImport(Library, EntryPoint = "read", SetLastError = true)]
    private static partial nint ReadNative(SafeFileHandle device, byte* destination, nint capacityBytes);

    [LibraryImport(Library, EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteNative(SafeFileHandle device, byte* source, nint lengthBytes);

    [LibraryImport(Library, EntryPoint = "writev", SetLastError = true)]
    private static partial nint WriteVectorNative(SafeFileHandle device, IoVector* pieces, int pieceCount);

    [LibraryImport(Library, EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MountNative(string? source, string target, string? type, nuint flags, string? data);

    [LibraryImport(Library, EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UnmountNative(string target, int flags);

    [LibraryImport(Library, EntryPoint = "socketpair", SetLastError = true)]
    private static partial int SocketPairNative(int domain, int type, int protocol, int* pair);

    [LibraryImport(Library, EntryPoint = "recvmsg", SetLastError = true)]
    private static partial nint ReceiveMessage(SafeFileHandle socket, MessageHeader* message, int flags);

    [LibraryImport(Library, EntryPoint = "prctl", SetLastError = true)]
    private static partial int ProcessControl(int option, nuint first, nuint second, nuint third, nuint fourth);

    [LibraryImport(Library, EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUserId();

    [LibraryImport(Library, EntryPoint = "getegid")]
    private static partial uint GetEffectiveGroupId();
}
