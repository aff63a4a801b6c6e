using System.Runtime.InteropServices;
using DynamicFs.Primitives;

namespace DynamicFs.Interop;

/// <summary>
/// Starting a process that outlives this one, which .NET cannot: a child in its own session with its standard streams on files. Nothing else is
/// inherited: every other descriptor of this process gets close-on-exec first, so that a caller's pipe is never held open by a daemon.
/// </summary>
internal static unsafe partial class NativeProcess
{
    private const short SpawnSetSignalMask = 0x08;
    private const short SpawnSetSession = 0x80;
    private const int OpenReadOnly = 0;
    private const int OpenWriteAppendCreate = 0x1 | 0x400 | 0x40;
    private const int OpenDirectoryForNaming = 0x200000 | 0x80000;
    private const int SetDescriptorFlags = 2;
    private const int SetIoFlusherOption = 57;
    private const int MmapThresholdOption = -3;
    private const int LargeBytes = 256 << 10;
    private const int CloseOnExec = 1;

    /// <summary>Opaque glibc and musl structures are at most 336 bytes.</summary>
    private const int OpaqueBytes = 1024;

    /// <summary>
    /// Starts <paramref name="arguments"/>[0] (an absolute path) with standard input from nothing, standard output and error appended to
    /// <paramref name="outputPath"/>, and <paramref name="inheritedDescriptor"/> as descriptor 3. Returns the process id.
    /// </summary>
    public static int StartDetached(IReadOnlyList<string> arguments, IReadOnlyList<string> environment, string outputPath, int inheritedDescriptor)
    {
        CloseInheritedOnExec();
        byte* actions = stackalloc byte[OpaqueBytes];
        byte* attributes = stackalloc byte[OpaqueBytes];
        byte* noSignals = stackalloc byte[OpaqueBytes];
        new Span<byte>(noSignals, OpaqueBytes).Clear();
        Check(FileActionsInit(actions), "posix_spawn_file_actions_init");
        Check(AttributesInit(attributes), "posix_spawnattr_init");
        byte*[] argv = Strings(arguments);
        byte*[] envp = Strings(environment);
        try
        {
            Check(FileActionsAddOpen(actions, 0, "/dev/null", OpenReadOnly, 0), "posix_spawn_file_actions_addopen");
            Check(FileActionsAddOpen(actions, 1, outputPath, OpenWriteAppendCreate, 0x180), "posix_spawn_file_actions_addopen");
            Check(FileActionsAddDuplicate(actions, 1, 2), "posix_spawn_file_actions_adddup2");
            Check(FileActionsAddDuplicate(actions, inheritedDescriptor, 3), "posix_spawn_file_actions_adddup2");
            Check(AttributesSetSignalMask(attributes, noSignals), "posix_spawnattr_setsigmask");
            Check(AttributesSetFlags(attributes, SpawnSetSession | SpawnSetSignalMask), "posix_spawnattr_setflags");
            int processId;
            fixed (byte** argvPointer = argv, envpPointer = envp)
                Check(Spawn(&processId, arguments[0], actions, attributes, argvPointer, envpPointer), $"posix_spawn {arguments[0]}");
            return processId;
        }
        finally
        {
            Free(argv);
            Free(envp);
            _ = FileActionsDestroy(actions);
            _ = AttributesDestroy(attributes);
        }
    }

    /// <summary>Waits for a child to end: its exit code, or 128 + signal.</summary>
    public static int WaitForExit(int processId)
    {
        int status;
        while (WaitPid(processId, &status, 0) < 0)
        {
            if ((Errno)Marshal.GetLastPInvokeError() != Errno.EINTR)
                return -1;
        }

        return (status & 0x7f) == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f);
    }

    /// <summary>kill(2); false when there is no such process.</summary>
    public static bool Signal(int processId, int signal) => Kill(processId, signal) == 0;

    /// <summary>
    /// PR_SET_IO_FLUSHER: memory that this process needs to serve is not reclaimed through the filesystem that it serves. Needs
    /// CAP_SYS_RESOURCE; without it the process goes on as usual.
    /// </summary>
    public static bool SetIoFlusher() => ProcessControl(SetIoFlusherOption, 1, 0, 0, 0) == 0;

    /// <summary>
    /// mallopt(M_MMAP_THRESHOLD): memory of 256 KiB and more goes back to the system when it is freed. By default glibc keeps what was freed once, up to 32 MiB each, in one heap for every thread
    /// that asked; a rebuild then held 600 MiB for 100 MiB in use. False where the C library has no such option.
    /// </summary>
    public static bool ReturnLargeMemory()
    {
        try
        {
            return SetAllocation(MmapThresholdOption, LargeBytes) != 0;
        }
        catch (EntryPointNotFoundException)
        {
            return false;
        }
    }

    public static uint EffectiveUserId() => GetEffectiveUserId();

    /// <summary>Opens a directory for naming only (O_PATH); never closed by its users, who end with the process.</summary>
    public static int OpenDirectory(string path)
    {
        int descriptor = Open(path, OpenDirectoryForNaming);
        return descriptor >= 0 ? descriptor : throw new IOException($"{path}: {(Errno)Marshal.GetLastPInvokeError()}");
    }

    private static void CloseInheritedOnExec()
    {
        foreach (string entry in Directory.GetFileSystemEntries("/proc/self/fd"))
        {
            if (int.TryParse(Path.GetFileName(entry), out int descriptor) && descriptor > 2)
                _ = DescriptorControl(descriptor, SetDescriptorFlags, CloseOnExec);
        }
    }

    private static byte*[] Strings(IReadOnlyList<string> values)
    {
        var pointers = new byte*[values.Count + 1];
        for (int i = 0; i < values.Count; i++)
            pointers[i] = (byte*)Marshal.StringToCoTaskMemUTF8(values[i]);
        return pointers;
    }

    private static void Free(byte*[] pointers)
    {
        foreach (byte* pointer in pointers)
            Marshal.FreeCoTaskMem((nint)pointer);
    }

    private static void Check(int errno, string call)
    {
        if (errno != 0)
            throw new PoolException(ErrorId.Internal, $"cannot start the daemon: {call}: {(Errno)errno}");
    }

    [LibraryImport("libc", EntryPoint = "posix_spawn", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Spawn(int* processId, string path, byte* actions, byte* attributes, byte** argv, byte** envp);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_init")]
    private static partial int FileActionsInit(byte* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_destroy")]
    private static partial int FileActionsDestroy(byte* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addopen", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int FileActionsAddOpen(byte* actions, int descriptor, string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_adddup2")]
    private static partial int FileActionsAddDuplicate(byte* actions, int descriptor, int newDescriptor);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_init")]
    private static partial int AttributesInit(byte* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_destroy")]
    private static partial int AttributesDestroy(byte* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setflags")]
    private static partial int AttributesSetFlags(byte* attributes, short flags);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigmask")]
    private static partial int AttributesSetSignalMask(byte* attributes, byte* signals);

    [LibraryImport("libc", EntryPoint = "waitpid", SetLastError = true)]
    private static partial int WaitPid(int processId, int* status, int options);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int processId, int signal);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUserId();

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int ProcessControl(int option, nuint argument2, nuint argument3, nuint argument4, nuint argument5);

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetAllocation(int option, int value);

    // open and fcntl are variadic; on both supported ABIs an int argument is passed as a fixed one would be.
    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int DescriptorControl(int descriptor, int command, int argument);
}
