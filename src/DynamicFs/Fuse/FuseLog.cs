using DynamicFs.Interop;
using Microsoft.Extensions.Logging;

namespace DynamicFs.Fuse;

/// <summary>What the protocol layer says to the log.</summary>
internal static partial class FuseLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "{MountPoint}: mounted {Source}, {Readers} reader threads")]
    public static partial void Mounted(ILogger log, string mountPoint, string source, int readers);

    [LoggerMessage(Level = LogLevel.Information, Message = "kernel protocol 7.{Minor}, agreed on {Flags}")]
    public static partial void Negotiated(ILogger log, uint minor, FuseInitFlags flags);

    [LoggerMessage(Level = LogLevel.Error, Message = "the kernel speaks FUSE {Major}.{Minor}; dynfs needs 7.31 (Linux 5.4) or newer")]
    public static partial void TooOld(ILogger log, uint major, uint minor);

    [LoggerMessage(Level = LogLevel.Error, Message = "a request of {LengthBytes} bytes is shorter than its header; dropped")]
    public static partial void Truncated(ILogger log, int lengthBytes);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Opcode} on inode {Inode} (request {Unique}) failed; the caller gets an I/O error")]
    public static partial void Failed(ILogger log, FuseOpcode opcode, ulong inode, ulong unique, Exception exception);

    [LoggerMessage(Level = LogLevel.Critical, Message = "{Opcode} on inode {Inode} (request {Unique}) hit a defect in dynfs; the caller gets an I/O error. Please report this with the log")]
    public static partial void Defect(ILogger log, FuseOpcode opcode, ulong inode, ulong unique, Exception exception);

    [LoggerMessage(Level = LogLevel.Critical, Message = "stopping the pool after a defect failed")]
    public static partial void DefectReportFailed(ILogger log, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Opcode} on inode {Inode} (request {Unique}) of process {ProcessId} is running for {Seconds} s")]
    public static partial void Slow(ILogger log, FuseOpcode opcode, ulong inode, ulong unique, uint processId, long seconds);

    [LoggerMessage(Level = LogLevel.Error, Message = "reading {Device} failed: {Errno}; the session ends")]
    public static partial void ReadFailed(ILogger log, string device, Primitives.Errno errno);

    [LoggerMessage(Level = LogLevel.Error, Message = "the kernel refused the reply to {Opcode} (request {Unique}, {LengthBytes} bytes): {Errno}")]
    public static partial void ReplyRefused(ILogger log, FuseOpcode opcode, ulong unique, int lengthBytes, Primitives.Errno errno);

    [LoggerMessage(Level = LogLevel.Information, Message = "{MountPoint}: the session ended ({Reason})")]
    public static partial void Ended(ILogger log, string mountPoint, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{MountPoint}: still in use {Seconds} s after unmounting; cutting the connection, open files there get errors")]
    public static partial void Cutting(ILogger log, string mountPoint, long seconds);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Text}")]
    public static partial void Trace(ILogger log, string text);
}
