using DynamicFs.Primitives;
using Microsoft.Extensions.Logging;

namespace DynamicFs.Files;

/// <summary>The one place where failures of the layers below become errnos.</summary>
public sealed partial class FileSystem
{
    /// <summary>Logs a failure with its context and says what the caller gets.</summary>
    private Errno Failed(Exception failure, string operation, InodeNumber inode)
    {
        Errno errno = failure switch
        {
            PoolException pool => pool.Id.Errno,
            CorruptionException or DiskException => Errno.EIO,
            _ => Errno.EIO,
        };
        if (failure is InvariantException || _gate.IsBroken)
            TurnReadOnly();
        LogFailure(_log, operation, inode, errno, failure);
        return errno;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Operation} on inode {Inode} failed with {Errno}")]
    private static partial void LogFailure(ILogger log, string operation, InodeNumber inode, Errno errno, Exception exception);
}
