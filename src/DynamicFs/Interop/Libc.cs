using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DynamicFs.Primitives;

[assembly: DisableRuntimeMarshalling]

namespace DynamicFs.Interop;

/// <summary>
/// The C library, one thin method per call: an <see cref="Errno"/> comes back, never an exception, and EINTR is retried wherever the kernel allows
/// it. Descriptors are SafeFileHandles, so that a close can never hit a number that was reused while a call was on its way; every one is
/// opened close-on-exec. No policy: who calls decides what an errno means. Partial files by concern.
/// </summary>
internal static unsafe partial class Libc
{
    /// <summary>The runtime maps this name to the C library of the system (libc.so.6 with glibc).</summary>
    private const string Library = "libc";

    /// <summary>The errno of the last call of this thread that was imported with SetLastError.</summary>
    public static Errno LastErrno => (Errno)Marshal.GetLastPInvokeError();

    private static Errno Result(int returned) => returned < 0 ? LastErrno : Errno.None;

    /// <summary>System calls without a C library function everywhere; numbers of x86-64, with those of arm64 (asm-generic) where they differ.</summary>
    private static class Call
    {
        public const long OpenAt2 = 437;
        public static readonly long GetDents64 = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 61 : 217;
    }
}

/// <summary>Flags of open(2). Some differ between x86-64 and the generic ABI of arm64 (asm-generic/fcntl.h, arch/arm64/include/uapi/asm/fcntl.h).</summary>
internal static class OpenFlags
{
    private static readonly bool IsArm = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    public const int ReadOnly = 0;
    public const int WriteOnly = 1;
    public const int ReadWrite = 2;
    public const int Create = 0x40;
    public const int Exclusive = 0x80;
    public const int NoControllingTerminal = 0x100;
    public const int Truncate = 0x200;
    public const int Append = 0x400;
    public const int NonBlocking = 0x800;
    public const int CloseOnExec = 0x80000;
    public const int Path = 0x200000;
    public static readonly int Direct = IsArm ? 0x10000 : 0x4000;
    public static readonly int Directory = IsArm ? 0x4000 : 0x10000;
    public static readonly int NoFollow = IsArm ? 0x8000 : 0x20000;
}
