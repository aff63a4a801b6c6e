using DynamicFs.Interop;
using DynamicFs.Primitives;
using Microsoft.Win32.SafeHandles;

namespace DynamicFs.Disks;

/// <summary>The exclusive lock of a disk: flock on the file <c>lock</c>, held until Dispose, given up by the kernel when the process ends.</summary>
public sealed partial class LinuxDisk
{
    public bool TryLock()
    {
        lock (_lockGate)
        {
            if (_lockFile is not null)
                return true;
            while (true)
            {
                SafeFileHandle file = OpenLockFile();
                Errno errno = Libc.TryLock(file);
                if (errno == Errno.None && IsCurrent(file))
                {
                    _lockFile = file;
                    return true;
                }

                file.Dispose();
                if (errno == Errno.EAGAIN)
                    return false;
                ThrowOnFailure(errno, "flock", DiskLayout.Lock);
            }
        }
    }

    /// <summary>On a read-only filesystem the existing file is enough: flock does not write.</summary>
    private SafeFileHandle OpenLockFile()
    {
        Errno errno = OpenFile(DiskLayout.Lock, OpenFlags.ReadWrite | OpenFlags.Create, out SafeFileHandle? file);
        if (errno is Errno.EROFS or Errno.EACCES)
            errno = OpenFile(DiskLayout.Lock, OpenFlags.ReadOnly, out file);
        ThrowOnFailure(errno, "open", DiskLayout.Lock);
        return file!;
    }

    /// <summary>False when the file was unlinked between open and flock: such a lock excludes nobody.</summary>
    private bool IsCurrent(SafeFileHandle file)
    {
        ThrowOnFailure(Libc.Status(file, out FileStatus locked), "stat", DiskLayout.Lock);
        return Libc.StatusAt(_directory, DiskLayout.Lock, out FileStatus named) == Errno.None
            && (named.Inode, named.DeviceNumber) == (locked.Inode, locked.DeviceNumber);
    }
}
