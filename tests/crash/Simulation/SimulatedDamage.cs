using DynamicFs.Disks;
using DynamicFs.Primitives;

namespace DynamicFs.CrashTests.Simulation;

/// <summary>What happens to a disk behind the engine's back. None of it is a call: it is neither numbered nor hit by faults.</summary>
public sealed partial class SimulatedDisk
{
    /// <summary>Changes bytes of a file, in the cache and on the medium: each is xored with the mask.</summary>
    public void Corrupt(string path, long offset, int lengthBytes = 1, byte mask = 1) => ChangeFile(path, file =>
    {
        byte[] bytes = new byte[lengthBytes];
        file.Live.ReadRaw(offset, bytes);
        foreach (ref byte b in bytes.AsSpan())
            b ^= mask;
        return file with { Live = Overwrite(file.Live, offset, bytes), Durable = Overwrite(file.Durable, offset, bytes) };
    });

    /// <summary>What programs see in a file; zeros behind its end.</summary>
    public byte[] Peek(string path, long offset, int lengthBytes)
    {
        byte[] bytes = new byte[lengthBytes];
        DiskImage image = Image;
        if (image.Find(path, out int inode) == Errno.None)
            image.File(inode).Live.ReadRaw(offset, bytes);
        return bytes;
    }

    /// <summary>Reading the sectors of this range fails with EIO until they are written again.</summary>
    public void MakeUnreadable(string path, long offset, int lengthBytes = Sectors.Size) => ChangeFile(path, file =>
    {
        long first = offset / Sectors.Size, last = (offset + lengthBytes - 1) / Sectors.Size;
        return file with { BadSectors = file.BadSectors.Union(Enumerable.Range(0, (int)(last - first) + 1).Select(i => first + i)) };
    });

    /// <summary>Cuts a file off, in the cache and on the medium.</summary>
    public void Cut(string path, long lengthBytes) => ChangeFile(path, file => file with { Live = file.Live.WithLength(lengthBytes), Durable = file.Live.WithLength(lengthBytes) });

    /// <summary>A name is gone, durably.</summary>
    public void Remove(string path) => Set(image =>
    {
        Errno errno = image.FindDirectory(DiskPath.Split(path, out string name), out int directory);
        Invariant.Check(errno == Errno.None, "the file to be removed has a directory");
        return image.Change(new EntryChange(World.Sequence, $"remove {path}", [new EntrySetting(directory, name, 0)])).SyncAllNames(_ => false);
    });

    /// <summary>Puts a fifo or a symbolic link into the place of whatever has that name.</summary>
    public void Plant(string path, bool isLink)
    {
        lock (World.Gate)
        {
            DiskImage image = _medium.Image;
            Errno errno = image.FindDirectory(DiskPath.Split(path, out string name), out int directory);
            Invariant.Check(errno == Errno.None, "something is planted in an existing directory");
            _medium.Set(World.Sequence, image.Create(World.Sequence, path, directory, name, new OtherInode(isLink, LiveNames: 0, DurableNames: 0)));
        }
    }

    /// <summary>Sets the size of the disk; writes beyond it fail with ENOSPC.</summary>
    public void SetCapacity(long capacityBytes) => Set(image => image with { CapacityBytes = capacityBytes });

    /// <summary>As a remount read-only after an error: every change fails with EROFS.</summary>
    public void SetReadOnly(bool isReadOnly) => Set(image => image with { IsReadOnly = isReadOnly });

    private static BlockMap Overwrite(BlockMap map, long offset, ReadOnlySpan<byte> bytes) => map.Write(offset, bytes).WithLength(map.LengthBytes);

    private void Set(Func<DiskImage, DiskImage> change)
    {
        lock (World.Gate)
            _medium.Set(World.Sequence, change(_medium.Image));
    }

    private void ChangeFile(string path, Func<FileInode, FileInode> change) => Set(image =>
    {
        Errno errno = image.Find(path, out int inode);
        Invariant.Check(errno == Errno.None, "the file to be damaged exists");
        return image.WithFile(inode, change(image.File(inode)));
    });
}
