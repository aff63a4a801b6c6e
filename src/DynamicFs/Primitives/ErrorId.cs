namespace DynamicFs.Primitives;

/// <summary>Process exit codes of <c>dynfs</c>; stable, documented in docs/operations/errors.md.</summary>
public enum ExitCode
{
    Done = 0,
    Failed = 1,
    Usage = 2,
    Degraded = 10,
    NoSpareRedundancy = 11,
    DataLost = 12,
    NotFound = 20,
    Refused = 21,
    Locked = 30,
    Corrupt = 31,
    WouldRollBack = 32,
    IoError = 33,
    NoSpace = 34,
    UnsupportedFormat = 40,
}

/// <summary>A stable error id with its exit code and the errno that it becomes at the mount. The table of all of them is <see cref="All"/>.</summary>
public sealed record ErrorId(string Name, ExitCode ExitCode, Errno Errno, string Meaning)
{
    public static readonly ErrorId Internal = new("E_INTERNAL", ExitCode.Failed, Errno.EIO, "a defect in dynfs itself; the log has the details");
    public static readonly ErrorId Usage = new("E_USAGE", ExitCode.Usage, Errno.EINVAL, "the command line is wrong; see --help");
    public static readonly ErrorId PolicyInvalid = new("E_POLICY_INVALID", ExitCode.Usage, Errno.EINVAL, "the policy makes no sense");
    public static readonly ErrorId PolicyTooWide = new("E_POLICY_TOO_WIDE", ExitCode.Usage, Errno.EINVAL, "the policy needs more disks than there are");
    public static readonly ErrorId NotFound = new("E_NOT_FOUND", ExitCode.NotFound, Errno.ENOENT, "no such pool, disk, mount or file");
    public static readonly ErrorId DiskPathInvalid = new("E_DISK_PATH", ExitCode.NotFound, Errno.ENOENT, "the disk path does not exist or is no directory");
    public static readonly ErrorId DiskSymlink = new("E_DISK_SYMLINK", ExitCode.Refused, Errno.ELOOP, "the disk path is a symbolic link");
    public static readonly ErrorId DiskNotEmpty = new("E_DISK_NOT_EMPTY", ExitCode.Refused, Errno.ENOTEMPTY, "the directory is not empty; --allow-nonempty keeps what is there");
    public static readonly ErrorId DiskInUse = new("E_DISK_IN_USE", ExitCode.Refused, Errno.EBUSY, "the disk belongs to a pool already");
    public static readonly ErrorId SameDevice = new("E_SAME_DEVICE", ExitCode.Refused, Errno.EINVAL, "two disks are on one device; --allow-same-device overrides");
    public static readonly ErrorId DiskReadOnly = new("E_DISK_READ_ONLY", ExitCode.IoError, Errno.EROFS, "the disk's filesystem is read-only");
    public static readonly ErrorId DiskDuplicate = new("E_DISK_DUPLICATE", ExitCode.Refused, Errno.EBUSY, "two paths hold the same disk: one is a copy");
    public static readonly ErrorId DiskForeign = new("E_DISK_FOREIGN", ExitCode.NotFound, Errno.ENOENT, "the path holds no disk, or a disk of another pool");
    public static readonly ErrorId DiskNeeded = new("E_DISK_NEEDED", ExitCode.Refused, Errno.EBUSY, "data could not be read, or written, without that disk; --force overrides where the text says so");
    public static readonly ErrorId DiskState = new("E_DISK_STATE", ExitCode.Refused, Errno.EINVAL, "the disk's state does not allow that; the text says what to do first");
    public static readonly ErrorId Access = new("E_ACCESS", ExitCode.Failed, Errno.EACCES, "no permission");
    public static readonly ErrorId NameAmbiguous = new("E_NAME_AMBIGUOUS", ExitCode.Refused, Errno.EINVAL, "more than one registered pool has that name; name one by a disk's path");
    public static readonly ErrorId OrphansUnknown = new("E_ORPHANS_UNKNOWN", ExitCode.Refused, Errno.EIO, "something that may need a file cannot be read, so no file can be called an orphan");
    public static readonly ErrorId TimedOut = new("E_TIMED_OUT", ExitCode.Failed, Errno.EIO, "what was waited for did not end in time; it goes on");
    public static readonly ErrorId Busy = new("E_BUSY", ExitCode.Refused, Errno.EBUSY, "work of that kind is under way already, or is not");
    public static readonly ErrorId NameTaken = new("E_NAME_TAKEN", ExitCode.Refused, Errno.EEXIST, "a pool of that name is registered already");
    public static readonly ErrorId MountPoint = new("E_MOUNT_POINT", ExitCode.NotFound, Errno.ENOENT, "the mount point is missing or no directory");
    public static readonly ErrorId MountPointNotEmpty = new("E_MOUNT_POINT_NOT_EMPTY", ExitCode.Refused, Errno.ENOTEMPTY, "the mount point is not empty");
    public static readonly ErrorId MountPointBusy = new("E_MOUNT_POINT_BUSY", ExitCode.Refused, Errno.EBUSY, "something is mounted there already");
    public static readonly ErrorId NotMounted = new("E_NOT_MOUNTED", ExitCode.NotFound, Errno.ENOENT, "no dynfs mount there");
    public static readonly ErrorId Mount = new("E_MOUNT", ExitCode.Failed, Errno.EIO, "the kernel or fusermount3 refused the mount");
    public static readonly ErrorId Locking = new("E_LOCKING", ExitCode.Locked, Errno.EBUSY, "another process has the pool open");
    public static readonly ErrorId MissingDisks = new("E_MISSING_DISKS", ExitCode.Refused, Errno.EIO, "more disks are missing than the policy survives; --degraded mounts read-only");
    public static readonly ErrorId RollBack = new("E_ROLLBACK", ExitCode.WouldRollBack, Errno.EIO, "mounting now would lose newer commits");
    public static readonly ErrorId Corrupt = new("E_CORRUPT", ExitCode.Corrupt, Errno.EIO, "stored metadata cannot be read right");
    public static readonly ErrorId NoRoot = new("E_NO_ROOT", ExitCode.Corrupt, Errno.EIO, "no valid root record on any present disk");
    public static readonly ErrorId DataLost = new("E_DATA_LOST", ExitCode.DataLost, Errno.EIO, "too few good fragments are left of an extent");
    public static readonly ErrorId Io = new("E_IO", ExitCode.IoError, Errno.EIO, "a disk call failed");
    public static readonly ErrorId MinWrite = new("E_MIN_WRITE", ExitCode.IoError, Errno.EIO, "too few disks took the write to acknowledge it");
    public static readonly ErrorId RootQuorum = new("E_ROOT_QUORUM", ExitCode.IoError, Errno.EIO, "too few disks took the root record to acknowledge the commit");
    public static readonly ErrorId ReadOnly = new("E_READ_ONLY", ExitCode.Refused, Errno.EROFS, "the pool is mounted read-only");
    public static readonly ErrorId NoSpace = new("E_NO_SPACE", ExitCode.NoSpace, Errno.ENOSPC, "no space is left under the policy");
    public static readonly ErrorId Format = new("E_FORMAT", ExitCode.UnsupportedFormat, Errno.EIO, "the pool has a format version or feature this dynfs does not know");

    /// <summary>Every id, for --help, the documentation and its test.</summary>
    public static IReadOnlyList<ErrorId> All { get; } =
    [
        Internal, Usage, PolicyInvalid, PolicyTooWide, NotFound, DiskPathInvalid, DiskSymlink, DiskNotEmpty, DiskInUse, SameDevice, DiskReadOnly,
        DiskDuplicate, DiskForeign, DiskNeeded, DiskState, Access, Busy, TimedOut, OrphansUnknown, NameAmbiguous, NameTaken,
        MountPoint, MountPointNotEmpty, MountPointBusy, NotMounted, Mount, Locking, MissingDisks, RollBack, Corrupt, NoRoot, DataLost,
        Io, MinWrite, RootQuorum, ReadOnly, NoSpace, Format,
    ];
}
