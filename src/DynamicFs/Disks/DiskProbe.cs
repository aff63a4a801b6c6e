using DynamicFs.Primitives;

namespace DynamicFs.Disks;

/// <summary>What one look at a disk found; <see cref="Evidence"/> says it in a sentence.</summary>
public sealed record ProbeResult(DiskSign Sign, string Evidence, DiskSpace? Space);

/// <summary>Looks whether a disk is the one it should be, where it should be, and takes bytes. Runs on the disk's own queue: it may take as long as the disk does.</summary>
public static class DiskProbe
{
    private const string FileName = "tmp/probe";

    /// <param name="mayWrite">Also writes and syncs a small file, as a fragment would be.</param>
    public static ProbeResult Look(IDisk disk, DiskId id, bool mayWrite)
    {
        if (IdentityProblem(disk, id) is { } problem)
            return new ProbeResult(DiskSign.IdentityLost, problem, null);
        try
        {
            DiskSpace space = disk.Space();
            if (space.IsReadOnly)
                return new ProbeResult(DiskSign.ReadOnly, "its filesystem is mounted read-only", space);
            bool isFull = mayWrite && !TryWrite(disk);
            return new ProbeResult(DiskSign.Clean, isFull ? "it is full" : "nothing wrong", space);
        }
        catch (DiskException e)
        {
            return new ProbeResult(e.Errno == Errno.EROFS ? DiskSign.ReadOnly : DiskSign.WriteError, e.Message, null);
        }
    }

    private static string? IdentityProblem(IDisk disk, DiskId id)
    {
        try
        {
            disk.CheckPlace();
            DiskLabel label = DiskLabelFile.Read(disk);
            return label.Id == id ? null : $"{DiskLayout.Label} is of disk {label.Id}";
        }
        catch (DiskException e) when (e.Errno is Errno.EIO or Errno.ETIMEDOUT or Errno.ECANCELED or Errno.ENOMEM or Errno.EMFILE or Errno.ENFILE or Errno.EAGAIN)
        {
            // The disk fails calls; that says nothing about which disk it is.
            return null;
        }
        catch (Exception e) when (e is DiskException or CorruptionException or PoolException)
        {
            return e.Message;
        }
    }

    /// <summary>False when there is no space.</summary>
    private static bool TryWrite(IDisk disk)
    {
        try
        {
            using (IDiskFile file = disk.Open(FileName, DiskOpenMode.OpenOrCreate))
            {
                file.Write(0, "probe"u8);
                file.Sync();
            }

            disk.Unlink(FileName);
            return true;
        }
        catch (DiskException e) when (e.Errno is Errno.ENOSPC or Errno.EDQUOT)
        {
            return false;
        }
    }
}
