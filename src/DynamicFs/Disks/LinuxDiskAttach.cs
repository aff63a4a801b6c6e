using DynamicFs.Interop;
using DynamicFs.Primitives;
using Microsoft.Win32.SafeHandles;

namespace DynamicFs.Disks;

/// <summary>From an operator's path to a disk: attaching one that is there, making a new one, and taking a new one back.</summary>
public sealed partial class LinuxDisk
{
    /// <summary>What mkfs leaves in a fresh filesystem; such a directory counts as empty.</summary>
    private const string LostAndFound = "lost+found";

    /// <summary>The operator's directory; only of a disk that <see cref="Format"/> made, for <see cref="RemoveFormat"/>.</summary>
    private SafeFileHandle? _parent;

    /// <summary>
    /// Opens the disk at <paramref name="path"/>. Reads and changes nothing. Throws <see cref="PoolException"/>: DiskPathInvalid, DiskSymlink,
    /// NotFound (no disk of ours there), Corrupt (<c>.dynfs</c> is no directory), Io.
    /// </summary>
    public static LinuxDisk Attach(string path)
    {
        using SafeFileHandle parent = OpenOperatorDirectory(path);
        Errno errno = Libc.OpenBeneath(parent, DiskLayout.Directory, OpenFlags.Path | OpenFlags.Directory, 0, out SafeFileHandle? directory);
        if (errno == Errno.None)
            return new LinuxDisk(path, directory!);

        string inside = $"{path}/{DiskLayout.Directory}";
        throw errno switch
        {
            Errno.ENOENT => new PoolException(ErrorId.NotFound, $"disk {path}: there is no {DiskLayout.Directory} directory, so it is not (or no longer) part of a pool; is its filesystem mounted?"),
            Errno.ELOOP => new PoolException(ErrorId.DiskSymlink, $"disk {path}: {inside} is a symbolic link; links are never followed"),
            Errno.ENOTDIR => new PoolException(ErrorId.Corrupt, $"disk {path}: {inside} is no directory; something replaced it"),
            Errno.EXDEV => new PoolException(ErrorId.DiskPathInvalid, $"disk {path}: something is mounted on {inside}; unmount it, a disk must lie in one filesystem"),
            _ => OperatorFailure(path, $"open {DiskLayout.Directory}", errno),
        };
    }

    /// <summary>Throws what <see cref="Format"/> would refuse, and changes nothing.</summary>
    public static void CheckFormat(string path, bool allowNonEmpty)
    {
        using SafeFileHandle parent = OpenOperatorDirectory(path);
        CheckUsable(path, parent, allowNonEmpty);
    }

    /// <summary>
    /// Makes an empty disk below <paramref name="path"/>: <c>.dynfs</c> (0700), its directories and the lock file, durable on return. Then runs
    /// <paramref name="prepare"/> (the label, for one). When anything fails, everything made is removed again. Throws <see cref="PoolException"/>:
    /// DiskPathInvalid, DiskSymlink, DiskInUse, DiskNotEmpty (unless <paramref name="allowNonEmpty"/>; what is there is never touched),
    /// DiskReadOnly, NoSpace, Io; and what <paramref name="prepare"/> throws.
    /// </summary>
    public static LinuxDisk Format(string path, bool allowNonEmpty = false, Action<LinuxDisk>? prepare = null)
    {
        SafeFileHandle parent = OpenOperatorDirectory(path);
        try
        {
            CheckUsable(path, parent, allowNonEmpty);
            Errno errno = Libc.MakeDirectory(parent, DiskLayout.Directory, DirectoryMode);
            if (errno != Errno.None)
                throw OperatorFailure(path, $"mkdir {DiskLayout.Directory}", errno);
        }
        catch
        {
            parent.Dispose();
            throw;
        }

        LinuxDisk? disk = null;
        try
        {
            Errno errno = Libc.OpenBeneath(parent, DiskLayout.Directory, OpenFlags.Path | OpenFlags.Directory, 0, out SafeFileHandle? directory);
            if (errno != Errno.None)
                throw OperatorFailure(path, $"open {DiskLayout.Directory}", errno);
            disk = new LinuxDisk(path, directory!) { _parent = parent };
            disk.MakeLayout();
            prepare?.Invoke(disk);
            return disk;
        }
        catch (Exception e)
        {
            RemoveHalfMade(disk, parent);
            if (e is DiskException failure)
                throw OperatorFailure(path, failure.Operation, failure.Errno, failure);
            throw;
        }
    }

    /// <summary>
    /// Takes back a disk that <see cref="Format"/> has just made (the pool's creation failed elsewhere): removes everything in <c>.dynfs</c> and the
    /// directory itself. The disk must be disposed after it.
    /// </summary>
    public void RemoveFormat()
    {
        Invariant.Check(_parent is not null, "only a disk made by this process is removed");
        RemoveTree("");
        ThrowOnFailure(Libc.RemoveDirectory(_parent, DiskLayout.Directory), "rmdir", "");
    }

    private void MakeLayout()
    {
        foreach (string directory in DiskLayout.Subdirectories)
            MakeDirectory(directory);
        OpenLockFile().Dispose();
        SyncDirectory("");
        Errno errno = Libc.OpenBeneath(_parent!, ".", OpenFlags.ReadOnly | OpenFlags.Directory, 0, out SafeFileHandle? directoryFile);
        using (directoryFile)
        {
            ThrowOnFailure(errno, "open directory of", "");
            ThrowOnFailure(Libc.Sync(directoryFile!), "fsync directory of", "");
        }
    }

