using DynamicFs.Harness;

namespace DynamicFs.KillTests.Pool;

/// <summary>What the disks of a pool are made of. Plain directories share the machine's filesystem and cannot lose power.</summary>
internal sealed record DiskKind(string Name, string? Make, string MountOptions, bool CanLosePower)
{
    public static DiskKind Directory { get; } = new("directory", null, "", false);
    public static DiskKind Ext4 { get; } = new("ext4", "mkfs.ext4 -q -F -E lazy_itable_init=1,lazy_journal_init=1 -J size=16", "loop", true);

    /// <summary>ext4 with everything off that hides missing syncs.</summary>
    public static DiskKind Ext4Writeback { get; } = new("ext4-writeback", Ext4.Make, "loop,data=writeback,noauto_da_alloc,commit=300", true);
    public static DiskKind Xfs { get; } = new("xfs", "mkfs.xfs -q -f", "loop", true);
    public static DiskKind Btrfs { get; } = new("btrfs", "mkfs.btrfs -q -f", "loop", false);

    public static IReadOnlyList<DiskKind> All { get; } = [Directory, Ext4, Ext4Writeback, Xfs, Btrfs];

    public static DiskKind Named(string name) => All.FirstOrDefault(kind => kind.Name == name)
        ?? throw new CommandException($"no filesystem {name}: there are {string.Join(", ", All.Select(kind => kind.Name))}");
}

/// <summary>
/// One disk of a pool under attack: a directory, or a loop image mounted at it. Detached, its place is empty and the pool finds it missing; attached again, it
/// is as stale as it was.
/// </summary>
internal sealed class KillDisk
{
    private const string ImageSize = "4G";

    private readonly string _image;
    private readonly DiskKind _kind;

    public KillDisk(DiskKind kind, string path)
    {
        (_kind, Path, _image) = (kind, path, path + (kind.Make is null ? ".away" : ".image"));
        if (kind.Make is not null)
            Shell.Bash($"truncate -s {ImageSize} {_image} && {kind.Make} {_image}").Succeeded();
        if (kind.Make is not null)
            Attach();
    }

    public string Path { get; }
    public bool IsAttached { get; private set; } = true;

    public void Attach()
    {
        if (_kind.Make is null)
            Directory.Move(_image, Path);
        else
            Shell.Run(["mount", "-o", _kind.MountOptions, _image, Path]).Succeeded();
        IsAttached = true;
    }

    public void Detach()
    {
        if (_kind.Make is null)
            Directory.Move(Path, _image);
        else
            Unmount();
        IsAttached = false;
    }

    /// <summary>Unmounts a filesystem that lost power and mounts it again: its log is recovered, what was not written is gone.</summary>
    public void Recover()
    {
        Unmount();
        Attach();
    }

    // The last close of a killed process may come a moment after its end.
    private void Unmount() =>
        Shell.Bash($"for i in $(seq 50); do umount {Path} 2>/dev/null && exit 0; sleep 0.1; done; umount {Path}").Succeeded();
}
