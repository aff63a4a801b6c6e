using System.Collections.Immutable;
using DynamicFs.Primitives;

namespace DynamicFs.CrashTests.Simulation;

/// <summary>Names of a simulated disk: finding, changing, and making changes durable. Pure functions from image to image.</summary>
internal static class ImageNames
{
    private static readonly ImmutableDictionary<string, int> s_noEntries = ImmutableDictionary<string, int>.Empty.WithComparers(StringComparer.Ordinal);

    public static DirectoryInode NewDirectory { get; } = new(s_noEntries, s_noEntries, LiveNames: 0, DurableNames: 0);

    /// <summary>The inode at the path; ELOOP or ENOTDIR where the way to it is a link or no directory.</summary>
    public static Errno Find(this DiskImage image, string path, out int inode)
    {
        inode = DiskImage.RootInode;
        if (path.Length == 0)
            return Errno.None;
        foreach (Range range in path.AsSpan().Split('/'))
        {
            if (image.Inodes[inode] is not DirectoryInode directory)
                return image.Inodes[inode] is OtherInode { IsLink: true } ? Errno.ELOOP : Errno.ENOTDIR;
            if (!directory.Live.TryGetValue(path[range], out inode))
                return Errno.ENOENT;
        }

        return Errno.None;
    }

    public static Errno FindDirectory(this DiskImage image, string path, out int inode)
    {
        Errno errno = image.Find(path, out inode);
        if (errno != Errno.None)
            return errno;
        return image.Inodes[inode] switch
        {
            DirectoryInode => Errno.None,
            OtherInode { IsLink: true } => Errno.ELOOP,
            _ => Errno.ENOTDIR,
        };
    }

    public static int Lookup(this DiskImage image, int directory, string name) =>
        ((DirectoryInode)image.Inodes[directory]).Live.GetValueOrDefault(name);

    /// <summary>Adds an inode under a new name.</summary>
    public static DiskImage Create(this DiskImage image, long sequence, string path, int directory, string name, Inode inode)
    {
        int number = image.NextInode;
        image = image with { Inodes = image.Inodes.SetItem(number, inode), NextInode = number + 1 };
        return image.Change(new EntryChange(sequence, $"create {path}", [new EntrySetting(directory, name, number)]));
    }

    /// <summary>Checks what rename(2) checks.</summary>
    public static Errno CheckRename(this DiskImage image, int moved, int newDirectory, int replaced)
    {
        if (image.Inodes[moved] is DirectoryInode && image.IsBelow(newDirectory, moved))
            return Errno.EINVAL;
        if (replaced == 0)
            return Errno.None;
        return (image.Inodes[moved], image.Inodes[replaced]) switch
        {
            (DirectoryInode, DirectoryInode { Live.Count: > 0 }) => Errno.ENOTEMPTY,
            (DirectoryInode, DirectoryInode) => Errno.None,
            (DirectoryInode, _) => Errno.ENOTDIR,
            (_, DirectoryInode) => Errno.EISDIR,
            _ => Errno.None,
        };
    }

    /// <summary>Makes the change visible at once and durable some day.</summary>
    public static DiskImage Change(this DiskImage image, EntryChange change)
    {
        foreach (EntrySetting setting in change.Settings)
        {
            var directory = (DirectoryInode)image.Inodes[setting.Directory];
            int old = directory.Live.GetValueOrDefault(setting.Name);
            image = image.With(setting.Directory, directory with { Live = Set(directory.Live, setting) });
            if (old != 0)
                image = image.AddLiveNames(old, -1);
            if (setting.Inode != 0)
                image = image.AddLiveNames(setting.Inode, 1);
        }

        return image with { PendingEntries = image.PendingEntries.Append(change) };
    }

