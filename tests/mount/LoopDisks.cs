using DynamicFs.Harness;

namespace DynamicFs.MountTests;

/// <summary>
/// The disks of a pool as filesystems of their own: ext4 images on loop devices, mounted at the pool's disks before it is created. Owns these mounts; the scratch directory's watcher
/// clears them away after a harness that was ended.
/// </summary>
internal sealed class LoopDisks : IDisposable
{
    private readonly PoolUnderTest _pool;

    public LoopDisks(PoolUnderTest pool, int mebibytes = 256)
    {
        _pool = pool;
        for (int i = 0; i < pool.Disks.Count; i++)
            Make(pool.Disks[i], mebibytes);
    }

    /// <summary>Makes a filesystem and mounts it at an empty directory; without reserved blocks, so that full is full.</summary>
    public static void Make(string directory, int mebibytes) => Shell.Bash($"""
        truncate -s {mebibytes}M {directory}.image
        mkfs.ext4 -q -F -m 0 -J size=4 -E lazy_itable_init=1,lazy_journal_init=1 {directory}.image
        mount -o loop {directory}.image {directory}
        rmdir {directory}/lost+found
        """).Succeeded();

    public void Mount(int index) => Shell.Run(["mount", "-o", "loop", $"{_pool.Disks[index]}.image", _pool.Disks[index]]).Succeeded();

    public void Unmount(int index) => Unmount(_pool.Disks[index]);

    /// <summary>Takes the name away; who has files open there keeps them.</summary>
    public void Detach(int index) => Shell.Run(["umount", "-l", _pool.Disks[index]]).Succeeded();

    /// <summary>The filesystem says EROFS from now on, as one does that found itself damaged.</summary>
    public void Abort(int index) => Shell.Run(["mount", "-o", "remount,abort", _pool.Disks[index]]).Succeeded();

    /// <summary>Writes beside the pool until there is not one block left.</summary>
    public void FillUp(int index) => Shell.Bash($"cat /dev/zero >{_pool.Disks[index]}/filler 2>/dev/null || true; for i in $(seq 20); do echo x >{_pool.Disks[index]}/small$i || break; done 2>/dev/null");

    public void Empty(int index) => Shell.Bash($"rm -f {_pool.Disks[index]}/filler {_pool.Disks[index]}/small*").Succeeded();

    public long FreeBytes(int index) =>
        long.Parse(Shell.Bash($"stat -f -c '%a * %S' {_pool.Disks[index]} | sed 's/.*/echo $((&))/' | bash").Succeeded().Output, System.Globalization.CultureInfo.InvariantCulture);

    public void Dispose()
    {
        try
        {
            _pool.Dispose();
        }
        finally
        {
            foreach (string disk in _pool.Disks)
                Shell.Bash($"while mountpoint -q {disk}; do umount -l {disk}; done; rm -f {disk}.image");
        }
    }

    // The last close of a daemon may come a moment after its answer.
    private static void Unmount(string directory) =>
        Shell.Bash($"for i in $(seq 50); do umount {directory} 2>/dev/null && exit 0; sleep 0.1; done; umount {directory}").Succeeded();
}
