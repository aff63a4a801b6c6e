using System.Collections.Immutable;

namespace DynamicFs.CrashTests.Simulation;

/// <summary>Contents of a simulated disk: writing, syncing, and what is on the medium. Pure functions from image to image.</summary>
internal static class ImageFiles
{
    public static DiskImage Write(this DiskImage image, long sequence, int number, string path, long offset, ReadOnlySpan<byte> data)
    {
        if (data.Length == 0)
            return image;
        FileInode file = image.File(number);
        BlockMap after = file.Live.Write(offset, data);
        var change = new FileChange(sequence, path, offset, data.Length, after, offset, file.Live.LengthBytes, after.LengthBytes);
        FileInode written = file with { Live = after, Pending = file.Pending.Append(change), BadSectors = Healed(file, change) };
        return image.WithFile(number, written).AddUsedBytes(file, after.LengthBytes);
    }

    /// <summary>A write that the disk reports and never does: only the cache has it.</summary>
    public static DiskImage WriteDropped(this DiskImage image, int number, long offset, ReadOnlySpan<byte> data)
    {
        FileInode file = image.File(number);
        BlockMap after = file.Live.Write(offset, data);
        return image.WithFile(number, file with { Live = after, IsDiverged = true }).AddUsedBytes(file, after.LengthBytes);
    }

    /// <summary>
    /// A write whose data lands on the medium some whole sectors before or behind its place in the file. Cache and length are right: the first
    /// is memory, the second the filesystem's.
    /// </summary>
    public static DiskImage WriteMisdirected(
        this DiskImage image, long sequence, int number, string path, long offset, ReadOnlySpan<byte> data, int shiftSectors)
    {
        FileInode file = image.File(number);
        BlockMap after = file.Live.Write(offset, data);
        long shiftBytes = (long)shiftSectors * Sectors.Size;
        long landed = offset + shiftBytes >= 0 ? offset + shiftBytes : offset - shiftBytes;
        var change = new FileChange(sequence, path, landed, data.Length, after, offset, file.Live.LengthBytes, after.LengthBytes);
        return image.WithFile(number, file with { Live = after, IsDiverged = true, Pending = file.Pending.Append(change) })
            .AddUsedBytes(file, after.LengthBytes);
    }

    public static DiskImage SetLength(this DiskImage image, long sequence, int number, string path, long lengthBytes)
    {
        FileInode file = image.File(number);
        if (file.Live.LengthBytes == lengthBytes)
            return image;
        BlockMap after = file.Live.WithLength(lengthBytes);
        var change = new FileChange(sequence, path, 0, 0, after, 0, file.Live.LengthBytes, lengthBytes);
        return image.WithFile(number, file with { Live = after, Pending = file.Pending.Append(change) }).AddUsedBytes(file, lengthBytes);
    }

    /// <summary>Everything written to the file so far (and not dropped, lost or misdirected on the way) is on the medium.</summary>
    public static DiskImage SyncFile(this DiskImage image, int number)
    {
        FileInode file = image.File(number);
        return file.Pending is null ? image : image.WithFile(number, file with { Durable = file.Medium(), Pending = null });
    }

    /// <summary>
    /// A sync that fails: of what was pending, <paramref name="random"/> decides sector by sector what is on the medium; nothing of it is pending any
    /// more, and the cache goes on showing all of it.
    /// </summary>
    public static DiskImage SyncLost(this DiskImage image, int number, Random random)
    {
        FileInode file = image.File(number);
        if (file.Pending is null)
            return image;
        var survivors = new FileSurvivors(file);
        foreach (FileChange change in file.Pending.ToArray())
        {
            if (change.ChangesLength)
                survivors.ApplyLength(change, random.Next(2) == 0 ? Survival.Lost : Survival.Kept);
            survivors.ApplyData(change, Survival.Some(random.Next()));
        }

        return image.WithFile(number, file with { Durable = survivors.Build(out _), Pending = null, IsDiverged = true });
    }

    /// <summary>The cache is emptied: programs see what the medium has, or will have once what is pending is written back.</summary>
    public static DiskImage DropCaches(this DiskImage image)
    {
        foreach (int number in image.DirtyFiles)
        {
            FileInode file = image.File(number);
            if (file.IsDiverged)
                image = image.WithFile(number, file with { Live = file.Medium(), IsDiverged = false });
        }

        return image;
    }

    public static FileInode File(this DiskImage image, int number) => (FileInode)image.Inodes[number];

    /// <summary>What the medium has once everything pending has been written back.</summary>
    public static BlockMap Medium(this FileInode file)
    {
        if (!file.IsDiverged)
            return file.Live;
        var survivors = new FileSurvivors(file);
        foreach (FileChange change in file.Pending.ToArray())
        {
            if (change.ChangesLength)
                survivors.ApplyLength(change, Survival.Kept);
            survivors.ApplyData(change, Survival.Kept);
        }

        return survivors.Build(out _);
    }

    public static DiskImage WithFile(this DiskImage image, int number, FileInode file)
    {
        bool isDirty = file.Pending is not null || file.IsDiverged;
        image = image.With(number, file);
        if (isDirty == image.DirtyFiles.Contains(number))
            return image;
        return image with { DirtyFiles = isDirty ? image.DirtyFiles.Add(number) : image.DirtyFiles.Remove(number) };
    }

    private static ImmutableHashSet<long> Healed(FileInode file, FileChange change)
    {
        if (file.BadSectors.IsEmpty)
            return file.BadSectors;
        return file.BadSectors.Except(Enumerable.Range(0, change.SectorCount).Select(i => change.FirstSector + i));
    }

    private static DiskImage AddUsedBytes(this DiskImage image, FileInode before, long lengthBytes)
    {
        long growth = DiskImage.SpaceOf(lengthBytes) - DiskImage.SpaceOf(before.Live.LengthBytes);
        return before.LiveNames == 0 || growth == 0 ? image : image with { UsedBytes = image.UsedBytes + growth };
    }
}
