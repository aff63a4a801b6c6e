using DynamicFs.Interop;
using DynamicFs.Primitives;
using Microsoft.Win32.SafeHandles;

namespace DynamicFs.Disks;

/// <summary>
/// The disk seam on a directory of the system. Owns a handle on <c>&lt;path&gt;/.dynfs</c>, open from attach to Dispose: every call is resolved below that
/// handle, follows no link and crosses into no other mount, so whatever happens to the path later (unmounted, mounted over, replaced) cannot
/// redirect a write. Every failure is a <see cref="DiskException"/> with operation, path and errno. Thread-safe.
/// </summary>
public sealed partial class LinuxDisk : IDisk
{
    private const uint FileMode = 0x180; // 0600
    private const uint DirectoryMode = 0x1C0; // 0700
    private const int OpenRegular = OpenFlags.NonBlocking | OpenFlags.NoControllingTerminal;

    private readonly SafeFileHandle _directory;
    private readonly Lock _lockGate = new();
    private SafeFileHandle? _lockFile;

    private LinuxDisk(string name, SafeFileHandle directory) => (Name, _directory) = (name, directory);

    public string Name { get; }

    public IDiskFile Open(string path, DiskOpenMode mode)
    {
        DiskPath.Check(path);
        int flags = mode switch
        {
            DiskOpenMode.Read => OpenFlags.ReadOnly,
            DiskOpenMode.ReadWrite => OpenFlags.ReadWrite,
            DiskOpenMode.CreateNew => OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Exclusive,
            DiskOpenMode.OpenOrCreate => OpenFlags.ReadWrite | OpenFlags.Create,
            DiskOpenMode.ReadDirect => OpenFlags.ReadOnly | OpenFlags.Direct,
            _ => throw new ArgumentOutOfRangeException(nameof(mode)),
        };

        Errno errno = OpenFile(path, flags, out SafeFileHandle? file);
        if (errno == Errno.EINVAL && mode == DiskOpenMode.ReadDirect && OpenFile(path, OpenFlags.ReadOnly, out SafeFileHandle? cached) == Errno.None)
        {
            // The file is fine: it is the filesystem that cannot read past the page cache.
            cached!.Dispose();
            errno = Errno.EOPNOTSUPP;
        }

        ThrowOnFailure(errno, "open", path);
        return new LinuxDiskFile(this, path, file!, mode == DiskOpenMode.ReadDirect);
    }

    public void Rename(string from, string to)
    {
        using SafeFileHandle oldParent = OpenParent("rename", from, out string oldName);
        using SafeFileHandle newParent = OpenParent("rename", to, out string newName);
        Errno errno = Libc.Rename(oldParent, oldName, newParent, newName);
        if (errno != Errno.None)
            throw Failure($"rename {from} to", to, errno);
    }

    public void Unlink(string path)
    {
        using SafeFileHandle parent = OpenParent("unlink", path, out string name);
        ThrowOnFailure(Libc.Unlink(parent, name), "unlink", path);
    }

    public void MakeDirectory(string path)
    {
        using SafeFileHandle parent = OpenParent("mkdir", path, out string name);
        ThrowOnFailure(Libc.MakeDirectory(parent, name, DirectoryMode), "mkdir", path);
    }

    public void RemoveDirectory(string path)
    {
        using SafeFileHandle parent = OpenParent("rmdir", path, out string name);
        ThrowOnFailure(Libc.RemoveDirectory(parent, name), "rmdir", path);
    }

    public IReadOnlyList<DiskEntry> List(string path)
    {
        using SafeFileHandle directory = OpenDirectory("list", path, OpenFlags.ReadOnly);
        List<DirectoryName> names = [];
        ThrowOnFailure(Libc.List(directory, names), "list", path);
        var entries = new DiskEntry[names.Count];
        for (int i = 0; i < entries.Length; i++)
            entries[i] = new DiskEntry(names[i].Name, KindOf(directory, names[i]));
        return entries;
    }

    public void SyncDirectory(string path)
    {
        using SafeFileHandle directory = OpenDirectory("fsync directory", path, OpenFlags.ReadOnly);
        ThrowOnFailure(Libc.Sync(directory), "fsync directory", path);
    }

    public DiskSpace Space()
    {
        ThrowOnFailure(Libc.Space(_directory, out FileSystemStatus space), "statvfs", "");
        ThrowOnFailure(Libc.Status(_directory, out FileStatus status), "stat", "");
        return new DiskSpace(space.TotalBytes, space.AvailableBytes, space.TotalInodes, space.FreeInodes, space.IsReadOnly, status.DeviceNumber);
    }

    public void Dispose()
    {
        lock (_lockGate)
            _lockFile?.Dispose();
        _directory.Dispose();
        _parent?.Dispose();
    }

    internal DiskException Failure(string operation, string path, Errno errno) =>
        new(Name, path.Length == 0 ? $"{operation} {DiskLayout.Directory}" : $"{operation} {path}", errno);

    internal void ThrowOnFailure(Errno errno, string operation, string path)
    {
        if (errno != Errno.None)
            throw Failure(operation, path, errno);
    }

    /// <summary>Opens a regular file; anything else is refused without waiting for it: EISDIR a directory, ELOOP a link, EINVAL the rest.</summary>
    private Errno OpenFile(string path, int flags, out SafeFileHandle? file)
    {
        Errno errno = Libc.OpenBeneath(_directory, path, flags | OpenRegular, FileMode, out file);
        if (errno == Errno.ENXIO)
            return Errno.EINVAL; // a socket, or a device without a driver
        if (errno != Errno.None)
            return errno;

        errno = Libc.Status(file!, out FileStatus status);
        if (errno == Errno.None && status.Kind != FileKind.Regular)
            errno = status.Kind == FileKind.Directory ? Errno.EISDIR : Errno.EINVAL;
        if (errno == Errno.None)
            return Errno.None;
        file!.Dispose();
        file = null;
        return errno;
    }

    private SafeFileHandle OpenParent(string operation, string path, out string name) =>
        OpenDirectory(operation, DiskPath.Split(path, out name), OpenFlags.Path);

    private SafeFileHandle OpenDirectory(string operation, string path, int flags)
    {
        DiskPath.CheckDirectory(path);
        Errno errno = Libc.OpenBeneath(_directory, path.Length == 0 ? "." : path, flags | OpenFlags.Directory, 0, out SafeFileHandle? directory);
        ThrowOnFailure(errno, operation, path);
        return directory!;
    }

    private static DiskEntryKind KindOf(SafeFileHandle directory, DirectoryName entry)
    {
        FileKind kind = entry.Kind ?? (Libc.StatusAt(directory, entry.Name, out FileStatus status) == Errno.None ? status.Kind : FileKind.Fifo);
        return kind switch
        {
            FileKind.Regular => DiskEntryKind.File,
            FileKind.Directory => DiskEntryKind.Directory,
            _ => DiskEntryKind.Other,
        };
    }
}
