using System.Collections.Immutable;

namespace DynamicFs.CrashTests.Simulation;

/// <summary>
/// Everything about one simulated disk at one moment: names, contents, and what a power cut may take away of them. Immutable, so that keeping one costs
/// nothing and building a new one costs what differs.
/// </summary>
public sealed record DiskImage
{
    internal const int RootInode = 1;

    private ulong _hash;
    private bool _isHashed;

    private DiskImage()
    {
    }

    /// <summary>For 'with': everything but the hash.</summary>
    private DiskImage(DiskImage other)
    {
        (Inodes, NextInode, PendingEntries, DirtyFiles) = (other.Inodes, other.NextInode, other.PendingEntries, other.DirtyFiles);
        (UsedBytes, CapacityBytes, IsReadOnly) = (other.UsedBytes, other.CapacityBytes, other.IsReadOnly);
    }

    internal ImmutableDictionary<int, Inode> Inodes { get; init; } = ImmutableDictionary<int, Inode>.Empty
        .Add(RootInode, new DirectoryInode(ImmutableDictionary<string, int>.Empty, ImmutableDictionary<string, int>.Empty, 1, 1));

    internal int NextInode { get; init; } = RootInode + 1;

    /// <summary>Changes of names since the last sync of a directory that they touch.</summary>
    internal Chain<EntryChange>? PendingEntries { get; init; }

    /// <summary>Files whose medium differs, or may come to differ, from what programs see.</summary>
    internal ImmutableHashSet<int> DirtyFiles { get; init; } = [];

    public long UsedBytes { get; init; }

    internal long CapacityBytes { get; init; } = 1L << 40;

    internal bool IsReadOnly { get; init; }

    /// <summary>An empty disk.</summary>
    public static DiskImage Empty { get; } = new();

    /// <summary>
    /// Tells states apart: the hash of every name and content that programs see. The same for images of different histories that look the same
    /// (states right after a crash, when nothing is pending, are the same then).
    /// </summary>
    public ulong Hash()
    {
        if (!Volatile.Read(ref _isHashed))
        {
            _hash = HashDirectory(RootInode, 1);
            Volatile.Write(ref _isHashed, true);
        }

        return _hash;
    }

    /// <summary>Every file that programs see.</summary>
    public IEnumerable<string> FilePaths() => FilePaths(RootInode, "");

    /// <summary>Length of a file as programs see it.</summary>
    public long LengthOf(string path) => this.Find(path, out int inode) == Primitives.Errno.None ? this.File(inode).Live.LengthBytes : 0;

    private IEnumerable<string> FilePaths(int directory, string prefix)
    {
        foreach ((string name, int child) in ((DirectoryInode)Inodes[directory]).Live)
        {
            if (Inodes[child] is FileInode)
                yield return prefix + name;
            else if (Inodes[child] is DirectoryInode)
            {
                foreach (string path in FilePaths(child, $"{prefix}{name}/"))
                    yield return path;
            }
        }
    }

    private ulong HashDirectory(int inode, ulong path)
    {
        ulong sum = path;
        foreach ((string name, int child) in ((DirectoryInode)Inodes[inode]).Live)
        {
            ulong childPath = Mixing.Mix((path * Mixing.Prime) ^ Mixing.Mix(name));
            sum += Inodes[child] switch
            {
                DirectoryInode => HashDirectory(child, childPath),
                FileInode file => Mixing.Mix(childPath ^ file.Live.Hash() ^ HashBadSectors(file)),
                _ => Mixing.Mix(childPath + 1),
            };
        }

        return sum;
    }

    private static ulong HashBadSectors(FileInode file)
    {
        ulong sum = 0;
        foreach (long sector in file.BadSectors)
            sum += Mixing.Mix((ulong)sector + Mixing.Prime);
        return sum;
    }

    internal static long SpaceOf(long lengthBytes) => (lengthBytes + Block.Size - 1) / Block.Size * Block.Size;
}