    /// <summary>
    /// A directory sync: every change that touches the directory becomes durable, and with it every earlier one that touches a same entry (a
    /// rename is atomic, and the operations on one entry keep their order).
    /// </summary>
    public static DiskImage SyncDirectory(this DiskImage image, int directory, Func<int, bool> isOpen)
    {
        EntryChange[] pending = image.PendingEntries.ToArray();
        HashSet<(int, string)> touched = [];
        bool[] isChosen = new bool[pending.Length];
        for (int i = pending.Length - 1; i >= 0; i--)
        {
            isChosen[i] = pending[i].Settings.Any(s => s.Directory == directory || touched.Contains((s.Directory, s.Name)));
            if (isChosen[i])
                touched.UnionWith(pending[i].Settings.Select(s => (s.Directory, s.Name)));
        }

        return image.MakeDurable(pending, isChosen, isOpen);
    }

    /// <summary>As if every directory were synced.</summary>
    public static DiskImage SyncAllNames(this DiskImage image, Func<int, bool> isOpen)
    {
        EntryChange[] pending = image.PendingEntries.ToArray();
        bool[] isChosen = new bool[pending.Length];
        isChosen.AsSpan().Fill(true);
        return image.MakeDurable(pending, isChosen, isOpen);
    }

    public static ImmutableDictionary<string, int> Set(ImmutableDictionary<string, int> entries, EntrySetting setting) =>
        setting.Inode == 0 ? entries.Remove(setting.Name) : entries.SetItem(setting.Name, setting.Inode);

    public static DiskImage With(this DiskImage image, int number, Inode inode) => image with { Inodes = image.Inodes.SetItem(number, inode) };

    /// <summary>Forgets an inode that nothing can lead to any more, neither now nor after a power cut.</summary>
    public static DiskImage ForgetIfDead(this DiskImage image, int inode, Func<int, bool> isOpen)
    {
        if (!image.Inodes.TryGetValue(inode, out Inode? found) || found.LiveNames + found.DurableNames > 0 || isOpen(inode))
            return image;
        for (Chain<EntryChange>? change = image.PendingEntries; change is not null; change = change.Previous)
        {
            if (change.Value.Settings.Any(s => s.Inode == inode))
                return image;
        }

        return image with { Inodes = image.Inodes.Remove(inode), DirtyFiles = image.DirtyFiles.Remove(inode) };
    }

    private static DiskImage MakeDurable(this DiskImage image, EntryChange[] pending, bool[] isChosen, Func<int, bool> isOpen)
    {
        Chain<EntryChange>? rest = null;
        List<int> replaced = [];
        for (int i = 0; i < pending.Length; i++)
        {
            if (!isChosen[i])
            {
                rest = rest.Append(pending[i]);
                continue;
            }

            foreach (EntrySetting setting in pending[i].Settings)
                image = image.SetDurable(setting, replaced);
        }

        image = image with { PendingEntries = rest };
        foreach (int inode in replaced)
            image = image.ForgetIfDead(inode, isOpen);
        return image;
    }

    private static DiskImage SetDurable(this DiskImage image, EntrySetting setting, List<int> replaced)
    {
        var directory = (DirectoryInode)image.Inodes[setting.Directory];
        int old = directory.Durable.GetValueOrDefault(setting.Name);
        image = image.With(setting.Directory, directory with { Durable = Set(directory.Durable, setting) });
        if (old != 0)
        {
            image = image.AddDurableNames(old, -1);
            replaced.Add(old);
        }

        if (setting.Inode != 0)
        {
            image = image.AddDurableNames(setting.Inode, 1);
            replaced.Add(setting.Inode);
        }

        return image;
    }

    private static DiskImage AddDurableNames(this DiskImage image, int number, int count)
    {
        Inode inode = image.Inodes[number];
        return image.With(number, inode with { DurableNames = inode.DurableNames + count });
    }

    private static DiskImage AddLiveNames(this DiskImage image, int number, int count)
    {
        Inode inode = image.Inodes[number];
        long spaceBytes = inode is FileInode file ? DiskImage.SpaceOf(file.Live.LengthBytes) : 0;
        return image.With(number, inode with { LiveNames = inode.LiveNames + count }) with { UsedBytes = image.UsedBytes + (count * spaceBytes) };
    }

    private static bool IsBelow(this DiskImage image, int directory, int ancestor)
    {
        if (directory == ancestor)
            return true;
        return ((DirectoryInode)image.Inodes[ancestor]).Live.Values.Any(child => image.Inodes[child] is DirectoryInode && image.IsBelow(directory, child));
    }
}
