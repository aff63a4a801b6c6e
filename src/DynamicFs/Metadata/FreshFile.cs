using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.Metadata;

/// <summary>
/// Replaces a file as a whole: written and synced under a temporary name, moved over whatever has the name (a damaged file, a pipe, a link), the directory
/// synced. A new inode matters after a failed sync: nothing that the kernel believes about the old one may be trusted.
/// </summary>
internal static class FreshFile
{
    public static IDiskFile Make(IDisk disk, string name, string temporaryName, MetadataOptions options, Action<IDiskFile> write)
    {
        IDiskFile file = CreateNew(disk, temporaryName);
        try
        {
            write(file);
            if (!options.NoFsync)
                file.Sync();
            KillPoint.Reach("fresh-file-before-rename");
            disk.Rename(temporaryName, name);
            KillPoint.Reach("fresh-file-after-rename");
            if (!options.NoFsync && !Canary.Is("new-file-directory-not-synced"))
                disk.SyncDirectory("");
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static IDiskFile CreateNew(IDisk disk, string name)
    {
        try
        {
            return disk.Open(name, DiskOpenMode.CreateNew);
        }
        catch (DiskException e) when (e.Errno == Errno.EEXIST)
        {
            disk.Unlink(name); // left by a crash
            return disk.Open(name, DiskOpenMode.CreateNew);
        }
    }
}
