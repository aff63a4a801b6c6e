using DynamicFs.Primitives;

namespace DynamicFs.Disks;

/// <summary>Reading and replacing the label of a disk.</summary>
public static class DiskLabelFile
{
    /// <summary>
    /// Reads and checks the label. Throws <see cref="CorruptionException"/> when it is missing, damaged or no regular file, <see cref="PoolException"/>
    /// Format when it is of a format that this build does not know, <see cref="DiskException"/> when the disk fails.
    /// </summary>
    public static DiskLabel Read(IDisk disk) => DiskLabelFormat.Decode(disk.Name, ReadBytes(disk));

    /// <summary>
    /// Replaces the label: new file, synced and read back, renamed over the old one, directory synced. Before the rename a failure leaves the old label,
    /// after it either; never neither.
    /// </summary>
    public static void Write(IDisk disk, DiskLabel label)
    {
        byte[] bytes = DiskLabelFormat.Encode(label);
        RemoveTemporary(disk);
        try
        {
            using (IDiskFile file = disk.Open(DiskLayout.LabelTemporary, DiskOpenMode.CreateNew))
            {
                file.Write(0, bytes);
                file.Sync();
                byte[] readBack = new byte[bytes.Length];
                if (file.Read(0, readBack) != bytes.Length || !readBack.AsSpan().SequenceEqual(bytes))
                    throw DiskLabelFormat.Corrupt(disk.Name, "what was just written", "other bytes");
            }

            disk.Rename(DiskLayout.LabelTemporary, DiskLayout.Label);
        }
        catch
        {
            TryRemoveTemporary(disk);
            throw;
        }

        disk.SyncDirectory("");
    }

    private static byte[] ReadBytes(IDisk disk)
    {
        try
        {
            using IDiskFile file = disk.Open(DiskLayout.Label, DiskOpenMode.Read);
            // One byte more than allowed tells a file that is too large, whatever its length says.
            byte[] bytes = new byte[DiskLabelFormat.MaxBytes + 1];
            int count = file.Read(0, bytes);
            return bytes[..count];
        }
        catch (DiskException e) when (e.Errno is Errno.ENOENT or Errno.ELOOP or Errno.EISDIR or Errno.EINVAL)
        {
            string found = e.Errno switch
            {
                Errno.ENOENT => "no file",
                Errno.ELOOP => "a symbolic link",
                Errno.EISDIR => "a directory",
                _ => "a fifo, socket or device",
            };
            throw DiskLabelFormat.Corrupt(disk.Name, "a regular file", found);
        }
    }

    private static void RemoveTemporary(IDisk disk)
    {
        try
        {
            disk.Unlink(DiskLayout.LabelTemporary);
        }
        catch (DiskException e) when (e.Errno == Errno.ENOENT)
        {
        }
    }

    /// <summary>The failure that led here is the one to report.</summary>
    private static void TryRemoveTemporary(IDisk disk)
    {
        try
        {
            disk.Unlink(DiskLayout.LabelTemporary);
        }
        catch (DiskException)
        {
        }
    }
}
