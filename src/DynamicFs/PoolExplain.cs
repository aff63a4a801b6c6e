using System.Text;
using DynamicFs.Admin;
using DynamicFs.Disks;
using DynamicFs.Extents;
using DynamicFs.Files;
using DynamicFs.Primitives;

namespace DynamicFs;

/// <summary>Where the bytes of one file are, and what they survive.</summary>
public sealed partial class Pool
{
    private const int MaxListedExtents = 10_000;

    /// <param name="path">The file's path in the pool, from its root.</param>
    public ExplainReport Explain(string path)
    {
        Attributes attributes = Resolve(path);
        var slices = new List<Slice>();
        if (attributes.IsRegular)
            new FileMap(_metadata.Namespace, new ExtentAccounts(), Files.Gate).Find(attributes.Inode, 0, long.MaxValue, slices);
        long committed = 0;
        var extents = new List<ExtentStatus>();
        foreach (IGrouping<ExtentId, Slice> group in slices.GroupBy(s => s.Extent))
        {
            if (Catalog.Find(group.Key) is not { } record)
                continue;
            long bytes = group.Sum(s => (long)s.LengthBytes);
            committed += bytes;
            extents.Add(Describe(record, group.Count(), bytes));
        }

        int survives = extents.Select(e => e.SurvivesDisks).Append(MetadataSurvives()).Min();
        return new ExplainReport(
            Schema.Version, Name, path, attributes.Inode.Value, KindOf(attributes.Mode), attributes.SizeBytes, attributes.AllocatedBytes,
            Shape.DefaultScheme.ToString(), survives, Summary(survives), Math.Max(0, attributes.AllocatedBytes - committed), [.. extents.Take(MaxListedExtents)]);
    }

    private Attributes Resolve(string path)
    {
        InodeNumber inode = InodeNumber.Root;
        Errno errno = Files.GetAttributes(inode, out Attributes attributes);
        foreach (string name in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (errno == Errno.None)
                errno = Files.Lookup(attributes.Inode, Encoding.UTF8.GetBytes(name), out attributes);
        }

        return errno switch
        {
            Errno.None => attributes,
            Errno.ENOENT or Errno.ENOTDIR => throw new PoolException(ErrorId.NotFound, $"pool {Name} has no {path} (links are not followed here: name the target itself)"),
            _ => throw new PoolException(ErrorId.Io, $"{path} in pool {Name} cannot be looked up: {errno}; the log says why"),
        };
    }

    private ExtentStatus Describe(ExtentRecord record, int slices, long fileBytes)
    {
        var fragments = new FragmentStatus[record.Fragments.Length];
        int good = 0;
        for (int i = 0; i < fragments.Length; i++)
        {
            FragmentPlace place = record.Fragments[i];
            MemberDisk? disk = place.IsPlaced ? _members[place.DiskIndex] : null;
            string state = disk is null ? "UNPLACED" : !disk.IsPresent ? "DISK_MISSING" : disk.IsReadable ? "PRESENT" : "DISK_FAILED";
            good += state == "PRESENT" ? 1 : 0;
            string kind = record.Scheme.IsReplica ? "replica" : i < record.Scheme.DataCount ? "data" : "parity";
            string? file = disk is null ? null : $"{disk.Name}/{DiskLayout.Directory}/{FragmentName.File(record.Id, i)}";
            fragments[i] = new FragmentStatus(i, kind, place.DiskIndex, file, state);
        }

        int survives = Math.Max(-1, good - record.Scheme.DataCount);
        return new ExtentStatus(record.Id.ToString(), record.Scheme.ToString(), record.LengthBytes, record.Birth.Value, slices, fileBytes, survives, fragments);
    }

    /// <summary>Names and maps are mirrored: one good copy is enough.</summary>
    private int MetadataSurvives() => Math.Max(0, Shape.MetadataDisks.Count(index => _members[index].IsReadable) - 1);

    private static string Summary(int survives) => survives switch
    {
        < 0 => "a part of it is lost: too few of its fragments are on disks that are here",
        0 => "readable, but the loss of one more disk loses a part of it",
        1 => "survives the loss of any 1 more disk",
        _ => $"survives the loss of any {survives} more disks",
    };

    private static string KindOf(uint mode) => (mode & FileType.Mask) switch
    {
        FileType.Regular => "file",
        FileType.Directory => "directory",
        FileType.SymbolicLink => "symlink",
        FileType.Fifo => "fifo",
        FileType.Socket => "socket",
        FileType.BlockDevice => "block device",
        _ => "character device",
    };
}