    /// <summary>The failure that led here is the one to report, so a second one is dropped.</summary>
    private static void RemoveHalfMade(LinuxDisk? disk, SafeFileHandle parent)
    {
        if (disk is null)
        {
            _ = Libc.RemoveDirectory(parent, DiskLayout.Directory);
            parent.Dispose();
            return;
        }

        try
        {
            disk.RemoveFormat();
        }
        catch (DiskException)
        {
        }
        finally
        {
            disk.Dispose();
        }
    }

    private void RemoveTree(string path)
    {
        foreach (DiskEntry entry in List(path))
        {
            string child = path.Length == 0 ? entry.Name : $"{path}/{entry.Name}";
            if (entry.Kind == DiskEntryKind.Directory)
            {
                RemoveTree(child);
                RemoveDirectory(child);
            }
            else
            {
                Unlink(child);
            }
        }
    }

    private static SafeFileHandle OpenOperatorDirectory(string path)
    {
        // A trailing slash would make the kernel follow a link.
        string trimmed = path.Length > 1 ? path.TrimEnd('/') : path;
        if (trimmed.Length == 0)
            trimmed = path.Length == 0 ? "" : "/";
        if (trimmed.Length == 0 || trimmed.Contains('\0'))
            throw new PoolException(ErrorId.DiskPathInvalid, "a disk path is empty or contains a NUL; give the path of a directory");

        Errno errno = Libc.Open(trimmed, OpenFlags.Path | OpenFlags.NoFollow, out SafeFileHandle? directory);
        FileStatus status = default;
        if (errno == Errno.None)
            errno = Libc.Status(directory!, out status);
        if (errno == Errno.None && status.Kind == FileKind.Directory)
            return directory!;

        directory?.Dispose();
        throw errno switch
        {
            Errno.None when status.Kind == FileKind.SymbolicLink =>
                new PoolException(ErrorId.DiskSymlink, $"disk {path} is a symbolic link; give the directory that it points to (readlink -f '{path}')"),
            Errno.None or Errno.ENOTDIR => new PoolException(ErrorId.DiskPathInvalid, $"disk {path} is no directory; a disk is a directory on a mounted filesystem"),
            Errno.ENOENT => new PoolException(ErrorId.DiskPathInvalid, $"disk {path} does not exist; make the directory or mount its filesystem first"),
            Errno.ELOOP or Errno.ENAMETOOLONG => new PoolException(ErrorId.DiskPathInvalid, $"disk {path}: the path cannot be resolved ({errno})"),
            _ => OperatorFailure(path, "open", errno),
        };
    }

    private static void CheckUsable(string path, SafeFileHandle parent, bool allowNonEmpty)
    {
        Errno errno = Libc.OpenBeneath(parent, ".", OpenFlags.ReadOnly | OpenFlags.Directory, 0, out SafeFileHandle? directory);
        if (errno != Errno.None)
            throw OperatorFailure(path, "open", errno);
        List<DirectoryName> entries = [];
        using (directory)
            errno = Libc.List(directory!, entries);
        if (errno != Errno.None)
            throw OperatorFailure(path, "list", errno);

        if (entries.Exists(e => e.Name == DiskLayout.Directory))
            throw InUse(path, parent);
        if (!allowNonEmpty && entries.FindIndex(e => e.Name != LostAndFound && !e.Name.StartsWith(RetiredPrefix, StringComparison.Ordinal)) is >= 0 and int first)
            throw new PoolException(ErrorId.DiskNotEmpty, $"disk {path} is not empty (it holds '{entries[first].Name}'); use an empty directory, or --allow-nonempty to keep what is there beside the pool's {DiskLayout.Directory}");

        errno = Libc.Space(parent, out FileSystemStatus space);
        if (errno != Errno.None)
            throw OperatorFailure(path, "statvfs", errno);
        if (space.IsReadOnly)
            throw OperatorFailure(path, "statvfs", Errno.EROFS);
    }

    private static PoolException InUse(string path, SafeFileHandle parent)
    {
        string inside = $"{path}/{DiskLayout.Directory}";
        bool isLabelled = Libc.OpenBeneath(parent, $"{DiskLayout.Directory}/{DiskLayout.Label}", OpenFlags.Path, 0, out SafeFileHandle? label) == Errno.None;
        label?.Dispose();
        return new PoolException(ErrorId.DiskInUse, isLabelled
            ? $"disk {path} belongs to a pool already ({inside}/{DiskLayout.Label}); nothing was changed. If that pool is gone for good, remove {inside} yourself"
            : $"disk {path} holds a {DiskLayout.Directory} without a label, perhaps from a creation that was cut off; nothing was changed. If it holds nothing of value, remove {inside} yourself");
    }

    private static PoolException OperatorFailure(string path, string operation, Errno errno, Exception? inner = null) => errno switch
    {
        Errno.EROFS => new PoolException(ErrorId.DiskReadOnly, $"disk {path}: {operation}: its filesystem is read-only; mount it read-write (mount -o remount,rw)", inner),
        Errno.ENOSPC or Errno.EDQUOT => new PoolException(ErrorId.NoSpace, $"disk {path}: {operation}: no space left on its filesystem ({errno}); free some and try again", inner),
        Errno.EEXIST => new PoolException(ErrorId.DiskInUse, $"disk {path}: {operation}: another process made it at the same moment", inner),
        Errno.EACCES or Errno.EPERM => new PoolException(ErrorId.Io, $"disk {path}: {operation}: permission denied ({errno}); run as root or as the owner of the directory", inner),
        _ => new PoolException(ErrorId.Io, $"disk {path}: {operation}: {errno}; see the kernel log (dmesg)", inner),
    };
}
